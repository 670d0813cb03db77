//! The engine that runs requests: values are sifted once, and only what may match is evaluated.
//!
//! What a rule that is awake does is the plain evaluator's code ([`crate::reference`]), so that both engines mean the same.

mod matcher;
mod phase;
mod scratch;
mod sightings;
mod verdicts;

pub(crate) use matcher::scan;
pub(crate) use phase::Planned;
pub(crate) use sightings::{Sighting, Sightings};
