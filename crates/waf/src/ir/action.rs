//! What a rule does when it matches.

use std::sync::Arc;

use super::{AuditEngine, Exclusion, RuleSet, Template};
use crate::{collections::Kind, state::Processor, transaction::Mode};

/// Where a variable is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// `TX`, gone with the transaction.
    Tx,
    /// `IP`, `GLOBAL`, ..: kept in the edge's collections.
    Persistent(Kind),
}

/// `setvar`. Runs for every value that matches, before the rest of the chain is looked at.
#[derive(Clone, Debug)]
pub struct SetVar {
    /// Where.
    pub store: Store,
    /// Name of the variable; may hold macros (`tx.paramcounter_%{MATCHED_VAR_NAME}`).
    pub name: Template,
    /// What to do with it.
    pub operation: Operation,
    /// The number of a name without macros among those of `TX`, where the compiler has looked.
    pub(crate) number: Option<u16>,
    /// The same of the variable that it adds or subtracts, if that is all (`tx.x=+%{tx.y}`).
    pub(crate) amount: Option<u16>,
}

/// What `setvar` does.
#[derive(Clone, Debug)]
pub enum Operation {
    /// `!tx.x`
    Unset,
    /// `tx.x=5`
    Set(Template),
    /// `tx.x=+5`
    Add(Template),
    /// `tx.x=-5`
    Subtract(Template),
}

/// Non-disruptive actions that run once, after the whole chain matched.
#[derive(Clone, Debug)]
pub enum Effect {
    /// `ctl`
    Control(Control),
    /// `initcol`, `setsid`, `setuid`
    Open {
        /// Which collection.
        kind: Kind,
        /// Key of the record.
        key: Template,
    },
    /// `expirevar:ip.x=60`
    Expire {
        /// Which collection.
        kind: Kind,
        /// Name of the variable.
        name: Template,
        /// Seconds from now.
        seconds: Template,
    },
    /// `deprecatevar:ip.x=1/60`
    Deprecate {
        /// Which collection.
        kind: Kind,
        /// Name of the variable.
        name: Template,
        /// Taken away ..
        amount: i64,
        /// .. for every so many seconds gone by.
        period: u64,
    },
    /// `sanitiseArg`, `sanitiseMatched`, ..: values that no record shows.
    Sanitise(Sanitised),
    /// `setenv`: kept in `ENV` of the transaction, never in the environment of the process.
    SetEnv {
        /// Name.
        name: Template,
        /// Value.
        value: Template,
    },
}

/// What a record does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sanitised {
    /// Arguments of a name.
    Argument(Box<[u8]>),
    /// Request header fields of a name.
    RequestHeader(Box<[u8]>),
    /// Response header fields of a name.
    ResponseHeader(Box<[u8]>),
    /// What matched in this chain.
    Matched,
}

/// `ctl`, for this transaction only.
#[derive(Clone, Debug)]
pub enum Control {
    /// `ruleEngine`
    Engine(Mode),
    /// `auditEngine`
    AuditEngine(AuditEngine),
    /// `requestBodyAccess`
    RequestBodyAccess(bool),
    /// `responseBodyAccess`
    ResponseBodyAccess(bool),
    /// `requestBodyProcessor`
    BodyProcessor(Processor),
    /// `forceRequestBodyVariable`
    ForceRequestBody(bool),
    /// `ruleRemoveById|ByTag|ByMsg`
    RemoveRules(Arc<RuleSet>),
    /// `ruleRemoveTargetById|ByTag|ByMsg`
    RemoveTargets(Arc<RuleSet>, Arc<Exclusion>),
}

/// The disruptive action of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disruption {
    /// `pass`
    Pass,
    /// `deny`, with its status
    Deny(u16),
    /// `drop`
    Drop,
    /// `redirect`, with its status
    Redirect(u16, Template),
    /// `allow`
    Allow(Scope),
}

/// How much `allow` lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `allow`: every phase but logging.
    All,
    /// `allow:phase`: the rest of this phase.
    Phase,
    /// `allow:request`: the request phases.
    Request,
}
