//! Action lists: `id:1,phase:2,msg:'a, b',t:none,ctl:ruleRemoveById=9,setvar:'tx.a=+%{tx.b}'`.
//!
//! A value in single quotes may hold commas; `\'` in it is a quote. Blanks around names, colons and commas do not count. Values whose form
//! the language fixes (ids, phases, transformations..) are checked here; what they mean is not known here.

mod value;

use portcullis_diag::Diagnostic;

use crate::{
    argument::Argument,
    ast::{Action, Text},
    codes,
    lexer::is_blank,
    report::{Report, shown, suggest},
    vocabulary::{self, ActionArgument},
};

/// Reads an argument that is a list of actions.
pub(crate) fn list(argument: &Argument, report: &mut Report) -> Option<Vec<Action>> {
    let mut actions = Vec::new();
    let mut failed = false;
    let mut cursor = Cursor { argument, at: 0 };
    loop {
        cursor.skip_blanks();
        match cursor.peek() {
            None => break,
            Some(b',') => {
                report.push(stray_comma(argument, cursor.at));
                cursor.at += 1;
                continue;
            }
            Some(_) => {}
        }
        match cursor.action() {
            Ok(action) => match value::check(&action) {
                Ok(()) => actions.push(action),
                Err(problem) => {
                    failed = true;
                    report.push(*problem);
                }
            },
            Err(problem) => {
                failed = true;
                report.push(*problem);
                cursor.skip_to_comma();
            }
        }
        if report.is_full() {
            break;
        }
        // The cursor stands at a comma or at the end.
        if cursor.peek().is_some() {
            cursor.at += 1;
            cursor.skip_blanks();
            if cursor.peek().is_none() {
                report.push(stray_comma(argument, cursor.at.saturating_sub(1)));
            }
        }
    }
    (!failed).then_some(actions)
}

/// Boxed: a diagnostic is large, and none is the rule.
type Problem = Box<Diagnostic>;

struct Cursor<'a> {
    argument: &'a Argument,
    at: usize,
}

impl Cursor<'_> {
    /// Reads one action and stops at the comma behind it.
    fn action(&mut self) -> Result<Action, Problem> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        let end = self.at;
        let word = self.argument.text.get(start..end).unwrap_or(&[]);
        if word.is_empty() {
            return Err(self.malformed("the name of an action is expected here", start));
        }
        let name = vocabulary::Action::find(word).ok_or_else(|| self.unknown(word, start))?;
        self.skip_blanks();
        let (argument, end) = match self.peek() {
            None | Some(b',') => (None, end),
            Some(b':') => {
                self.at += 1;
                self.skip_blanks();
                let (value, end) = self.value()?;
                (Some(value), end)
            }
            Some(_) => {
                return Err(self.malformed("a colon or a comma is expected behind an action's name", self.at));
            }
        };
        let action = Action { span: self.argument.span(start, end), name, argument };
        arity(&action)?;
        Ok(action)
    }

    /// A value and where it ends.
    fn value(&mut self) -> Result<(Text, usize), Problem> {
        if self.peek() == Some(b'\'') {
            return self.quoted();
        }
        let start = self.at;
        self.skip_to_comma();
        let written = self.argument.text.get(start..self.at).unwrap_or(&[]);
        let end = start + written.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
        Ok((self.argument.part(start, end), end))
    }

    fn quoted(&mut self) -> Result<(Text, usize), Problem> {
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
        let end = self.at;
        self.skip_blanks();
        if self.peek().is_some_and(|byte| byte != b',') {
            return Err(self.malformed(
                "a comma is expected behind a quoted value; a quote within it is written \\'",
                self.at,
            ));
        }
        let inside = if end - open > 2 {
            self.argument.span(open + 1, end - 1)
        } else {
            self.argument.span(open, end)
        };
        Ok((Text::new(value, inside), end))
    }

    fn skip_to_comma(&mut self) {
        while self.peek().is_some_and(|byte| byte != b',') {
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

    fn unknown(&self, name: &[u8], start: usize) -> Problem {
        let diagnostic =
            Diagnostic::error(codes::UNKNOWN_ACTION, format!("unknown action `{}`", shown(name)))
                .at(self.argument.span(start, start + name.len()));
        Box::new(suggest(diagnostic, name, vocabulary::Action::ALL.iter().map(|action| action.name())))
    }

    fn malformed(&self, message: &str, at: usize) -> Problem {
        Box::new(
            Diagnostic::error(codes::MALFORMED_ACTIONS, message)
                .at(self.argument.span(at, (at + 1).min(self.argument.text.len())))
                .help("actions look like `id:1,phase:2,deny,msg:'text, with commas'`"),
        )
    }
}

fn arity(action: &Action) -> Result<(), Problem> {
    let name = action.name.name();
    let problem = match (action.name.argument(), &action.argument) {
        (ActionArgument::Required, None) => {
            Diagnostic::error(codes::ACTION_LACKS_ARGUMENT, format!("`{name}` needs an argument"))
                .help(format!("write `{name}:...`"))
        }
        (ActionArgument::Absent, Some(_)) => {
            Diagnostic::error(codes::ACTION_TAKES_NONE, format!("`{name}` takes no argument"))
                .help(format!("write `{name}` alone"))
        }
        _ => return Ok(()),
    };
    Err(Box::new(problem.at(action.span)))
}

fn stray_comma(argument: &Argument, at: usize) -> Diagnostic {
    Diagnostic::warning(codes::STRAY_COMMA, "this comma separates nothing")
        .at(argument.span(at, at + 1))
        .help("delete it: ModSecurity v3 does not load such a list")
}
