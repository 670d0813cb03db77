//! A macro whose variable does not exist expands to nothing, so that a message has a hole and a limit is empty.

use portcullis_diag::{Diagnostic, Span};

use super::Rules;
use crate::{
    ast::DirectiveKind,
    codes,
    report::{Report, shown, suggest},
    template::{Part, Template},
    vocabulary::{self, Parameter, Variable},
};

pub(super) fn check(rules: &Rules<'_>, report: &mut Report) {
    for rule in &rules.all {
        if let DirectiveKind::Rule(written) = &rule.directive.kind
            && written.operator.name.parameter() == Parameter::Text
        {
            text(&written.operator.argument.value, written.operator.argument.span, report);
        }
        for action in rule.actions.iter().filter(|action| expands(action.name)) {
            if let Some(argument) = &action.argument {
                text(&argument.value, argument.span, report);
            }
        }
    }
}

fn text(text: &[u8], span: Span, report: &mut Report) {
    for part in Template::parse(text).parts {
        let Part::Unknown(name) = part else { continue };
        let message = format!("the macro `%{{{}}}` names no variable", shown(&name));
        let diagnostic =
            Diagnostic::warning(codes::UNKNOWN_MACRO, message).at(span).help("it expands to nothing");
        let word = name.split(|byte| matches!(byte, b'.' | b':')).next().unwrap_or(&[]);
        report.push(suggest(diagnostic, word, Variable::ALL.iter().map(|variable| variable.name())));
        if report.warnings_are_full() {
            return;
        }
    }
}

/// Whether ModSecurity looks for macros in an action's argument.
fn expands(name: vocabulary::Action) -> bool {
    use vocabulary::Action as Name;
    matches!(
        name,
        Name::Expirevar
            | Name::Initcol
            | Name::Logdata
            | Name::Msg
            | Name::Redirect
            | Name::Setenv
            | Name::Setrsc
            | Name::Setsid
            | Name::Setuid
            | Name::Setvar
            | Name::Tag
    )
}
