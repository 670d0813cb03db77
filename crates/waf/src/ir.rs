//! What rules mean: chains joined, defaults and exclusions applied, names resolved. The contract between the compiler and whatever
//! runs a program.
//!
//! Nothing here knows SecLang's syntax; places in rule files are kept as file and line, for reports and diagnostics.

mod action;
pub(crate) mod automaton;
mod echo;
mod gate;
mod ids;
pub(crate) mod mark;
mod names;
pub(crate) mod phrases;
mod plan;
mod program;
mod rule;
mod settings;
pub(crate) mod sieve;
mod target;
mod timeline;

pub use action::{Control, Disruption, Effect, Operation, Sanitised, Scope, SetVar, Store};
pub(crate) use echo::Echo;
pub(crate) use gate::{Gate, Look, is_cut_down};
pub use ids::{MarkerId, RuleId};
pub(crate) use names::{ByName, Names, lower};
pub(crate) use plan::{Course, InParts, Outcome, PhasePlan, Plan, Planned, Write, insert, next_set};
pub use portcullis_seclang::template::{Part, Template};
pub(crate) use portcullis_seclang::vocabulary::Variable;
pub use program::{Program, ProgramFacts, RuleSet, Step};
pub use rule::{Link, Meta, Place, Rule, Skip, Test};
pub use settings::{AuditEngine, LimitAction, Settings};
pub(crate) use sieve::Sieve;
pub use target::{Exclusion, Regex, Selector, Target};
pub(crate) use timeline::{Moment, Timeline};
