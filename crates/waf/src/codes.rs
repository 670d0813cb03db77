//! Numbers of the engine's diagnostics. Explicit, in one place, never reused. `E03..` do not load, `W03..` do.

use portcullis_diag::Code;

/// A rule without an `id`, or with one that is no number.
pub const RULE_ID: Code = Code("E0301");
/// Two rules with one `id`.
pub const DUPLICATE_ID: Code = Code("E0302");
/// A chain that is not continued, or a link that says what only a head may say.
pub const CHAIN: Code = Code("E0303");
/// A variable that is not implemented.
pub const VARIABLE: Code = Code("E0304");
/// A member of a collection that cannot be named so.
pub const SELECTOR: Code = Code("E0305");
/// An operator that is not implemented or not well formed.
pub const OPERATOR: Code = Code("E0306");
/// A transformation that does not exist.
pub const TRANSFORMATION: Code = Code("E0307");
/// An action that is not implemented.
pub const ACTION: Code = Code("E0308");
/// The argument of an action is missing or wrong.
pub const ACTION_ARGUMENT: Code = Code("E0309");
/// A `ctl` that is not implemented or not well formed.
pub const CTL: Code = Code("E0310");
/// A directive that is not implemented.
pub const SETTING: Code = Code("E0311");
/// The argument of a directive is missing or wrong.
pub const SETTING_ARGUMENT: Code = Code("E0312");
/// `SecDefaultAction` without a phase or with what belongs to one rule.
pub const DEFAULT_ACTION: Code = Code("E0313");
/// An `Include` that nobody resolved.
pub const INCLUDE: Code = Code("E0314");
/// The set-up switches rules on that cannot work here.
pub const SWITCHED_ON: Code = Code("E0315");

/// Accepted, with something else in its place.
pub const REPLACED: Code = Code("W0301");
/// An exclusion that selects no rule.
pub const SELECTS_NOTHING: Code = Code("W0303");
/// Several disruptive actions in one rule: the last counts.
pub const SEVERAL_DISRUPTIVE: Code = Code("W0304");
