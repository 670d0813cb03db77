//! Sockets and stages: the only crate that knows pingora and tokio.
//!
//! A request's way is the reading order: `listener` accepts, `tls` shakes hands, `connection` serves HTTP/2 or the HTTP/1 loop, `gate`
//! vets a head before any parser trusts it, `pipeline` calls the `stages`, and `answer` turns every refusal into bytes. What all of it
//! works by is one immutable `Snapshot`, made by `assemble` and replaced as a whole by a reload.
//!
//! Invariant: not one byte of a request reaches a backend before its inspection has ended.

mod access;
mod admin;
mod answer;
mod assemble;
mod budget;
mod client;
mod clock;
mod codes;
mod connection;
mod context;
mod demo_backend;
mod edge;
mod gate;
mod host;
mod identity;
mod in_step;
mod limits;
mod listener;
mod load;
mod logs;
mod overlay;
mod pipeline;
mod plain;
mod problem;
mod redirect;
mod refusal;
mod reload;
mod request_id;
mod server;
mod session;
mod signals;
mod snapshot;
mod stages;
mod store;
mod tls;
mod upstream;
mod workshop;

pub use assemble::{ConfigSource, FileLoader, LoadedRules, RuleSet, check, configured_rules, load_rules};
pub use demo_backend::{DemoBackend, DemoOptions, demo_backend};
pub use problem::StartError;
pub use server::{Addresses, RunOptions, Running, run, start};
pub use tls::report;
