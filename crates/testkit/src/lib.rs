//! What tests drive an edge with: certificates, a backend that records every byte, clients that send exact bytes, and the
//! `portcullis` binary as a process.
//!
//! Everything speaks over real sockets on loopback. Nothing here knows the edge's code: what a test sees is what a client, a
//! backend or a reader of the logs would see.

mod certificates;
mod client;
mod edge;
mod h2;
mod http1;
mod journal;
mod memory;
mod upstream;

pub use certificates::{Authority, Leaf};
pub use client::{Client, Wire};
pub use edge::{Backend, Edge, EdgeConfig, Start, free_port};
pub use h2::{Frame, H2Answer, H2Connection, H2Wire, h2_exchange, h2_raw, header_block};
/// Request types for [`h2_exchange`].
pub use http;
pub use http1::{Answer, Received};
pub use journal::Journal;
pub use memory::resident_kib;
pub use upstream::{RecordingUpstream, Reply};
