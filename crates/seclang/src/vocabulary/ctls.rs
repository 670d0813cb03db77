//! Options of the `ctl` action.

use super::vocabulary;

vocabulary! {
    /// Options of the `ctl` action.
    Ctl {
        AuditEngine = "auditEngine",
        AuditLogParts = "auditLogParts",
        ForceRequestBodyVariable = "forceRequestBodyVariable",
        ParseXmlIntoArgs = "parseXmlIntoArgs",
        RequestBodyAccess = "requestBodyAccess",
        RequestBodyProcessor = "requestBodyProcessor",
        RuleEngine = "ruleEngine",
        RuleRemoveById = "ruleRemoveById",
        RuleRemoveByMsg = "ruleRemoveByMsg",
        RuleRemoveByTag = "ruleRemoveByTag",
        RuleRemoveTargetById = "ruleRemoveTargetById",
        RuleRemoveTargetByMsg = "ruleRemoveTargetByMsg",
        RuleRemoveTargetByTag = "ruleRemoveTargetByTag",
        ResponseBodyAccess = "responseBodyAccess",
    }
}
