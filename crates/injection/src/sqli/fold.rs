//! Folding: what SQL could leave out or compute is taken out of the token stream until five tokens remain.
//!
//! A window of two, then three tokens slides over the stream; a rule that applies shortens it and moves the window back. Every step reads
//! a token, drops one or moves on, so the work is linear in the number of tokens. The rules and their order are libinjection's: verdicts
//! depend on both.

use super::{
    fingerprint::c_string_has,
    token::{Kind, Token, Tokens},
    words::{LONGEST, phrase},
};

/// Length of the longest fingerprint.
pub(super) const MAX: usize = 5;

/// At most [`MAX`] tokens; one more when the last is [`Kind::Evil`].
pub(crate) struct Folded<'a> {
    tokens: [Token<'a>; 8],
    len: usize,
}

impl<'a> Folded<'a> {
    pub(crate) fn tokens(&self) -> &[Token<'a>] {
        self.tokens.get(..self.len).unwrap_or(&[])
    }

    pub(super) fn at(&self, index: usize) -> Token<'a> {
        self.tokens[index % 8]
    }
}

impl<'a> Folded<'a> {
    /// Before anything is read.
    pub(crate) const EMPTY: Self = Self { tokens: [Token::NONE; 8], len: 0 };

    /// Folds the stream into an empty one.
    #[inline]
    pub(crate) fn read(&mut self, tokens: &mut Tokens<'a>) {
        let mut folder = Folder {
            stream: tokens,
            window: &mut self.tokens,
            filled: 0,
            left: 0,
            more: true,
            last_comment: Token::NONE,
        };
        self.len = folder.run();
    }
}

struct Folder<'t, 'a> {
    stream: &'t mut Tokens<'a>,
    window: &'t mut [Token<'a>; 8],
    /// Where the next token goes.
    filled: usize,
    /// Where the tokens looked at start; those before are settled for now.
    left: usize,
    more: bool,
    last_comment: Token<'a>,
}

enum Step {
    /// A rule applied: look again.
    Again,
    /// No rule applied.
    Further,
    /// MySQL's `{ `` ` form, which is refused as such; this many tokens stand.
    Evil(usize),
}

