//! Who may pass, and where to: decisions as pure functions of plain values.
//!
//! Nothing here knows a configuration file, a socket or a clock; whoever asks brings the facts. So far one decision lives here, which
//! route a request belongs to. Identity, address lists and rates join it, each as one file that decides and says why not.

mod route;

pub use route::{NoRoute, RouteTable, Scope};
