//! Actions of a rule. ModSecurity 3.0.13 has 45, `ctl` and `t` not counted.

use super::{
    Dialect::{V3, V3Refuses},
    vocabulary,
};

/// Whether an action has an argument behind a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionArgument {
    /// `log`
    Absent,
    /// `allow`, `allow:phase`
    Optional,
    /// `msg:'..'`
    Required,
}
use ActionArgument::{Absent, Optional, Required};

vocabulary! {
    /// Actions of a rule.
    Action {
        Accuracy = "accuracy", V3, Required;
        Allow = "allow", V3, Optional;
        Append = "append", V3Refuses, Required;
        Auditlog = "auditlog", V3, Absent;
        Block = "block", V3, Absent;
        Capture = "capture", V3, Absent;
        Chain = "chain", V3, Absent;
        Ctl = "ctl", V3, Required;
        Deny = "deny", V3, Absent;
        Deprecatevar = "deprecatevar", V3Refuses, Required;
        Drop = "drop", V3, Absent;
        Exec = "exec", V3, Required;
        Expirevar = "expirevar", V3, Required;
        Id = "id", V3, Required;
        Initcol = "initcol", V3, Required;
        Log = "log", V3, Absent;
        Logdata = "logdata", V3, Required;
        Maturity = "maturity", V3, Required;
        Msg = "msg", V3, Required;
        MultiMatch = "multiMatch", V3, Absent;
        Noauditlog = "noauditlog", V3, Absent;
        Nolog = "nolog", V3, Absent;
        Pass = "pass", V3, Absent;
        Pause = "pause", V3Refuses, Required;
        Phase = "phase", V3, Required;
        Prepend = "prepend", V3Refuses, Required;
        Proxy = "proxy", V3Refuses, Required;
        Redirect = "redirect", V3, Required;
        Rev = "rev", V3, Required;
        SanitiseArg = "sanitiseArg", V3Refuses, Required;
        SanitiseMatched = "sanitiseMatched", V3Refuses, Absent;
        SanitiseMatchedBytes = "sanitiseMatchedBytes", V3Refuses, Optional;
        SanitiseRequestHeader = "sanitiseRequestHeader", V3Refuses, Required;
        SanitiseResponseHeader = "sanitiseResponseHeader", V3Refuses, Required;
        Setenv = "setenv", V3, Required;
        Setrsc = "setrsc", V3, Required;
        Setsid = "setsid", V3, Required;
        Setuid = "setuid", V3, Required;
        Setvar = "setvar", V3, Required;
        Severity = "severity", V3, Required;
        Skip = "skip", V3, Required;
        SkipAfter = "skipAfter", V3, Required;
        Status = "status", V3, Required;
        T = "t", V3, Required;
        Tag = "tag", V3, Required;
        Ver = "ver", V3, Required;
        Xmlns = "xmlns", V3, Required;
    }
    /// Whether an argument follows the name.
    argument: ActionArgument
}
