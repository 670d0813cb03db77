//! Bytes to logical lines: one directive with its arguments, comments and line continuations gone.
//!
//! Rules of quoting, with the behaviour followed:
//! - A backslash right before a line end (LF or CRLF) joins two lines wherever it stands; the blanks that begin the next line stay, as
//!   with Apache, so a text that must not hold them ends its line at a comma or between arguments.
//! - Lines are joined before quotes are looked for. Within `"..."` a backslash before `"` gives the quote, within `'...'` one before `'`; two backslashes are a pair that escapes
//!   nothing, and every backslash but the one that escaped a quote is kept, as with ModSecurity v3 (Apache halves pairs).
//! - A quote ends on its logical line; ModSecurity v3 would let a line end close an action list, which hides a forgotten quote.
//! - A `#` begins a comment where a directive could begin. The comment goes on over a continuation only when it comments out a
//!   `SecRule` or `SecAction`, as with ModSecurity v3.
//!
//! Every byte is looked at a bounded number of times.

use portcullis_diag::{Diagnostic, SourceId, Span};

use crate::{argument::Argument, codes, parser::directive::is_directive, report::Report};

/// One directive as it was written.
#[derive(Debug)]
pub(crate) struct Line {
    /// `SecRule`
    pub(crate) name: Argument,
    /// What follows it.
    pub(crate) arguments: Vec<Argument>,
}

impl Line {
    /// From the name to the end of the last argument.
    pub(crate) fn span(&self) -> Span {
        self.arguments.last().map_or(self.name.whole, |last| self.name.whole.to(last.whole))
    }
}

