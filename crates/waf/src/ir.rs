//! What rules mean: chains joined, defaults and exclusions applied, names resolved. The contract between the compiler and whatever
//! runs a program.
//!
//! Nothing here knows SecLang's syntax; places in rule files are kept as file and line, for reports and diagnostics.

mod action;
mod ids;
mod program;
mod rule;
mod settings;
mod target;

pub use action::{Control, Disruption, Effect, Operation, Sanitised, Scope, SetVar, Store};
pub use ids::{MarkerId, RuleId};
pub use portcullis_seclang::template::{Part, Template};
pub use program::{Program, ProgramFacts, RuleSet, Step};
pub use rule::{Link, Meta, Place, Rule, Skip, Test};
pub use settings::{AuditEngine, LimitAction, Settings};
pub use target::{Exclusion, Regex, Selector, Target};
