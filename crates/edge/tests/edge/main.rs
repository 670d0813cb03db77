//! The edge over real sockets: an edge within the test's process, recording backends behind it, clients that send exact bytes.

mod answers;
mod backends;
mod bodies;
mod client;
mod demo;
mod gate;
mod operation;
mod plain;
mod site;