impl<'a> Folder<'_, 'a> {
    fn run(&mut self) -> usize {
        if !self.first() {
            return 0;
        }
        loop {
            if self.filled >= MAX {
                self.reopen_full_window();
            }
            if !self.more || self.left >= MAX {
                self.left = self.filled;
                break;
            }
            self.fill(2);
            if self.standing() < 2 {
                self.left = self.filled;
                continue;
            }
            match self.pair() {
                Step::Again => continue,
                Step::Evil(len) => return len,
                Step::Further => {}
            }
            self.fill(3);
            if self.standing() < 3 {
                self.left = self.filled;
                continue;
            }
            if let Step::Further = self.triple() {
                self.left += 1;
            }
        }
        if self.left < MAX && self.last_comment.kind == Kind::Comment {
            *self.at_mut(self.left) = self.last_comment;
            self.left += 1;
        }
        // A sixth token is read at times to tell what the fifth is.
        self.left.min(MAX)
    }

    /// Skips comments, left parentheses, types and unary operators that open the input; false when nothing else follows.
    fn first(&mut self) -> bool {
        while let Some(token) = self.stream.next() {
            let skipped = matches!(token.kind, Kind::Comment | Kind::LeftParens | Kind::SqlType);
            if !skipped && !token.is_unary() {
                *self.at_mut(0) = token;
                self.filled = 1;
                return true;
            }
        }
        false
    }

    fn at(&self, index: usize) -> Token<'a> {
        self.window[index % 8]
    }

    fn at_mut(&mut self, index: usize) -> &mut Token<'a> {
        &mut self.window[index % 8]
    }

    /// How many tokens are looked at.
    fn standing(&self) -> usize {
        self.filled.saturating_sub(self.left)
    }

    /// Reads until `wanted` tokens stand from `left` on. Comments count for nothing but at the very end.
    fn fill(&mut self, wanted: usize) {
        while self.more && self.filled <= MAX && self.standing() < wanted {
            match self.stream.next() {
                None => self.more = false,
                Some(token) if token.kind == Kind::Comment => self.last_comment = token,
                Some(token) => {
                    self.last_comment = Token::NONE;
                    *self.at_mut(self.filled) = token;
                    self.filled += 1;
                }
            }
        }
    }

    /// Five tokens that say nothing, such as `1,(1)`, make room for what follows.
    fn reopen_full_window(&mut self) {
        use Kind::{Bareword, Comma, LeftParens, Number, Operator, RightParens};
        let kinds = [0, 1, 2, 3, 4].map(|index| self.at(index).kind);
        let idle = matches!(
            kinds,
            [Number, Operator | Comma, LeftParens, Number, RightParens]
                | [Bareword, Operator, LeftParens, Bareword | Number, RightParens]
                | [Number, RightParens, Comma, LeftParens, Number]
                | [Bareword, RightParens, Operator, LeftParens, Bareword]
        );
        if idle {
            if self.filled > MAX {
                *self.at_mut(1) = self.at(MAX);
                self.filled = 2;
            } else {
                self.filled = 1;
            }
            self.left = 0;
        }
    }

    /// Takes the last `count` tokens away and looks from the start again.
    fn drop_and_restart(&mut self, count: usize) -> Step {
        self.filled = self.filled.saturating_sub(count);
        self.left = 0;
        Step::Again
    }

    /// Takes the last token away and looks from one token before again.
    fn drop_and_step_back(&mut self) -> Step {
        self.filled = self.filled.saturating_sub(1);
        self.left = self.left.saturating_sub(1);
        Step::Again
    }

    fn pair(&mut self) -> Step {
        use Kind::{LeftParens, LogicOperator, Operator, Semicolon, SqlType, String};
        let (a, b) = (self.at(self.left), self.at(self.left + 1));
        match (a.kind, b.kind) {
            (String, String) | (Semicolon, Semicolon) => {
                self.filled = self.filled.saturating_sub(1);
                return Step::Again;
            }
            (Operator | LogicOperator, SqlType) => return self.drop_and_restart(1),
            (Operator | LogicOperator, _) if b.is_unary() => return self.drop_and_restart(1),
            (LeftParens, _) if b.is_unary() => return self.drop_and_step_back(),
            _ => {}
        }
        if let Some((kind, text)) = merged(a, b) {
            let merged = self.at_mut(self.left);
            (merged.kind, merged.text) = (kind, text);
            return self.drop_and_step_back();
        }
        self.retype(a, b).unwrap_or_else(|| self.drop_of_pair(a, b))
    }

    /// Words that mean something else because of their neighbour; `None` when these are none.
    fn retype(&mut self, a: Token<'a>, b: Token<'a>) -> Option<Step> {
        use Kind::{Bareword, Function, Keyword, LeftParens, Operator, Semicolon, Tsql, Variable};
        Some(match (a.kind, b.kind) {
            // IF is a function, but a statement of Transact-SQL after a semicolon.
            (Semicolon, Function) if b.text.get(..2).is_some_and(|word| word.eq_ignore_ascii_case(b"if")) => {
                self.at_mut(self.left + 1).kind = Tsql;
                Step::Again
            }
            (Bareword | Variable, LeftParens) if a.is_one_of(FUNCTIONS_LIKE_COLUMNS) => {
                self.at_mut(self.left).kind = Function;
                Step::Again
            }
            (Keyword, next) if a.is_one_of(&["IN", "NOT IN"]) => {
                self.at_mut(self.left).kind = if next == LeftParens { Operator } else { Bareword };
                Step::Again
            }
            (Operator, next) if a.is_one_of(&["LIKE", "NOT LIKE"]) => {
                if next == LeftParens {
                    self.at_mut(self.left).kind = Function;
                }
                Step::Further
            }
            _ => return None,
        })
    }

    fn drop_of_pair(&mut self, a: Token<'a>, b: Token<'a>) -> Step {
        use Kind::{
            Backslash, Bareword, Collate, Evil, Function, LeftBrace, LeftParens, Number, RightBrace,
            RightParens, SqlType, String, Variable,
        };
        match (a.kind, b.kind) {
            (SqlType, Bareword | Number | SqlType | LeftParens | Function | Variable | String) => {
                *self.at_mut(self.left) = b;
                self.drop_and_restart(1)
            }
            // There are too many collations to list; they have an underscore.
            (Collate, Bareword) => {
                if c_string_has(b.text, b'_') {
                    self.at_mut(self.left + 1).kind = SqlType;
                    self.left = 0;
                }
                Step::Further
            }
            // Transact-SQL reads `\%1` as `0 % 1` and `\1` as `1`.
            (Backslash, _) if b.is_arithmetic() => {
                self.at_mut(self.left).kind = Number;
                self.drop_and_restart(0)
            }
            (Backslash, _) => {
                *self.at_mut(self.left) = b;
                self.drop_and_restart(1)
            }
            (LeftParens, LeftParens) | (RightParens, RightParens) => self.drop_and_restart(1),
            // MySQL: {``.``.id} is legal. Nobody writes it, so it is refused rather than understood.
            (LeftBrace, Bareword) if b.text.is_empty() => {
                self.at_mut(self.left + 1).kind = Evil;
                Step::Evil(self.left + 2)
            }
            // ODBC: {foo expr} is expr.
            (LeftBrace, Bareword) => self.drop_and_restart(2),
            (_, RightBrace) => self.drop_and_restart(1),
            _ => Step::Further,
        }
    }

    fn triple(&mut self) -> Step {
        use Kind::{
            Bareword, Comma, Dot, Expression, Function, LeftParens, LogicOperator, Number, Operator,
            RightParens, SqlType, String, Variable,
        };
        let (a, b, c) = (self.at(self.left), self.at(self.left + 1), self.at(self.left + 2));
        match (a.kind, b.kind, c.kind) {
            (Number, Operator, Number) => self.drop_and_restart(2),
            (Operator, between, Operator) if between != LeftParens => self.drop_and_restart(2),
            (LogicOperator, _, LogicOperator)
            | (Variable, Operator, Variable | Number | Bareword)
            | (Bareword | Number, Operator, Number | Bareword) => self.drop_and_restart(2),
            (Bareword | Number | Variable | String, Operator, SqlType) if b.text == b"::" => {
                self.drop_and_restart(2)
            }
            (Bareword | Number | String | Variable, Comma, Number | Bareword | String | Variable) => {
                self.drop_and_restart(2)
            }
            _ if b.is_unary() && self.drop_unary_between(a, c) => Step::Again,
            // database.table
            (Bareword, Dot, Bareword) => self.drop_and_restart(2),
            // SELECT .`foo`
            (Expression, Dot, Bareword) => {
                *self.at_mut(self.left + 1) = c;
                self.drop_and_restart(1)
            }
            // USER() is a function, USER(x) is somebody's column.
            (Function, LeftParens, third) if third != RightParens && a.is_one_of(&["USER"]) => {
                self.at_mut(self.left).kind = Bareword;
                Step::Further
            }
            _ => Step::Further,
        }
    }

    /// Takes the unary operator out of `SELECT -1`, `LIMIT +(`, `1,-1`.
    fn drop_unary_between(&mut self, a: Token<'a>, c: Token<'a>) -> bool {
        use Kind::{
            Bareword, Comma, Expression, Function, Group, Keyword, LeftParens, Number, String, Variable,
        };
        let value = matches!(c.kind, Number | Bareword | Variable | String);
        let dropped = match a.kind {
            Expression | Group if c.kind == LeftParens => 1,
            Comma if c.kind == LeftParens || c.kind == Function => 1,
            Keyword | Expression | Group if value || c.kind == Function => 1,
            // One token further back, so that `1,-1` can become `1`.
            Comma if value => 3,
            _ => return false,
        };
        *self.at_mut(self.left + 1) = c;
        self.filled = self.filled.saturating_sub(dropped);
        self.left = 0;
        true
    }
}

/// Two words that are one phrase of SQL, such as `group by`.
fn merged<'a>(a: Token<'a>, b: Token<'a>) -> Option<(Kind, &'a [u8])> {
    use Kind::{Bareword, Expression, Function, Keyword, LogicOperator, Operator, SqlType, Tsql, Union};
    let word =
        |kind| matches!(kind, Keyword | Bareword | Operator | Union | Function | Expression | Tsql | SqlType);
    let mergeable = word(a.kind) && (word(b.kind) || b.kind == LogicOperator);
    if !mergeable || a.text.len() + 1 + b.text.len() > LONGEST {
        return None;
    }
    phrase(a.text, b.text)
}

/// Functions that are common as names of columns, or stand without parentheses as variables.
const FUNCTIONS_LIKE_COLUMNS: &[&str] = &[
    "USER_ID",
    "USER_NAME",
    "DATABASE",
    "PASSWORD",
    "USER",
    "CURRENT_USER",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "LOCALTIME",
    "LOCALTIMESTAMP",
];