/// Reads one source text.
pub(crate) struct Lexer<'a> {
    text: &'a [u8],
    source: SourceId,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of a text, behind a byte order mark if there is one.
    pub(crate) fn new(text: &'a [u8], source: SourceId) -> Self {
        let at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { text, source, at }
    }

    /// The next directive; lines that cannot be split are reported and passed over.
    pub(crate) fn next(&mut self, report: &mut Report) -> Option<Line> {
        loop {
            self.skip_to_directive();
            self.peek(0)?;
            if let Some(line) = self.line(report) {
                return Some(line);
            }
            self.recover();
        }
    }

    fn line(&mut self, report: &mut Report) -> Option<Line> {
        let name = self.bare();
        let mut arguments = Vec::new();
        loop {
            self.skip_blanks();
            let start = self.at;
            match self.peek(0) {
                None => break,
                Some(b'\n') => {
                    self.at += 1;
                    break;
                }
                Some(quote @ (b'"' | b'\'')) => match self.quoted(quote) {
                    Some(argument) => arguments.push(argument),
                    None => {
                        report.push(unterminated(self.span(start, start + 1), quote));
                        return None;
                    }
                },
                Some(b'#') => {
                    self.skip_line();
                    report.push(trailing_comment(self.span(start, start + 1)));
                    return None;
                }
                Some(_) => {
                    let argument = self.bare();
                    if argument.text.last() == Some(&b'\\') && self.nothing_follows() {
                        let last = argument.text.len() - 1;
                        report.push(broken_continuation(argument.span(last, last + 1)));
                        return None;
                    }
                    arguments.push(argument);
                }
            }
        }
        Some(Line { name, arguments })
    }

    /// An argument without quotes: up to a blank or the end of the logical line.
    fn bare(&mut self) -> Argument {
        let mut argument = Argument::new(self.source, self.at, None);
        while let Some(byte) = self.peek(0) {
            if let Some(length) = self.continuation(self.at) {
                self.at += length;
                continue;
            }
            if is_blank(byte) || byte == b'\n' {
                break;
            }
            argument.push(byte, self.at);
            self.at += 1;
        }
        argument.end(self.at);
        argument
    }

    /// An argument in quotes, or nothing when the line ends before it does.
    fn quoted(&mut self, quote: u8) -> Option<Argument> {
        let mut argument = Argument::new(self.source, self.at, Some(quote));
        self.at += 1;
        loop {
            let byte = self.peek(0)?;
            if let Some(length) = self.continuation(self.at) {
                self.at += length;
                continue;
            }
            match byte {
                b'\n' => return None,
                b'\\' => {
                    let next = self.behind_continuations(self.at + 1);
                    match self.text.get(next) {
                        Some(escaped) if *escaped == quote => argument.push(quote, next),
                        Some(b'\\') => {
                            argument.push(b'\\', self.at);
                            argument.push(b'\\', next);
                        }
                        _ => {
                            argument.push(b'\\', self.at);
                            self.at = next;
                            continue;
                        }
                    }
                    self.at = next + 1;
                }
                byte if byte == quote => {
                    self.at += 1;
                    argument.end(self.at);
                    return Some(argument);
                }
                byte => {
                    argument.push(byte, self.at);
                    self.at += 1;
                }
            }
        }
    }

    fn skip_to_directive(&mut self) {
        loop {
            self.skip_blanks();
            match self.peek(0) {
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.skip_comment(),
                _ => return,
            }
        }
    }

    fn skip_comment(&mut self) {
        let body = self.text.get(self.at + 1..).unwrap_or(&[]);
        let blanks = body.iter().take_while(|byte| is_blank(**byte)).count();
        let body = body.get(blanks..).unwrap_or(&[]);
        let continues = [&b"SecRule"[..], b"SecAction"].iter().any(|name| {
            body.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name))
                && body.get(name.len()).is_some_and(|byte| is_blank(*byte))
        });
        loop {
            let start = self.at;
            self.skip_line();
            let line = self.text.get(start..self.at).unwrap_or(&[]);
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !continues || !line.ends_with(b"\\") || self.at >= self.text.len() {
                return;
            }
        }
    }

    /// Passes over lines until one begins with a directive's name.
    fn recover(&mut self) {
        while self.at < self.text.len() {
            if self.at == 0 || self.text.get(self.at - 1) == Some(&b'\n') {
                let rest = self.text.get(self.at..).unwrap_or(&[]);
                let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
                let word = rest.get(blanks..).unwrap_or(&[]);
                let length = word.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                if is_directive(word.get(..length).unwrap_or(&[])) {
                    return;
                }
            }
            self.skip_line();
        }
    }

    /// To behind the next line feed.
    fn skip_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        self.at += rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek(0) {
            if let Some(length) = self.continuation(self.at) {
                self.at += length;
            } else if is_blank(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// The length of a line continuation at `at`.
    fn continuation(&self, at: usize) -> Option<usize> {
        match self.text.get(at..)? {
            [b'\\', b'\n', ..] => Some(2),
            [b'\\', b'\r', b'\n', ..] => Some(3),
            _ => None,
        }
    }

    /// Where the next byte stands that belongs to no continuation.
    fn behind_continuations(&self, mut at: usize) -> usize {
        while let Some(length) = self.continuation(at) {
            at += length;
        }
        at
    }

    /// Whether only blanks stand before the end of the logical line or of the text.
    fn nothing_follows(&self) -> bool {
        let mut at = self.at;
        loop {
            at = self.behind_continuations(at);
            match self.text.get(at) {
                Some(byte) if is_blank(*byte) => at += 1,
                next => return next.is_none_or(|byte| *byte == b'\n'),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Argument::span_of(self.source, start, end)
    }
}

/// Whether a byte separates arguments. A lone carriage return does: it ends lines of files that come from elsewhere.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

fn unterminated(at: Span, quote: u8) -> Diagnostic {
    let quote = char::from(quote);
    Diagnostic::error(codes::UNTERMINATED_QUOTE, format!("this {quote} is not closed on its line"))
        .at(at)
        .help(format!(
            "close it, or end the line with a backslash to go on; within the quotes write \\{quote}"
        ))
}

fn trailing_comment(at: Span) -> Diagnostic {
    Diagnostic::error(codes::TRAILING_COMMENT, "a comment may not stand behind a directive")
        .at(at)
        .help("put the comment on a line of its own; an argument that begins with # needs quotes")
}

fn broken_continuation(at: Span) -> Diagnostic {
    Diagnostic::error(codes::BROKEN_CONTINUATION, "this backslash continues no line")
        .at(at)
        .help("delete the blanks behind it, or the backslash")
}
