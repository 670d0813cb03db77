//! Who may pass, and where to: decisions as pure functions of plain values.
//!
//! Nothing here knows a configuration file, a socket or a clock; whoever asks brings the facts. Each decision is one file that decides
//! and says why not: which client a request comes from, whether its address may come in, how fast, and which route it belongs to.

mod access;
mod client_address;
mod overload;
mod prefixes;
pub mod rates;
mod route;

pub use access::{Access, Admitted, BreakGlass, Customer, Lists, NotAdmitted};
pub use client_address::{ForwardedField, Source, Trust};
pub use overload::{Pressure, Queue};
pub use prefixes::PrefixSet;
pub use route::{NoRoute, RouteTable, Scope};
