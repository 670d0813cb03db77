//! Operators: `@rx ^a`, `!@eq 0`, and `^a` or `!^a` where `@rx` is meant.

use portcullis_diag::{Diagnostic, Span};

use crate::{
    argument::Argument,
    ast::{self, Text},
    codes,
    lexer::is_blank,
    report::{Report, shown, suggest},
    vocabulary::{Operator, Parameter},
};

/// Whether an operator written without quotes has its argument in the next one: `SecRule ARGS @streq a "id:1"`, as ModSecurity v3 reads it.
pub(crate) fn goes_on(first: &Argument, next: &Argument) -> bool {
    let head = Head::of(&first.text);
    let is_bare = first.quote.is_none() && next.quote.is_none() && head.end == first.text.len();
    is_bare && head.operator(&first.text).is_some_and(|name| name.parameter() == Parameter::Text)
}

/// Reads an operator; `second` is the argument that [`goes_on`] found.
pub(crate) fn parse(
    first: &Argument,
    second: Option<&Argument>,
    report: &mut Report,
) -> Option<ast::Operator> {
    let span = second.map_or(first.whole, |second| first.whole.to(second.whole));
    let head = Head::of(&first.text);
    let Some((start, end)) = head.name else {
        let argument = first.part(head.end, first.text.len());
        return Some(ast::Operator { span, negated: head.negated, name: Operator::Rx, argument });
    };
    let Some(name) = head.operator(&first.text) else {
        report.push(unknown(first.text.get(start..end).unwrap_or(&[]), first.span(start - 1, end)));
        return None;
    };
    let argument = match (second, first.text.get(end)) {
        (Some(second), _) => second.all(),
        (None, None) => first.part(end, end),
        (None, Some(separator)) if is_blank(*separator) => first.part(end + 1, first.text.len()),
        (None, Some(_)) => {
            report.push(not_separated(name, first.span(end, end + 1)));
            return None;
        }
    };
    if name.parameter() == Parameter::Absent {
        if argument.value.iter().any(|byte| !is_blank(*byte)) {
            report.push(takes_none(name, argument.span));
            return None;
        }
        return Some(ast::Operator {
            span,
            negated: head.negated,
            name,
            argument: Text::new(Vec::new(), argument.span),
        });
    }
    Some(ast::Operator { span, negated: head.negated, name, argument })
}

/// What stands before an operator's argument.
struct Head {
    negated: bool,
    /// Where the name stands, the `@` left out; none for an implicit `@rx`.
    name: Option<(usize, usize)>,
    /// Where the head ends.
    end: usize,
}

impl Head {
    fn of(text: &[u8]) -> Self {
        let blanks = |from: usize| {
            from + text.get(from..).unwrap_or(&[]).iter().take_while(|byte| is_blank(**byte)).count()
        };
        let mut at = blanks(0);
        let negated = text.get(at) == Some(&b'!');
        if negated {
            at = blanks(at + 1);
        }
        let named = text.get(at) == Some(&b'@') && text.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
        if !named {
            return Self { negated, name: None, end: at };
        }
        let name = text.get(at + 1..).unwrap_or(&[]);
        let end =
            at + 1 + name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        Self { negated, name: Some((at + 1, end)), end }
    }

    fn operator(&self, text: &[u8]) -> Option<Operator> {
        let (start, end) = self.name?;
        Operator::find(text.get(start..end)?)
    }
}

fn unknown(name: &[u8], at: Span) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(codes::UNKNOWN_OPERATOR, format!("unknown operator `@{}`", shown(name))).at(at);
    let diagnostic = suggest(diagnostic, name, Operator::ALL.iter().map(|operator| operator.name()));
    diagnostic.help("a regular expression that begins with @ is written `@rx @...`")
}

fn not_separated(name: Operator, at: Span) -> Diagnostic {
    let name = name.name();
    Diagnostic::error(
        codes::OPERATOR_NOT_SEPARATED,
        format!("a space must separate `@{name}` from its argument"),
    )
    .at(at)
    .help("a regular expression that begins with @ is written `@rx @...`")
}

fn takes_none(name: Operator, at: Span) -> Diagnostic {
    let name = name.name();
    Diagnostic::error(codes::OPERATOR_ARGUMENT, format!("`@{name}` takes no argument"))
        .at(at)
        .help(format!("write `@{name}` alone"))
}
