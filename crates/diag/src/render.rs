//! Draws diagnostics: as text with a caret for people, as JSON for tools.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{Diagnostic, Severity, Sources, Span};

/// Longest part of a source line that is drawn; CRS has patterns of twelve thousand bytes on one line.
const WINDOW: usize = 120;

/// Draws one diagnostic with its source line, a caret and its help lines. Ends with a line feed.
#[must_use]
pub fn render(sources: &Sources, diagnostic: &Diagnostic) -> String {
    let mut out = String::new();
    let severity = severity(diagnostic.severity);
    let _ = writeln!(out, "{severity}[{}]: {}", diagnostic.code.0, diagnostic.message);
    if let Some(span) = diagnostic.span {
        place(&mut out, sources, span, "");
    }
    for label in &diagnostic.labels {
        place(&mut out, sources, label.span, &label.text);
    }
    for help in &diagnostic.help {
        let _ = writeln!(out, "  = help: {help}");
    }
    out
}

/// The same facts as an object: `code`, `severity`, `message`, `location`, `labels`, `help`.
#[must_use]
pub fn to_json(sources: &Sources, diagnostic: &Diagnostic) -> Value {
    json!({
        "code": diagnostic.code.0,
        "severity": severity(diagnostic.severity),
        "message": diagnostic.message,
        "location": diagnostic.span.map(|span| location(sources, span)),
        "labels": diagnostic.labels.iter().map(|label| json!({
            "location": location(sources, label.span),
            "text": label.text,
        })).collect::<Vec<_>>(),
        "help": diagnostic.help,
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn location(sources: &Sources, span: Span) -> Value {
    let place = sources.location(span);
    json!({ "file": &*place.name, "line": place.line, "column": place.column })
}

fn place(out: &mut String, sources: &Sources, span: Span, text: &str) {
    let place = sources.location(span);
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    let line = sources.line(span.source, place.line);
    let column = (place.column as usize).saturating_sub(1).min(line.len());
    let from = if line.len() <= WINDOW { 0 } else { column.saturating_sub(WINDOW / 3) };
    let to = line.len().min(from + WINDOW);
    let width = (span.end.saturating_sub(span.start) as usize).clamp(1, (to - column.min(to)).max(1));
    let shown = visible(line.get(from..to).unwrap_or(&[]));
    let lead = visible(line.get(from..column).unwrap_or(&[])).chars().count();
    let (head, tail) = (if from > 0 { "..." } else { "" }, if to < line.len() { "..." } else { "" });
    let _ = writeln!(out, "{gutter}--> {place}");
    let _ = writeln!(out, "{gutter} |");
    let _ = writeln!(out, "{number} | {head}{shown}{tail}");
    let padding = " ".repeat(lead + head.len());
    let carets = "^".repeat(width);
    let _ = writeln!(out, "{}", format!("{gutter} | {padding}{carets} {text}").trim_end());
}

/// Control bytes and bytes that are not ASCII would move the caret or the terminal: each is shown as one dot.
fn visible(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    #[test]
    fn the_caret_stands_under_the_word() {
        let mut sources = Sources::new();
        let source = sources.add("rules.conf", b"SecRuleEngin On\n".to_vec());
        let diagnostic = Diagnostic::error(Code("E0102"), "unknown directive `SecRuleEngin`")
            .at(Span { source, start: 0, end: 12 })
            .help("did you mean `SecRuleEngine`?");
        assert_eq!(
            render(&sources, &diagnostic),
            "error[E0102]: unknown directive `SecRuleEngin`\n --> rules.conf:1:1\n  |\n1 | SecRuleEngin On\n  | ^^^^^^^^^^^^\n  = help: did you mean `SecRuleEngine`?\n"
        );
    }

    #[test]
    fn a_long_line_is_shown_around_the_caret() {
        let mut sources = Sources::new();
        let text = [b"x".repeat(5000), b"HERE".to_vec(), b"y".repeat(5000)].concat();
        let source = sources.add("long.conf", text);
        let drawn = render(
            &sources,
            &Diagnostic::warning(Code("W1"), "long").at(Span { source, start: 5000, end: 5004 }),
        );
        assert!(drawn.lines().all(|line| line.len() < 140), "{drawn}");
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines[3].find("HERE"), lines[4].find('^'));
    }
}
