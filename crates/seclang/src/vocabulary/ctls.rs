//! Options of the `ctl` action. ModSecurity 3.0.13 has 10.

use super::{
    Dialect::{Coraza, V2, V3, V3Later},
    vocabulary,
};

/// What an option changes for the rest of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CtlReach {
    /// One of the engine's settings.
    Setting,
    /// Which rules run, or on which targets.
    Rules,
}
use CtlReach::{Rules, Setting};

vocabulary! {
    /// Options of the `ctl` action.
    Ctl {
        AuditEngine = "auditEngine", V3, Setting;
        AuditLogParts = "auditLogParts", V3, Setting;
        ForceRequestBodyVariable = "forceRequestBodyVariable", V3, Setting;
        ParseXmlIntoArgs = "parseXmlIntoArgs", V3Later, Setting;
        RequestBodyAccess = "requestBodyAccess", V3, Setting;
        RequestBodyProcessor = "requestBodyProcessor", V3, Setting;
        RuleEngine = "ruleEngine", V3, Setting;
        RuleRemoveById = "ruleRemoveById", V3, Rules;
        RuleRemoveByMsg = "ruleRemoveByMsg", V2, Rules;
        RuleRemoveByTag = "ruleRemoveByTag", V3, Rules;
        RuleRemoveTargetById = "ruleRemoveTargetById", V3, Rules;
        RuleRemoveTargetByMsg = "ruleRemoveTargetByMsg", V2, Rules;
        RuleRemoveTargetByTag = "ruleRemoveTargetByTag", V3, Rules;
        ResponseBodyAccess = "responseBodyAccess", Coraza, Setting;
    }
    /// What it changes.
    reach: CtlReach
}
