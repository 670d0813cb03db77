//! The SQL tokeniser: bytes to tokens, in the union of the dialects of MySQL, PostgreSQL, Oracle, SQL Server and SQLite.
//!
//! A token never fails: what is no SQL becomes [`Kind::Unknown`], what cannot be read in one way becomes [`Kind::Evil`]. Every call moves
//! forward by at least one byte and looks at no byte more often than a fixed number of times.

mod literal;

use memchr::memchr;

use super::words::{self, LONGEST};

/// What a token is; the value is its letter in a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    None = 0,
    Keyword = b'k',
    Union = b'U',
    Group = b'B',
    Expression = b'E',
    SqlType = b't',
    Function = b'f',
    Bareword = b'n',
    Number = b'1',
    Variable = b'v',
    String = b's',
    Operator = b'o',
    LogicOperator = b'&',
    Comment = b'c',
    Collate = b'A',
    LeftParens = b'(',
    RightParens = b')',
    LeftBrace = b'{',
    RightBrace = b'}',
    Dot = b'.',
    Comma = b',',
    Colon = b':',
    Semicolon = b';',
    /// A statement of Transact-SQL.
    Tsql = b'T',
    Unknown = b'?',
    /// Readable in more than one way, as nested comments are.
    Evil = b'X',
    Backslash = b'\\',
}

impl Kind {
    /// The kind that the word table gives by letter.
    pub(super) fn of(letter: u8) -> Option<Self> {
        Some(match letter {
            b'k' => Self::Keyword,
            b'U' => Self::Union,
            b'B' => Self::Group,
            b'E' => Self::Expression,
            b't' => Self::SqlType,
            b'f' => Self::Function,
            b'n' => Self::Bareword,
            b'1' => Self::Number,
            b'v' => Self::Variable,
            b'o' => Self::Operator,
            b'&' => Self::LogicOperator,
            b'A' => Self::Collate,
            b'T' => Self::Tsql,
            _ => return None,
        })
    }
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// The quote that opened a string, 0 for one that opened before the input.
    pub(crate) open: u8,
    /// The quote that closed it, 0 for one that the input does not close.
    pub(crate) close: u8,
    /// Number of `@` before a variable.
    #[cfg_attr(not(test), expect(dead_code, reason = "the token vectors show it; no verdict depends on it"))]
    pub(crate) ats: u8,
    /// The first 31 bytes; of a merged phrase the words in upper case.
    pub(crate) text: &'a [u8],
}

impl Token<'_> {
    pub(super) const NONE: Self = Self { kind: Kind::None, open: 0, close: 0, ats: 0, text: &[] };

    pub(super) fn is_unary(&self) -> bool {
        self.kind == Kind::Operator
            && match *self.text {
                [sign] => matches!(sign, b'+' | b'-' | b'!' | b'~'),
                [b'!', b'!'] => true,
                [_, _, _] => self.text.eq_ignore_ascii_case(b"not"),
                _ => false,
            }
    }

    pub(super) fn is_arithmetic(&self) -> bool {
        self.kind == Kind::Operator && matches!(*self.text, [b'*' | b'/' | b'-' | b'+' | b'%'])
    }

    pub(super) fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.text.eq_ignore_ascii_case(word.as_bytes()))
    }
}

/// The quote that is taken to stand before the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quote {
    None,
    Single,
    Double,
}

/// How comments are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `--` opens a comment, `#` is an operator.
    Ansi,
    /// `--` opens a comment only before white space, `#` opens one always.
    MySql,
}

/// One way to read the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) quote: Quote,
    pub(crate) dialect: Dialect,
}

