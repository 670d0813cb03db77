//! What stands in a rule's action list: one line for each action of the language.
//!
//! An action is read when rules are compiled ([`Lowered`] collects what it says) and, if it does something, run by [`effects`]. An
//! action that is not implemented is refused with a reason; none is silently without effect.

mod collections;
pub(crate) mod ctl;
mod disruptive;
pub(crate) mod effects;
pub(crate) mod flow;
mod logging;
mod metadata;
mod sanitise;
pub(crate) mod setvar;
mod transformation;

use portcullis_diag::{Diagnostic, Span};
use portcullis_seclang::{ast, vocabulary::Action as A};
use portcullis_transform::Transformation;

pub(crate) use disruptive::Written;

use crate::{
    codes,
    compile::Compiler,
    ir::{Effect, SetVar, Template},
};

/// What an action list says, collected action by action.
#[derive(Clone, Debug)]
pub(crate) struct Lowered {
    pub(crate) severity: Option<u8>,
    pub(crate) message: Vec<u8>,
    pub(crate) log_data: Option<Template>,
    pub(crate) tags: Vec<Vec<u8>>,
    pub(crate) revision: Option<Vec<u8>>,
    pub(crate) version: Option<Vec<u8>>,
    pub(crate) maturity: Option<u8>,
    pub(crate) accuracy: Option<u8>,
    pub(crate) log: bool,
    pub(crate) audit: bool,
    pub(crate) disruption: Option<(Written, Span)>,
    pub(crate) status: Option<u16>,
    pub(crate) skip: Option<flow::WrittenSkip>,
    pub(crate) transformations: Vec<&'static Transformation>,
    pub(crate) multi_match: bool,
    pub(crate) capture: bool,
    pub(crate) set_vars: Vec<SetVar>,
    pub(crate) effects: Vec<Effect>,
}

impl Default for Lowered {
    fn default() -> Self {
        Self {
            severity: None,
            message: Vec::new(),
            log_data: None,
            tags: Vec::new(),
            revision: None,
            version: None,
            maturity: None,
            accuracy: None,
            // ModSecurity's built-in default action: `phase:2,log,auditlog,pass`.
            log: true,
            audit: true,
            disruption: None,
            status: None,
            skip: None,
            transformations: Vec::new(),
            multi_match: false,
            capture: false,
            set_vars: Vec::new(),
            effects: Vec::new(),
        }
    }
}

/// Reads one action into what the rule says.
type Lower = fn(&mut Lowered, &mut Compiler<'_>, &ast::Action);

/// What becomes of an action.
enum Handling {
    /// Read while rules are joined into chains.
    Structure,
    /// Read here.
    Lower(Lower),
    /// Not implemented: why, and what to do instead.
    Refused(&'static str, &'static str),
}

/// Where an action may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the head of a chain only: it belongs to the whole.
    Head,
    /// In heads and links.
    Anywhere,
}

struct Line {
    action: A,
    place: Place,
    handling: Handling,
}

const fn line(action: A, place: Place, handling: Handling) -> Line {
    Line { action, place, handling }
}

use Handling::{Lower as Read, Refused, Structure};
use Place::{Anywhere, Head};

const NO_REWRITING: &str = "the edge does not rewrite what it forwards";
const REMOVE: &str = "remove it";

