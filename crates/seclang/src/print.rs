//! A tree back to text, one directive to a line, in one way of writing.
//!
//! For every document that came out of the parser, parsing the printed text gives an equal document. Texts that no rule file can hold
//! (a line feed, or both kinds of quote behind a lone backslash) can be put into a tree by hand; they are printed as they are.

use crate::{
    ast::{
        Action, Directive, DirectiveKind, Document, Operator, Rule, RuleSelector, Selector, Target,
        TargetMode, Text,
    },
    lexer::is_blank,
    vocabulary::{self, Variable},
};

/// Prints a document.
#[must_use]
pub fn print(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    for directive in &document.directives {
        print_directive(&mut out, directive);
        out.push(b'\n');
    }
    out
}

fn print_directive(out: &mut Vec<u8>, directive: &Directive) {
    match &directive.kind {
        DirectiveKind::Rule(rule) => print_rule(out, rule),
        DirectiveKind::Action(actions) => named(out, "SecAction", &[actions_argument(actions)]),
        DirectiveKind::DefaultAction(actions) => named(out, "SecDefaultAction", &[actions_argument(actions)]),
        DirectiveKind::Marker(name) => named(out, "SecMarker", &[quoted(&name.value)]),
        DirectiveKind::Include(pattern) => named(out, "Include", &[quoted(&pattern.value)]),
        DirectiveKind::IncludeOptional(pattern) => named(out, "IncludeOptional", &[quoted(&pattern.value)]),
        DirectiveKind::RuleUpdateTarget { rules, targets } => {
            let name = match rules {
                RuleSelector::Ids(_) => "SecRuleUpdateTargetById",
                RuleSelector::Tag(_) => "SecRuleUpdateTargetByTag",
                RuleSelector::Message(_) => "SecRuleUpdateTargetByMsg",
            };
            named(out, name, &[rules_argument(rules), quoted(&targets_text(targets))]);
        }
        DirectiveKind::RuleUpdateAction { rules, actions } => {
            named(out, "SecRuleUpdateActionById", &[rules_argument(rules), actions_argument(actions)]);
        }
        DirectiveKind::RuleRemove(rules) => {
            let name = match rules {
                RuleSelector::Ids(_) => "SecRuleRemoveById",
                RuleSelector::Tag(_) => "SecRuleRemoveByTag",
                RuleSelector::Message(_) => "SecRuleRemoveByMsg",
            };
            named(out, name, &[rules_argument(rules)]);
        }
        DirectiveKind::Setting { name, arguments } => {
            let arguments: Vec<Vec<u8>> = arguments.iter().map(|argument| plain(&argument.value)).collect();
            named(out, name.name(), &arguments);
        }
    }
}

fn print_rule(out: &mut Vec<u8>, rule: &Rule) {
    let mut arguments = vec![plain(&targets_text(&rule.targets)), operator_argument(&rule.operator)];
    // An empty list keeps the last backslash of an operator without quotes from joining lines.
    let joins_lines = arguments.last().is_some_and(|operator| operator.ends_with(b"\\"));
    if !rule.actions.is_empty() || joins_lines {
        arguments.push(actions_argument(&rule.actions));
    }
    named(out, "SecRule", &arguments);
}

fn named(out: &mut Vec<u8>, name: &str, arguments: &[Vec<u8>]) {
    out.extend_from_slice(name.as_bytes());
    for argument in arguments {
        out.push(b' ');
        out.extend_from_slice(argument);
    }
}

fn targets_text(targets: &[Target]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        if at > 0 {
            out.push(b'|');
        }
        match target.mode {
            TargetMode::Include => {}
            TargetMode::Exclude => out.push(b'!'),
            TargetMode::Count => out.push(b'&'),
        }
        out.extend_from_slice(target.variable.name().as_bytes());
        match &target.selector {
            None => {}
            Some(Selector::Name(name)) => {
                out.push(b':');
                out.extend(selector_name(target.variable, &name.value));
            }
            Some(Selector::Regex(regex)) => {
                out.push(b':');
                out.extend(selector_regex(&regex.value));
            }
        }
    }
    out
}

fn selector_name(variable: Variable, name: &[u8]) -> Vec<u8> {
    let begins = name.first().copied();
    let is_plain = begins
        .is_some_and(|byte| byte != b'\'' && (byte != b'/' || variable == Variable::Xml) && !is_blank(byte))
        && !name.last().copied().is_some_and(is_blank)
        && !name.iter().any(|byte| matches!(byte, b'|' | b','));
    if is_plain { name.to_vec() } else { between(name, b'\'') }
}

