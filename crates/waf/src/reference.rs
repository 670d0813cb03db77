//! The plain evaluator: every rule asks every value, in order. It is what a faster one has to agree with.
//!
//! Semantics are ModSecurity v3's but where a comment says otherwise.

mod expand;
mod forms;
mod phase;
mod room;
mod rule;

pub(crate) use expand::{expand, expanded_apart};
pub(crate) use phase::{Outcome, Run};
pub(crate) use room::Texts;
pub(crate) use rule::would_match;