/// The tokens of an input.
pub(crate) struct Tokens<'a> {
    input: &'a [u8],
    at: usize,
    reading: Reading,
    /// Tokens given so far.
    pub(super) seen: usize,
    /// Whether a comment came up on which the dialects differ.
    pub(super) reads_differently_in_mysql: bool,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(input: &'a [u8], reading: Reading) -> Self {
        Self { input, at: 0, reading, seen: 0, reads_differently_in_mysql: false }
    }

    /// The next token; white space is none.
    pub(crate) fn next(&mut self) -> Option<Token<'a>> {
        let token = if self.at == 0 && self.reading.quote != Quote::None && !self.input.is_empty() {
            let quote = if self.reading.quote == Quote::Single { b'\'' } else { b'"' };
            self.quoted(0, 0, quote)
        } else {
            while self.input.get(self.at).is_some_and(|byte| class(*byte) == Class::White) {
                self.at += 1;
            }
            let byte = *self.input.get(self.at)?;
            self.read(byte)
        };
        self.seen += 1;
        Some(token)
    }

    fn read(&mut self, byte: u8) -> Token<'a> {
        match class(byte) {
            Class::White | Class::Other => self.single(Kind::Unknown),
            Class::Word => self.word(),
            Class::Number => self.number(),
            Class::Punctuation => self.single(punctuation(byte)),
            Class::Operator1 => self.single(Kind::Operator),
            Class::Operator2 => self.operator(byte),
            Class::String => self.quoted(self.at, 1, byte),
            Class::Hash => self.hash(),
            Class::Dash => self.dash(),
            Class::Slash => self.slash(),
            Class::Backslash => self.backslash(),
            Class::Money => self.money(),
            Class::Variable => self.variable(),
            Class::Tick => self.tick(self.at),
            Class::Bracket => self.bracketed(),
            Class::LetteredString => self.lettered_string(byte),
        }
    }

    /// The byte at a position, 0 past the end.
    fn byte(&self, at: usize) -> u8 {
        self.input.get(at).copied().unwrap_or(0)
    }

    fn rest(&self, from: usize) -> &'a [u8] {
        self.input.get(from..).unwrap_or(&[])
    }

    /// A token of the bytes `start..end`; reading goes on at `next`.
    fn token(&mut self, kind: Kind, start: usize, end: usize, next: usize) -> Token<'a> {
        self.at = next;
        let text = self.input.get(start..end.min(start + LONGEST)).unwrap_or(&[]);
        Token { kind, text, ..Token::NONE }
    }

    fn single(&mut self, kind: Kind) -> Token<'a> {
        self.token(kind, self.at, self.at + 1, self.at + 1)
    }

    fn operator(&mut self, first: u8) -> Token<'a> {
        let at = self.at;
        if self.rest(at).starts_with(b"<=>") {
            return self.token(Kind::Operator, at, at + 3, at + 3);
        }
        // Before the colon is looked at: one that ends the input is an operator in libinjection.
        let Some(two) = self.input.get(at..at + 2) else { return self.single(Kind::Operator) };
        match words::kind_of(two) {
            Some(kind) => self.token(kind, at, at + 2, at + 2),
            None if first == b':' => self.single(Kind::Colon),
            None => self.single(Kind::Operator),
        }
    }

    fn hash(&mut self) -> Token<'a> {
        self.reads_differently_in_mysql = true;
        match self.reading.dialect {
            Dialect::MySql => self.line_comment(),
            Dialect::Ansi => self.single(Kind::Operator),
        }
    }

    fn dash(&mut self) -> Token<'a> {
        match *self.rest(self.at) {
            [_, b'-'] => self.line_comment(),
            [_, b'-', next, ..] if is_white(next) => self.line_comment(),
            [_, b'-', ..] if self.reading.dialect == Dialect::Ansi => {
                self.reads_differently_in_mysql = true;
                self.line_comment()
            }
            _ => self.single(Kind::Operator),
        }
    }

    fn line_comment(&mut self) -> Token<'a> {
        let at = self.at;
        match memchr(b'\n', self.rest(at)) {
            Some(length) => self.token(Kind::Comment, at, at + length, at + length + 1),
            None => self.token(Kind::Comment, at, self.input.len(), self.input.len()),
        }
    }

    fn slash(&mut self) -> Token<'a> {
        let at = self.at;
        if self.byte(at + 1) != b'*' {
            return self.single(Kind::Operator);
        }
        let body = self.rest(at + 2);
        let close = find_two(body, *b"*/");
        // PostgreSQL nests comments, the others do not: nobody can tell where this one ends. The slash that closes may open as well.
        let nested =
            close.is_some_and(|close| find_two(body.get(..=close).unwrap_or(body), *b"/*").is_some());
        // MySQL runs what stands in `/*! */`.
        let kind = if nested || body.first() == Some(&b'!') { Kind::Evil } else { Kind::Comment };
        let end = close.map_or(self.input.len(), |close| at + 2 + close + 2);
        self.token(kind, at, end, end)
    }

    fn backslash(&mut self) -> Token<'a> {
        // MySQL's name for NULL, with a capital N only.
        if self.byte(self.at + 1) == b'N' {
            return self.token(Kind::Number, self.at, self.at + 2, self.at + 2);
        }
        self.single(Kind::Backslash)
    }

    fn word(&mut self) -> Token<'a> {
        let at = self.at;
        let rest = self.rest(at);
        // `select.1` and `` select`column` `` are the keyword and something else. A keyword is short: looking for the end of the word first
        // would look at the rest again and again in `or.or.or.`.
        let mut length = 0;
        loop {
            let unread = rest.get(length..).unwrap_or(&[]);
            length +=
                unread.iter().position(|byte| WORD_MARKS[usize::from(*byte)] != 0).unwrap_or(unread.len());
            if rest.get(length).is_none_or(|byte| ends_word(*byte)) {
                break;
            }
            if let Some(kind) = rest.get(..length).and_then(keyword) {
                return self.token(kind, at, at + length, at + length);
            }
            length += 1;
        }
        let token = self.token(Kind::Bareword, at, at + length, at + length);
        if length > LONGEST {
            return token;
        }
        Token { kind: words::kind_of(token.text).unwrap_or(Kind::Bareword), ..token }
    }

    /// SQL Server's `[name]`.
    fn bracketed(&mut self) -> Token<'a> {
        let at = self.at;
        let end = memchr(b']', self.rest(at)).map_or(self.input.len(), |length| at + length + 1);
        self.token(Kind::Bareword, at, end, end)
    }

    /// MySQL's back quotes: a name, or the name of a function.
    fn tick(&mut self, at: usize) -> Token<'a> {
        let token = self.quoted(at, 1, b'`');
        let function = words::kind_of(token.text) == Some(Kind::Function);
        Token { kind: if function { Kind::Function } else { Kind::Bareword }, ..token }
    }

    fn variable(&mut self) -> Token<'a> {
        let ats = if self.byte(self.at + 1) == b'@' { 2 } else { 1 };
        let at = self.at + usize::from(ats);
        let token = match self.byte(at) {
            b'`' => self.tick(at),
            quote @ (b'\'' | b'"') => self.quoted(at, 1, quote),
            _ => {
                let rest = self.rest(at);
                let length = rest.iter().position(|byte| ends_variable(*byte)).unwrap_or(rest.len());
                self.token(Kind::Variable, at, at + length, at + length)
            }
        };
        Token { kind: Kind::Variable, ats, ..token }
    }
}

