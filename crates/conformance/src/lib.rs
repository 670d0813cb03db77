//! Runs the regression suite of the Core Rule Set through a real edge, over real sockets.
//!
//! The suite is written for the runner go-ftw; `request` builds the same bytes as it would, `backend` answers as the suite's
//! backend does, `records` learns which rules matched from the edge's own logs, and `check` compares. A case that is known not
//! to hold stands in a ledger with its reason; one that holds although it is excused fails the run.

mod backend;
mod check;
mod decisions;
mod records;
mod request;
mod run;
mod suite;

pub use decisions::{DecisionOptions, Decisions, decisions};
pub use run::{Options, Outcome, run};
