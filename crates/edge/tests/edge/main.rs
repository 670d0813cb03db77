//! The edge over real sockets: an edge within the test's process, recording backends behind it, clients that send exact bytes.

mod answers;
mod backends;
mod bodies;
mod client;
mod demo;
mod door;
mod floods;
mod gate;
mod hostile_backends;
mod lenient;
mod limits;
mod lists;
mod operation;
mod plain;
mod site;
mod slow;
mod smuggling;