/// Whether what stands in front of a dot or a back quote is a token by itself.
pub(super) fn is_keyword(text: &[u8]) -> bool {
    keyword(text).is_some()
}

fn keyword(text: &[u8]) -> Option<Kind> {
    let kind = if text.len() < LONGEST { words::kind_of(text) } else { None };
    kind.filter(|kind| *kind != Kind::Bareword)
}

/// Which tokeniser a byte starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    White,
    Word,
    Number,
    Punctuation,
    Operator1,
    Operator2,
    String,
    Hash,
    Dash,
    Slash,
    Backslash,
    Money,
    Variable,
    Tick,
    Bracket,
    /// A letter that may give the string after it a meaning: `b'`, `e'`, `n'`, `q'`, `u&'`, `x'`.
    LetteredString,
    Other,
}

fn class(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Other)
}

fn punctuation(byte: u8) -> Kind {
    match byte {
        b'(' => Kind::LeftParens,
        b')' => Kind::RightParens,
        b'{' => Kind::LeftBrace,
        b'}' => Kind::RightBrace,
        b',' => Kind::Comma,
        _ => Kind::Semicolon,
    }
}

/// White space of some database: Oracle takes NUL for it, MySQL the no-break space of Latin-1.
fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | 0xa0 | 0)
}

fn ends_word(byte: u8) -> bool {
    WORD_MARKS[usize::from(byte)] == END
}

fn ends_variable(byte: u8) -> bool {
    matches!(byte, b'`') || ends_word(byte) && !matches!(byte, b'[' | b']' | b'{' | b'}' | 0xa0)
}

/// Position of the first two bytes `pair`.
fn find_two(haystack: &[u8], pair: [u8; 2]) -> Option<usize> {
    memchr::memchr_iter(pair[0], haystack).find(|at| haystack.get(at + 1) == Some(&pair[1]))
}

static CLASSES: [Class; 256] = {
    let mut classes = [Class::Word; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            0..=b' ' | 0x7f | 0xa0 => Class::White,
            b'0'..=b'9' | b'.' => Class::Number,
            b'(' | b')' | b'{' | b'}' | b',' | b';' => Class::Punctuation,
            b'%' | b'+' | b'^' | b'~' => Class::Operator1,
            b'!' | b'&' | b'*' | b':' | b'<' | b'=' | b'>' | b'|' => Class::Operator2,
            b'\'' | b'"' => Class::String,
            b'#' => Class::Hash,
            b'-' => Class::Dash,
            b'/' => Class::Slash,
            b'\\' => Class::Backslash,
            b'$' => Class::Money,
            b'@' => Class::Variable,
            b'`' => Class::Tick,
            b'[' => Class::Bracket,
            b'b' | b'B' | b'e' | b'E' | b'n' | b'N' | b'q' | b'Q' | b'u' | b'U' | b'x' | b'X' => {
                Class::LetteredString
            }
            b'?' | b']' => Class::Other,
            _ => Class::Word,
        };
        byte += 1;
    }
    classes
};

/// The byte is no part of a word.
const END: u8 = 1;
/// What stands in front of the byte may be a word of its own.
const MAY_END: u8 = 2;

static WORD_MARKS: [u8; 256] = {
    let mut marks = [0; 256];
    let bytes = b" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r\"\xa0\x00";
    let mut at = 0;
    while at < bytes.len() {
        marks[bytes[at] as usize] = END;
        at += 1;
    }
    marks[b'.' as usize] = MAY_END;
    marks[b'`' as usize] = MAY_END;
    marks
};