fn selector_regex(regex: &[u8]) -> Vec<u8> {
    let written = [b"/", regex, b"/"].concat();
    // The form without quotes ends at the first slash before a separator, and not at one behind a backslash.
    let closes_early = regex.windows(2).any(|pair| matches!(pair, [b'/', b'|' | b',']));
    if closes_early || ends_odd(regex) { between(&written, b'\'') } else { written }
}

fn operator_argument(operator: &Operator) -> Vec<u8> {
    let negation: &[u8] = if operator.negated { b"!" } else { b"" };
    let name = operator.name.name().as_bytes();
    let argument = &operator.argument.value;
    if operator.name.parameter() == vocabulary::Parameter::Absent {
        return quoted(&[negation, b"@", name].concat());
    }
    let separator: &[u8] = if argument.is_empty() { b"" } else { b" " };
    let full = [negation, b"@", name, separator, argument].concat();
    let implicit = [negation, argument].concat();
    if fits_between(&full, b'"') {
        return between(&full, b'"');
    }
    if fits_between(&full, b'\'') {
        return between(&full, b'\'');
    }
    // Only an argument written without quotes comes to this: one that ends in a backslash, for instance.
    if fits_bare(argument) {
        return [negation, b"@", name, b" ", argument].concat();
    }
    if fits_bare(&implicit) { implicit } else { between(&full, b'"') }
}

fn actions_argument(actions: &[Action]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, action) in actions.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(action.name.name().as_bytes());
        if let Some(value) = &action.argument {
            out.push(b':');
            out.extend(action_value(value));
        }
    }
    if ends_odd(&out) {
        // What follows keeps the last backslash from escaping the quote or joining lines: a blank, which does not count, or, where
        // quotes cannot be, a comma with nothing behind it.
        let spaced = [&out[..], b" "].concat();
        let fits = fits_between(&spaced, b'"') || fits_between(&spaced, b'\'');
        out.push(if fits { b' ' } else { b',' });
    }
    quoted(&out)
}

fn action_value(value: &Text) -> Vec<u8> {
    let text = &value.value;
    let is_plain = text.first().is_some_and(|byte| *byte != b'\'' && !is_blank(*byte))
        && !text.last().copied().is_some_and(is_blank)
        && !text.contains(&b',');
    let is_word = text.iter().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain && (is_word || !fits_between(text, b'\'')) { text.clone() } else { between(text, b'\'') }
}

fn rules_argument(rules: &RuleSelector) -> Vec<u8> {
    match rules {
        RuleSelector::Ids(ids) => {
            let words: Vec<String> = ids
                .iter()
                .map(|id| match id.value {
                    (first, last) if first == last => first.to_string(),
                    (first, last) => format!("{first}-{last}"),
                })
                .collect();
            quoted(words.join(" ").as_bytes())
        }
        RuleSelector::Tag(text) | RuleSelector::Message(text) => quoted(&text.value),
    }
}

/// An argument without quotes where it can do without.
fn plain(text: &[u8]) -> Vec<u8> {
    if fits_bare(text) && !text.ends_with(b"\\") { text.to_vec() } else { quoted(text) }
}

fn quoted(text: &[u8]) -> Vec<u8> {
    if fits_between(text, b'"') {
        between(text, b'"')
    } else if fits_between(text, b'\'') {
        between(text, b'\'')
    } else if fits_bare(text) {
        text.to_vec()
    } else {
        between(text, b'"')
    }
}

fn between(text: &[u8], quote: u8) -> Vec<u8> {
    let mut out = vec![quote];
    for byte in text {
        if *byte == quote {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(quote);
    out
}

/// Whether quotes give the text back: no quote in it, nor its end, stands behind a backslash that is not one of a pair.
fn fits_between(text: &[u8], quote: u8) -> bool {
    let mut odd = false;
    for byte in text {
        match byte {
            b'\\' => odd = !odd,
            b'\n' => return false,
            byte if *byte == quote && odd => return false,
            _ => odd = false,
        }
    }
    !odd
}

fn fits_bare(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| !matches!(byte, b'"' | b'\'' | b'#'))
        && !text.iter().any(|byte| is_blank(*byte) || *byte == b'\n')
}

/// Whether a text ends in a backslash that escapes what would follow.
fn ends_odd(text: &[u8]) -> bool {
    text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}
