//! What a backslash begins, outside brackets and inside.

use super::{
    PatternError,
    parse::{Flags, Parser, WRITTEN_OUT, counts, literal},
    tree::{Anchor, ByteSet, Node},
};

/// What an escape that is allowed in brackets stands for.
pub(super) enum Escaped {
    Byte(u8),
    Set(ByteSet),
}

pub(super) fn caret(flags: Flags) -> Anchor {
    if flags.multiline { Anchor::LineStart } else { Anchor::Start }
}

pub(super) fn dollar(flags: Flags) -> Anchor {
    match flags {
        Flags { multiline: true, .. } => Anchor::LineEnd,
        Flags { dollar_end_only: true, .. } => Anchor::End,
        Flags { .. } => Anchor::EndOrFinalNewline,
    }
}

impl Parser<'_> {
    /// Reads an escape outside brackets.
    pub(super) fn escape(&mut self, flags: Flags) -> Result<Option<Node>, PatternError> {
        let begin = self.position;
        self.position += 1;
        let Some(byte) = self.peek() else {
            return Err(PatternError::new(begin, "backslash at the end").help("write \\\\ for a backslash"));
        };
        self.position += 1;
        let node = match byte {
            b'b' => Node::Anchor(Anchor::WordBoundary),
            b'B' => Node::Anchor(Anchor::NoWordBoundary),
            b'A' => Node::Anchor(Anchor::Start),
            b'z' => Node::Anchor(Anchor::End),
            b'Z' => Node::Anchor(Anchor::EndOrFinalNewline),
            b'N' if self.peek() == Some(b'{') && counts(self.rest()).is_none() => {
                self.position = begin;
                return Err(self.unsupported("\\N{..}"));
            }
            b'N' => Node::Class(ByteSet::of(b"\n").complement()),
            b'R' => any_newline(),
            b'1'..=b'9' => self.digits(begin, flags)?,
            b'k' | b'g' => self.explicit_reference(byte, begin, flags)?,
            b'K' | b'G' | b'X' | b'C' | b'p' | b'P' | b'L' | b'l' | b'U' | b'u' => {
                self.position = begin;
                return Err(self.unsupported(&format!("\\{}", char::from(byte))));
            }
            _ => match self.shared_escape(byte, begin)? {
                Escaped::Byte(byte) => literal(byte, flags),
                Escaped::Set(set) => Node::Class(set),
            },
        };
        Ok(Some(node))
    }

    /// Escapes that mean the same inside brackets and outside; the backslash and `byte` have been read.
    pub(super) fn shared_escape(&mut self, byte: u8, begin: usize) -> Result<Escaped, PatternError> {
        Ok(match byte {
            b'a' => Escaped::Byte(0x07),
            b'e' => Escaped::Byte(0x1b),
            b'f' => Escaped::Byte(0x0c),
            b'n' => Escaped::Byte(b'\n'),
            b'r' => Escaped::Byte(b'\r'),
            b't' => Escaped::Byte(b'\t'),
            b'0' => Escaped::Byte(self.octal(begin, 0)?),
            b'o' => Escaped::Byte(self.braced(8, begin)?),
            b'x' if self.peek() == Some(b'{') => Escaped::Byte(self.braced(16, begin)?),
            b'x' => Escaped::Byte(self.short_hex()),
            b'c' => match self.peek() {
                Some(byte @ 0x20..=0x7e) => {
                    self.position += 1;
                    Escaped::Byte(byte.to_ascii_uppercase() ^ 0x40)
                }
                _ => return Err(PatternError::new(begin, "\\c without a printable character after it")),
            },
            b'd' => Escaped::Set(digits()),
            b'D' => Escaped::Set(digits().complement()),
            b'w' => Escaped::Set(word()),
            b'W' => Escaped::Set(word().complement()),
            b's' => Escaped::Set(space()),
            b'S' => Escaped::Set(space().complement()),
            b'h' => Escaped::Set(horizontal()),
            b'H' => Escaped::Set(horizontal().complement()),
            b'v' => Escaped::Set(vertical()),
            b'V' => Escaped::Set(vertical().complement()),
            _ if byte.is_ascii_alphanumeric() => {
                return Err(PatternError::new(
                    begin,
                    format!("\\{} has no meaning in patterns", char::from(byte)),
                )
                .help("remove the backslash for the letter itself"));
            }
            _ => Escaped::Byte(byte),
        })
    }

    /// Up to three octal digits of which `first` has been read.
    pub(super) fn octal(&mut self, begin: usize, first: u8) -> Result<u8, PatternError> {
        let mut value = u32::from(first);
        for _ in 0..2 {
            let Some(digit @ b'0'..=b'7') = self.peek() else { break };
            self.position += 1;
            value = value * 8 + u32::from(digit - b'0');
        }
        u8::try_from(value).map_err(|_| PatternError::new(begin, "octal escape above \\377 is not a byte"))
    }

    /// `{..}` of `\x{..}` and `\o{..}`. Without UTF a number is one byte, whatever its width.
    fn braced(&mut self, radix: u32, begin: usize) -> Result<u8, PatternError> {
        let rest = self.rest();
        let closed = rest.iter().position(|byte| *byte == b'}').filter(|_| rest.first() == Some(&b'{'));
        let digits = closed.and_then(|closed| rest.get(1..closed)).unwrap_or(&[]);
        let value = std::str::from_utf8(digits).ok().and_then(|text| u32::from_str_radix(text, radix).ok());
        let Some(value) = value.filter(|_| digits.iter().all(u8::is_ascii_alphanumeric)) else {
            return Err(PatternError::new(begin, "escape without digits in braces"));
        };
        self.position += digits.len() + 2;
        u8::try_from(value).map_err(|_| {
            PatternError::new(begin, "escape above \\x{ff} is not a byte")
                .help("patterns see bytes: write the UTF-8 bytes of the character, each as \\xHH")
        })
    }

    /// `\xHH`, `\xH` or `\x`, which is NUL.
    fn short_hex(&mut self) -> u8 {
        let mut value = 0_u8;
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else { break };
            self.position += 1;
            value = value << 4 | u8::try_from(digit).unwrap_or(0);
        }
        value
    }

    /// `\1` to `\9` always refer to a group; longer numbers do when there are so many groups, else they are octal.
    fn digits(&mut self, begin: usize, flags: Flags) -> Result<Node, PatternError> {
        self.position = begin + 1;
        let (group, length) = self.number();
        let first = self.peek().unwrap_or(b'0');
        if group < 10 || group <= self.groups || first >= b'8' {
            self.position += length;
            return Ok(self.reference(group, flags));
        }
        self.position += 1;
        let byte = self.octal(begin, first - b'0')?;
        Ok(literal(byte, flags))
    }

    fn number(&self) -> (u32, usize) {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold((0, 0), |(value, length): (u32, usize), digit| {
            (value.saturating_mul(10).saturating_add(u32::from(*digit - b'0')), length + 1)
        })
    }

    /// `\k<n>`, `\k'n'`, `\k{n}`, `\g1`, `\g{1}`, `\g{-1}`, `\g{n}`
    fn explicit_reference(&mut self, byte: u8, begin: usize, flags: Flags) -> Result<Node, PatternError> {
        let refused = PatternError::new(begin, format!("\\{} without a group to refer to", char::from(byte)));
        let closing = match self.peek() {
            Some(b'{') => Some(b'}'),
            Some(b'<') if byte == b'k' => Some(b'>'),
            Some(b'\'') if byte == b'k' => Some(b'\''),
            Some(b'<' | b'\'') => {
                return Err(
                    PatternError::new(begin, "recursion is not supported in patterns").help(WRITTEN_OUT)
                );
            }
            _ => None,
        };
        self.position += usize::from(closing.is_some());
        if byte == b'k' {
            let name = self.name(closing.ok_or(refused)?)?;
            return self.named_reference(name, flags);
        }
        let relative = self.eat(b"-");
        let (number, length) = self.number();
        if length == 0 {
            let name = self.name(closing.filter(|_| !relative).ok_or(refused)?)?;
            return self.named_reference(name, flags);
        }
        self.position += length;
        if closing.is_some_and(|closing| !self.eat(&[closing])) {
            return Err(refused);
        }
        let group = if relative { (self.groups + 1).checked_sub(number) } else { Some(number) };
        match group {
            Some(group @ 1..) => Ok(self.reference(group, flags)),
            _ => Err(refused),
        }
    }
}

/// `\R`: a line end, CR LF being one that is not taken apart.
fn any_newline() -> Node {
    let pair = Node::Concat(vec![Node::Byte(b'\r'), Node::Byte(b'\n')]);
    Node::Atomic(Box::new(Node::Alternation(vec![pair, Node::Class(vertical())])))
}

pub(super) fn digits() -> ByteSet {
    ByteSet::range(b'0', b'9')
}

pub(super) fn word() -> ByteSet {
    ByteSet::range(b'a', b'z').union(ByteSet::range(b'A', b'Z')).union(digits()).with(b'_')
}

/// With VT, which PCRE counts since 8.34.
pub(super) fn space() -> ByteSet {
    ByteSet::of(b" \t\n\x0b\x0c\r")
}

fn horizontal() -> ByteSet {
    ByteSet::of(b"\t \xa0")
}

/// A class in PCRE; one byte (VT) elsewhere.
fn vertical() -> ByteSet {
    ByteSet::of(b"\n\x0b\x0c\r\x85")
}
