//! The table of directives that have a grammar of their own, and the common grammar of all others.

use portcullis_diag::Diagnostic;

use super::{action, operator, rules, target};
use crate::{
    argument::Argument,
    ast::{Directive, DirectiveKind, Rule},
    codes,
    lexer::Line,
    report::{Report, shown, suggest},
    vocabulary::Setting,
};

type Grammar = fn(&Line, &mut Report) -> Option<DirectiveKind>;

/// Directives whose arguments are more than texts.
const GRAMMARS: &[(&str, Grammar)] = &[
    ("Include", |line, report| Some(DirectiveKind::Include(one(line, report)?.all()))),
    ("IncludeOptional", |line, report| Some(DirectiveKind::IncludeOptional(one(line, report)?.all()))),
    ("SecAction", |line, report| Some(DirectiveKind::Action(action::list(one(line, report)?, report)?))),
    ("SecDefaultAction", |line, report| {
        Some(DirectiveKind::DefaultAction(action::list(one(line, report)?, report)?))
    }),
    ("SecMarker", |line, report| Some(DirectiveKind::Marker(one(line, report)?.all()))),
    ("SecRule", rule),
    ("SecRuleRemoveById", |line, report| {
        count(line, 1, usize::MAX, report)?;
        Some(DirectiveKind::RuleRemove(rules::by_id(&line.arguments, report)?))
    }),
    ("SecRuleRemoveByMsg", |line, report| {
        Some(DirectiveKind::RuleRemove(rules::by_message(one(line, report)?)))
    }),
    ("SecRuleRemoveByTag", |line, report| Some(DirectiveKind::RuleRemove(rules::by_tag(one(line, report)?)))),
    ("SecRuleUpdateActionById", |line, report| {
        let [first, actions] = two(line, report)?;
        let (rules, actions) =
            (rules::by_id(std::slice::from_ref(first), report), action::list(actions, report));
        Some(DirectiveKind::RuleUpdateAction { rules: rules?, actions: actions? })
    }),
    ("SecRuleUpdateTargetById", |line, report| {
        let [first, targets] = two(line, report)?;
        let (rules, targets) =
            (rules::by_id(std::slice::from_ref(first), report), target::list(targets, report));
        Some(DirectiveKind::RuleUpdateTarget { rules: rules?, targets: targets? })
    }),
    ("SecRuleUpdateTargetByMsg", |line, report| {
        let [first, targets] = two(line, report)?;
        let targets = target::list(targets, report)?;
        Some(DirectiveKind::RuleUpdateTarget { rules: rules::by_message(first), targets })
    }),
    ("SecRuleUpdateTargetByTag", |line, report| {
        let [first, targets] = two(line, report)?;
        let targets = target::list(targets, report)?;
        Some(DirectiveKind::RuleUpdateTarget { rules: rules::by_tag(first), targets })
    }),
];

/// How many of them ModSecurity 3 has: all but Apache's `IncludeOptional`.
#[cfg(test)]
pub(crate) const GRAMMARS_OF_V3: usize = GRAMMARS.len() - 1;

/// Gives a line its meaning, or reports why it has none.
pub(crate) fn parse(line: &Line, report: &mut Report) -> Option<Directive> {
    let name = &line.name.text;
    let kind = match grammar(name) {
        Some(grammar) => grammar(line, report)?,
        None => match Setting::find(name) {
            Some(setting) => of_setting(setting, line, report)?,
            None => {
                report.push(unknown(&line.name));
                return None;
            }
        },
    };
    Some(Directive { span: line.span(), kind })
}

/// Whether a word is the name of a directive.
pub(crate) fn is_directive(name: &[u8]) -> bool {
    grammar(name).is_some() || Setting::find(name).is_some()
}

fn grammar(name: &[u8]) -> Option<Grammar> {
    GRAMMARS
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
        .map(|(_, grammar)| *grammar)
}

fn rule(line: &Line, report: &mut Report) -> Option<DirectiveKind> {
    let [targets, first, rest @ ..] = line.arguments.as_slice() else {
        report.push(wrong_count(line, FROM_2_TO_3));
        return None;
    };
    let (second, rest) = match rest.split_first() {
        Some((next, behind)) if operator::goes_on(first, next) => (Some(next), behind),
        _ => (None, rest),
    };
    if rest.len() > 1 {
        report.push(wrong_count(line, FROM_2_TO_3));
        return None;
    }
    let targets = target::list(targets, report);
    let operator = operator::parse(first, second, report);
    let actions = rest.first().map_or_else(|| Some(Vec::new()), |actions| action::list(actions, report));
    Some(DirectiveKind::Rule(Rule { targets: targets?, operator: operator?, actions: actions? }))
}

/// Targets, operator and actions.
const FROM_2_TO_3: &str = "from 2 to 3 arguments";

fn of_setting(name: Setting, line: &Line, report: &mut Report) -> Option<DirectiveKind> {
    let arity = name.arity();
    let most = if arity.most == u8::MAX { usize::MAX } else { usize::from(arity.most) };
    count(line, usize::from(arity.least), most, report)?;
    Some(DirectiveKind::Setting { name, arguments: line.arguments.iter().map(Argument::all).collect() })
}

fn one<'a>(line: &'a Line, report: &mut Report) -> Option<&'a Argument> {
    count(line, 1, 1, report)?;
    line.arguments.first()
}

fn two<'a>(line: &'a Line, report: &mut Report) -> Option<[&'a Argument; 2]> {
    count(line, 2, 2, report)?;
    match line.arguments.as_slice() {
        [first, second] => Some([first, second]),
        _ => None,
    }
}

fn count(line: &Line, least: usize, most: usize, report: &mut Report) -> Option<()> {
    if (least..=most).contains(&line.arguments.len()) {
        return Some(());
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let takes = match (least, most) {
        (0, 0) => "no argument".to_owned(),
        (least, most) if least == most => format!("{least} argument{}", plural(least)),
        (least, usize::MAX) => format!("at least {least} argument{}", plural(least)),
        (least, most) => format!("from {least} to {most} arguments"),
    };
    report.push(wrong_count(line, &takes));
    None
}

fn wrong_count(line: &Line, takes: &str) -> Diagnostic {
    let given = match line.arguments.len() {
        0 => "none is given".to_owned(),
        1 => "1 is given".to_owned(),
        given => format!("{given} are given"),
    };
    let name = shown(&line.name.text);
    let diagnostic =
        Diagnostic::error(codes::ARGUMENT_COUNT, format!("`{name}` takes {takes}, {given}")).at(line.span());
    if line.arguments.len() < 2 {
        return diagnostic;
    }
    diagnostic.help("an argument that holds blanks needs double quotes around it")
}

fn unknown(name: &Argument) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(codes::UNKNOWN_DIRECTIVE, format!("unknown directive `{}`", shown(&name.text)))
            .at(name.whole);
    if name.text.starts_with(b"<") {
        return diagnostic
            .help("Apache's sections are not SecLang; keep what stands inside and delete this line");
    }
    let grammars = GRAMMARS.iter().map(|(name, _)| *name);
    suggest(diagnostic, &name.text, grammars.chain(Setting::ALL.iter().map(|setting| setting.name())))
}
