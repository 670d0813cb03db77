//! Targets: `ARGS|!ARGS:password|&REQUEST_HEADERS:Host|XML:/*|TX:/^x_/`.
//!
//! `|` and `,` separate (both in ModSecurity v3), `:` and `.` lead to a selector. A selector in single quotes may hold the separators. One
//! that begins with a slash is a regular expression up to a slash that ends the target, so it may hold `|` as CRS writes it; selectors of
//! `XML` are XPath and never regular expressions.

use portcullis_diag::Diagnostic;

use crate::{
    argument::Argument,
    ast::{Selector, Target, TargetMode, Text},
    codes,
    lexer::is_blank,
    report::{Report, shown, suggest},
    vocabulary::{Shape, Variable},
};

/// Reads an argument that is a list of targets.
pub(crate) fn list(argument: &Argument, report: &mut Report) -> Option<Vec<Target>> {
    let mut targets = Vec::new();
    let mut failed = false;
    let mut cursor = Cursor { argument, at: 0 };
    loop {
        match cursor.target() {
            Ok(target) => targets.push(target),
            Err(diagnostic) => {
                failed = true;
                report.push(*diagnostic);
                cursor.skip_to_separator();
            }
        }
        if cursor.peek().is_none() || report.is_full() {
            break;
        }
        cursor.at += 1;
    }
    (!failed).then_some(targets)
}

/// Boxed: a diagnostic is large, and none is the rule.
type Problem = Box<Diagnostic>;

struct Cursor<'a> {
    argument: &'a Argument,
    at: usize,
}

impl Cursor<'_> {
    /// Reads one target and stops at the separator behind it.
    fn target(&mut self) -> Result<Target, Problem> {
        self.skip_blanks();
        let start = self.at;
        let mode = match self.peek() {
            Some(b'!') => TargetMode::Exclude,
            Some(b'&') => TargetMode::Count,
            _ => TargetMode::Include,
        };
        self.at += usize::from(mode != TargetMode::Include);
        let variable = self.variable()?;
        let selector = match self.peek() {
            Some(b':' | b'.') => {
                let selector = self.selector(variable)?;
                if variable.shape() == Shape::Scalar {
                    return Err(self.scalar(variable, start));
                }
                Some(selector)
            }
            _ => None,
        };
        let end = self.at;
        self.skip_blanks();
        if self.peek().is_some_and(|byte| !separates(byte)) {
            return Err(self.malformed("a target ends here and something else follows", self.at));
        }
        Ok(Target { span: self.argument.span(start, end), mode, variable, selector })
    }

    fn variable(&mut self) -> Result<Variable, Problem> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        let name = self.argument.text.get(start..self.at).unwrap_or(&[]);
        if name.is_empty() {
            return Err(self.malformed("a variable is expected here", start));
        }
        Variable::find(name).ok_or_else(|| {
            let diagnostic =
                Diagnostic::error(codes::UNKNOWN_VARIABLE, format!("unknown variable `{}`", shown(name)))
                    .at(self.argument.span(start, self.at));
            Box::new(suggest(diagnostic, name, Variable::ALL.iter().map(|variable| variable.name())))
        })
    }

    /// Reads a selector from the colon on.
    fn selector(&mut self, variable: Variable) -> Result<Selector, Problem> {
        self.at += 1;
        let start = self.at;
        match self.peek() {
            Some(b'\'') => self.quoted(variable),
            Some(b'/') if variable != Variable::Xml => self.regex(),
            _ => {
                while self.peek().is_some_and(|byte| !separates(byte)) {
                    self.at += 1;
                }
                let written = self.argument.text.get(start..self.at).unwrap_or(&[]);
                let kept = written.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
                if kept == 0 {
                    return Err(self.malformed("a member's name is expected behind the colon", start));
                }
                Ok(Selector::Name(self.argument.part(start, start + kept)))
            }
        }
    }

    fn quoted(&mut self, variable: Variable) -> Result<Selector, Problem> {
        let open = self.at;
        self.at += 1;
        let mut value = Vec::new();
        loop {
            match (self.peek(), self.argument.text.get(self.at + 1).copied()) {
                (None, _) => return Err(self.malformed("this quote is not closed", open)),
                (Some(b'\''), _) => break,
                (Some(b'\\'), Some(b'\'')) => {
                    value.push(b'\'');
                    self.at += 2;
                }
                (Some(b'\\'), Some(b'\\')) => {
                    value.extend_from_slice(b"\\\\");
                    self.at += 2;
                }
                (Some(byte), _) => {
                    value.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        let span = self.argument.span(open, self.at);
        match value.as_slice() {
            [] => Err(self.malformed("a member's name is expected between the quotes", open)),
            [b'/', inner @ .., b'/'] if variable != Variable::Xml => {
                Ok(Selector::Regex(Text::new(inner.to_vec(), span)))
            }
            _ => Ok(Selector::Name(Text::new(value, span))),
        }
    }

    fn regex(&mut self) -> Result<Selector, Problem> {
        let open = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            let behind = self.argument.text.get(self.at + 1).copied();
            if byte == b'/' && behind.is_none_or(separates) {
                let selector = Selector::Regex(self.argument.part(open + 1, self.at));
                self.at += 1;
                return Ok(selector);
            }
            // What a backslash escapes closes nothing.
            self.at += if byte == b'\\' && behind.is_some() { 2 } else { 1 };
        }
        Err(Box::new(
            Diagnostic::error(codes::UNCLOSED_REGEX, "this regular expression lacks its closing slash")
                .at(self.argument.span(open, open + 1))
                .help("close it, or put a name that begins with a slash in single quotes"),
        ))
    }

    fn skip_to_separator(&mut self) {
        while self.peek().is_some_and(|byte| !separates(byte)) {
            self.at += 1;
        }
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.argument.text.get(self.at).copied()
    }

    fn malformed(&self, message: &str, at: usize) -> Problem {
        Box::new(
            Diagnostic::error(codes::MALFORMED_TARGET, message)
                .at(self.argument.span(at, (at + 1).min(self.argument.text.len())))
                .help("targets look like `ARGS|!ARGS:name|&REQUEST_HEADERS:Host|TX:/regex/`"),
        )
    }

    fn scalar(&self, variable: Variable, start: usize) -> Problem {
        let name = variable.name();
        Box::new(
            Diagnostic::error(
                codes::SELECTOR_OF_SCALAR,
                format!("`{name}` holds one value and has no members"),
            )
            .at(self.argument.span(start, self.at))
            .help(format!("write `{name}` alone")),
        )
    }
}

fn separates(byte: u8) -> bool {
    matches!(byte, b'|' | b',')
}
