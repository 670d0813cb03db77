//! Engines side by side: the corpus that all of them run, and what a driver of an engine does with it.
//!
//! A driver loads rules once, reads commands from its standard input and runs whole transactions; benches/peers/README.md says what it
//! speaks. `cargo xtask bench-peers` keeps a driver of every engine loaded and asks them in turn.

pub mod corpus;
pub mod driver;
pub mod hostile;
pub mod ours;
