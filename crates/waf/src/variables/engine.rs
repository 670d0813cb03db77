//! The engine itself, the rule that runs, and what only a module inside a web server can know.

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Collection, Refused, Single},
    Visit, line,
};
use crate::state::{State, Value, decimal, flag};

const NO_SCRIPT: &str = "a proxy has no script file";
const USE_FILENAME: &str = "use REQUEST_FILENAME or REQUEST_BASENAME";
const NO_TIMES: &str = "rules do not see how long the engine took";
const USE_METRICS: &str = "read the edge's metrics instead";

pub(super) const LINES: &[Line] = &[
    line(V::HighestSeverity, Single(|state| Some(decimal(state.highest_severity)))),
    line(V::Rule, Collection(rule)),
    line(V::Webappid, Single(|state| Some(Value::from(&*state.program.settings().web_app_id)))),
    line(V::MscPcreError, Single(|state| Some(flag(state.pattern_error)))),
    line(V::MscPcreLimitsExceeded, Single(|state| Some(flag(state.pattern_limits)))),
    line(V::ModsecBuild, Refused("this is not ModSecurity", "remove the check of its version")),
    line(V::PerfAll, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfCombined, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfGc, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfLogging, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfPhase1, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfPhase2, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfPhase3, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfPhase4, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfPhase5, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfRules, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfSread, Refused(NO_TIMES, USE_METRICS)),
    line(V::PerfSwrite, Refused(NO_TIMES, USE_METRICS)),
    line(V::ScriptBasename, Refused(NO_SCRIPT, USE_FILENAME)),
    line(V::ScriptFilename, Refused(NO_SCRIPT, USE_FILENAME)),
    line(V::ScriptGid, Refused(NO_SCRIPT, USE_FILENAME)),
    line(V::ScriptGroupname, Refused(NO_SCRIPT, USE_FILENAME)),
    line(V::ScriptMode, Refused(NO_SCRIPT, USE_FILENAME)),
    line(V::ScriptUid, Refused(NO_SCRIPT, USE_FILENAME)),
    line(V::ScriptUsername, Refused(NO_SCRIPT, USE_FILENAME)),
    line(V::SdbmDeleteError, Refused("collections are not kept in SDBM files", "remove the check")),
    line(
        V::WebserverErrorLog,
        Refused("there is no web server around the engine whose errors could be read", "remove the rule"),
    ),
];

/// `RULE:id`, `RULE:severity`, ..: the rule that is being evaluated. `msg` and `logdata` are as written.
fn rule(state: &State, visit: &mut Visit<'_>) {
    let Some(rule) = state.rule.and_then(|id| state.program.rule(id)) else { return };
    let mut say = |name: &str, value: &[u8]| visit(&Value::from(name.as_bytes()), &Value::from(value));
    say("id", rule.id.to_string().as_bytes());
    say("msg", rule.meta.message.as_bytes());
    if let Some(severity) = rule.meta.severity {
        say("severity", severity.to_string().as_bytes());
    }
    if let Some(revision) = &rule.meta.revision {
        say("rev", revision.as_bytes());
    }
    if let Some(version) = &rule.meta.version {
        say("ver", version.as_bytes());
    }
}
