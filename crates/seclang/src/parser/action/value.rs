//! Arguments of actions whose form the language fixes.

use portcullis_diag::Diagnostic;

use super::Problem;
use crate::{
    ast::{Action, Text},
    codes,
    parser::rules::number,
    report::{shown, suggest},
    vocabulary::{self, Ctl, Transformation},
};

/// Severities by name, the worst first, as `severity` takes them. Their numbers are their places.
pub(crate) const SEVERITIES: [&str; 8] =
    ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];

/// Phases by name, as `phase` takes them.
const PHASES: [&str; 3] = ["request", "response", "logging"];

/// Whether an action's argument has the form its name asks for.
pub(super) fn check(action: &Action) -> Result<(), Problem> {
    use vocabulary::Action as Name;
    let Some(value) = &action.argument else { return Ok(()) };
    let text = value.value.as_slice();
    let names = |known: &[&str]| known.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(text));
    let fits = match action.name {
        Name::T => return transformation(value),
        Name::Ctl => return ctl(value),
        Name::Id | Name::Skip => number(text).is_some(),
        Name::Phase => matches!(number(text), Some(1..=5)) || names(&PHASES),
        Name::Severity => matches!(number(text), Some(0..=7)) || names(&SEVERITIES),
        Name::Status => matches!(number(text), Some(100..=999)),
        Name::Allow => names(&["phase", "request"]),
        Name::Setvar | Name::SkipAfter | Name::Redirect => !text.is_empty(),
        Name::Initcol => text.contains(&b'='),
        _ => true,
    };
    if fits { Ok(()) } else { Err(Box::new(bad(action.name, value))) }
}

fn transformation(value: &Text) -> Result<(), Problem> {
    if Transformation::find(&value.value).is_some() {
        return Ok(());
    }
    if value.value.is_empty() {
        return Err(Box::new(
            Diagnostic::error(codes::ACTION_LACKS_ARGUMENT, "`t` needs an argument")
                .at(value.span)
                .help("write `t:` and a transformation, such as `t:lowercase`"),
        ));
    }
    let message = format!("unknown transformation `{}`", shown(&value.value));
    let diagnostic = Diagnostic::error(codes::UNKNOWN_TRANSFORMATION, message).at(value.span);
    Err(Box::new(suggest(diagnostic, &value.value, Transformation::ALL.iter().map(|name| name.name()))))
}

fn ctl(value: &Text) -> Result<(), Problem> {
    let mut halves = value.value.splitn(2, |byte| *byte == b'=');
    let name = halves.next().unwrap_or(&[]).trim_ascii();
    if Ctl::find(name).is_none() {
        let diagnostic =
            Diagnostic::error(codes::UNKNOWN_CTL, format!("unknown `ctl` option `{}`", shown(name)))
                .at(value.span);
        return Err(Box::new(suggest(diagnostic, name, Ctl::ALL.iter().map(|option| option.name()))));
    }
    if halves.next().is_none_or(|given| given.trim_ascii().is_empty()) {
        return Err(Box::new(bad(vocabulary::Action::Ctl, value)));
    }
    Ok(())
}

fn bad(name: vocabulary::Action, value: &Text) -> Diagnostic {
    use vocabulary::Action as Name;
    let help = match name {
        Name::Id => "an id is a decimal number, such as `id:942100`",
        Name::Skip => "write how many rules to skip, such as `skip:2`",
        Name::Phase => "a phase is a number from 1 to 5, `request`, `response` or `logging`",
        Name::Severity => "a severity is a number from 0 to 7 or a name from EMERGENCY to DEBUG",
        Name::Status => "a status is a number of three digits, such as `status:403`",
        Name::Allow => "write `allow`, `allow:phase` or `allow:request`",
        Name::Setvar => "write `setvar:tx.name=value`, `setvar:tx.name=+1` or `setvar:!tx.name`",
        Name::SkipAfter => "write the name of a `SecMarker`",
        Name::Redirect => "write the address to redirect to",
        Name::Initcol => "write `initcol:collection=key`, such as `initcol:ip=%{REMOTE_ADDR}`",
        _ => "write `ctl:option=value`",
    };
    let message = format!("`{}` is no argument for `{}`", shown(&value.value), name.name());
    Diagnostic::error(codes::BAD_ACTION_VALUE, message).at(value.span).help(help)
}