const TABLE: &[Line] = &[
    line(A::Accuracy, Head, Read(metadata::accuracy)),
    line(A::Allow, Head, Read(disruptive::allow)),
    line(A::Append, Anywhere, Refused(NO_REWRITING, REMOVE)),
    line(A::Auditlog, Anywhere, Read(logging::auditlog)),
    line(A::Block, Head, Read(disruptive::block)),
    line(A::Capture, Anywhere, Read(transformation::capture)),
    line(A::Chain, Anywhere, Structure),
    line(A::Ctl, Anywhere, Read(ctl::lower)),
    line(A::Deny, Head, Read(disruptive::deny)),
    line(A::Deprecatevar, Anywhere, Read(collections::deprecatevar)),
    line(A::Drop, Head, Read(disruptive::drop)),
    line(A::Exec, Anywhere, Refused("rules start no programs", "act on the audit log instead")),
    line(A::Expirevar, Anywhere, Read(collections::expirevar)),
    line(A::Id, Head, Structure),
    line(A::Initcol, Anywhere, Read(collections::initcol)),
    line(A::Log, Anywhere, Read(logging::log)),
    line(A::Logdata, Anywhere, Read(metadata::logdata)),
    line(A::Maturity, Head, Read(metadata::maturity)),
    line(A::Msg, Anywhere, Read(metadata::msg)),
    line(A::MultiMatch, Anywhere, Read(transformation::multi_match)),
    line(A::Noauditlog, Anywhere, Read(logging::noauditlog)),
    line(A::Nolog, Anywhere, Read(logging::nolog)),
    line(A::Pass, Head, Read(disruptive::pass)),
    line(
        A::Pause,
        Head,
        Refused("a paused request holds a worker, which helps the attacker", "use deny or drop"),
    ),
    line(A::Phase, Head, Structure),
    line(A::Prepend, Anywhere, Refused(NO_REWRITING, REMOVE)),
    line(A::Proxy, Head, Refused("where a request goes is decided by its route", "configure a route")),
    line(A::Redirect, Head, Read(disruptive::redirect)),
    line(A::Rev, Head, Read(metadata::rev)),
    line(A::SanitiseArg, Anywhere, Read(sanitise::named)),
    line(A::SanitiseMatched, Anywhere, Read(sanitise::matched)),
    line(A::SanitiseMatchedBytes, Anywhere, Read(sanitise::matched)),
    line(A::SanitiseRequestHeader, Anywhere, Read(sanitise::named)),
    line(A::SanitiseResponseHeader, Anywhere, Read(sanitise::named)),
    line(A::Setenv, Anywhere, Read(collections::setenv)),
    line(A::Setrsc, Anywhere, Read(collections::setrsc)),
    line(A::Setsid, Anywhere, Read(collections::setsid)),
    line(A::Setuid, Anywhere, Read(collections::setuid)),
    line(A::Setvar, Anywhere, Read(setvar::lower)),
    line(A::Severity, Anywhere, Read(metadata::severity)),
    line(A::Skip, Head, Read(flow::skip)),
    line(A::SkipAfter, Head, Read(flow::skip_after)),
    line(A::Status, Head, Read(disruptive::status)),
    line(A::T, Anywhere, Read(transformation::t)),
    line(A::Tag, Anywhere, Read(metadata::tag)),
    line(A::Ver, Head, Read(metadata::ver)),
    line(
        A::Xmlns,
        Anywhere,
        Refused("XML is inspected by the paths /* and //@* only, which need no namespaces", REMOVE),
    ),
];

/// Reads one action of a head or a link.
pub(crate) fn lower(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action, is_head: bool) {
    let Some(line) = TABLE.iter().find(|line| line.action == action.name) else { return };
    if line.place == Head && !is_head {
        let problem = format!("{} belongs to the head of a chain", action.name.name());
        compiler.report(
            Diagnostic::error(codes::CHAIN, problem)
                .at(action.span)
                .help("move it to the first rule of the chain: it acts after the last link matched"),
        );
        return;
    }
    match line.handling {
        Structure => {}
        Read(lower) => lower(into, compiler, action),
        Refused(reason, instead) => compiler.report(
            Diagnostic::error(codes::ACTION, format!("{} is not implemented: {reason}", action.name.name()))
                .at(action.span)
                .help(instead),
        ),
    }
}

/// The argument of an action that needs one.
pub(crate) fn argument<'a>(compiler: &mut Compiler<'_>, action: &'a ast::Action) -> Option<&'a [u8]> {
    let argument = action.argument.as_ref().map(|text| text.value.as_slice());
    if argument.is_none() {
        wrong(compiler, action, "needs an argument");
    }
    argument
}

/// Reports a wrong argument.
pub(crate) fn wrong(compiler: &mut Compiler<'_>, action: &ast::Action, how: &str) {
    compiler.report(
        Diagnostic::error(codes::ACTION_ARGUMENT, format!("{} {how}", action.name.name())).at(action.span),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_the_language_is_decided_once() {
        for action in A::ALL {
            assert_eq!(TABLE.iter().filter(|line| line.action == *action).count(), 1, "{}", action.name());
        }
    }
}
