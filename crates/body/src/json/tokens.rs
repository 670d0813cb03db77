//! The signs and scalars of RFC 8259, pulled one by one from bytes.
//!
//! Reads every byte once. UTF-8 is not checked: bytes from 0x80 up pass through strings as they are, for rules to judge.

use std::borrow::Cow;

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) what: &'static str,
    pub(super) offset: usize,
}

/// The start of a value, or a whole scalar.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open { array: bool },
    Scalar(Cow<'a, [u8]>),
}

pub(super) struct Tokens<'a> {
    input: &'a [u8],
    at: usize,
    start: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0, start: 0 }
    }

    /// Offset of what was read last.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The next value.
    pub(super) fn next(&mut self) -> Result<Token<'a>, Fault> {
        match self.sign() {
            Some(b'{') => Ok(Token::Open { array: false }),
            Some(b'[') => Ok(Token::Open { array: true }),
            Some(b'"') => self.string().map(Token::Scalar),
            Some(b't') => self.word(b"true", b"true"),
            Some(b'f') => self.word(b"false", b"false"),
            Some(b'n') => self.word(b"null", b""),
            Some(b'-' | b'0'..=b'9') => self.number().map(|number| Token::Scalar(Cow::Borrowed(number))),
            Some(_) => Err(self.unexpected()),
            None => Err(self.ended()),
        }
    }

    /// A key and the colon after it.
    pub(super) fn key(&mut self) -> Result<Cow<'a, [u8]>, Fault> {
        match self.sign() {
            Some(b'"') => {}
            Some(_) => return Err(self.unexpected()),
            None => return Err(self.ended()),
        }
        let key = self.string()?;
        match self.sign() {
            Some(b':') => Ok(key),
            Some(_) => Err(self.unexpected()),
            None => Err(self.ended()),
        }
    }

    /// After an opening sign: takes the closing one if it follows at once.
    pub(super) fn close_follows(&mut self, array: bool) -> Result<bool, Fault> {
        self.skip_blanks();
        let Some(&byte) = self.input.get(self.at) else { return Err(self.ended()) };
        let closes = byte == closing(array);
        if closes {
            self.start = self.at;
            self.at += 1;
        }
        Ok(closes)
    }

    /// After a value: takes a comma, or the closing sign.
    pub(super) fn comma_follows(&mut self, array: bool) -> Result<bool, Fault> {
        match self.sign() {
            Some(b',') => Ok(true),
            Some(byte) if byte == closing(array) => Ok(false),
            Some(_) => Err(self.unexpected()),
            None => Err(self.ended()),
        }
    }

    /// After the document: nothing but white space.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.sign() {
            None => Ok(()),
            Some(_) => Err(Fault { what: "text after the document", offset: self.start }),
        }
    }

    #[inline]
    fn skip_blanks(&mut self) {
        // One comparison for the usual case, that there are none.
        while let Some(&byte) = self.input.get(self.at)
            && byte <= b' '
            && matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
        {
            self.at += 1;
        }
    }

    /// The next byte that is not white space.
    #[inline]
    fn sign(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.start = self.at;
        let byte = self.input.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn unexpected(&self) -> Fault {
        Fault { what: "unexpected byte", offset: self.start }
    }

    fn ended(&self) -> Fault {
        Fault { what: "unexpected end", offset: self.input.len() }
    }

    /// The first letter has been taken.
    fn word(&mut self, word: &[u8], value: &'static [u8]) -> Result<Token<'a>, Fault> {
        if !self.input[self.start..].starts_with(word) {
            return Err(self.unexpected());
        }
        self.at = self.start + word.len();
        Ok(Token::Scalar(Cow::Borrowed(value)))
    }

    /// The first byte has been taken. What must not follow a number is left for the next sign to stumble over.
    fn number(&mut self) -> Result<&'a [u8], Fault> {
        self.at = self.start + usize::from(self.input.get(self.start) == Some(&b'-'));
        if self.input.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.input.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.input.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.input.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(&self.input[self.start..self.at])
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let rest = &self.input[self.at..];
        match rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len()) {
            0 if rest.is_empty() => Err(self.ended()),
            0 => Err(Fault { what: "unexpected byte in a number", offset: self.at }),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }

    /// The opening quote has been taken.
    fn string(&mut self) -> Result<Cow<'a, [u8]>, Fault> {
        let plain = self.plain()?;
        if self.input.get(self.at - 1) == Some(&b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut value = plain.to_vec();
        loop {
            self.escape(&mut value)?;
            value.extend_from_slice(self.plain()?);
            if self.input.get(self.at - 1) == Some(&b'"') {
                return Ok(Cow::Owned(value));
            }
        }
    }

    /// The part of a string up to the next quote or backslash, which is taken.
    fn plain(&mut self) -> Result<&'a [u8], Fault> {
        let rest = &self.input[self.at..];
        let Some(end) = first_mark(rest) else { return Err(self.ended()) };
        if rest[end] < b' ' {
            return Err(Fault { what: "control character in a string", offset: self.at + end });
        }
        self.at += end + 1;
        Ok(&rest[..end])
    }

    /// The backslash has been taken.
    fn escape(&mut self, value: &mut Vec<u8>) -> Result<(), Fault> {
        let Some(&letter) = self.input.get(self.at) else { return Err(self.ended()) };
        self.at += 1;
        value.push(match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.code_point(value),
            _ => return Err(Fault { what: "invalid escape in a string", offset: self.at - 1 }),
        });
        Ok(())
    }

    /// `\u` has been taken. A surrogate without its partner becomes a question mark, and what follows it is read by itself: ModSecurity v3
    /// takes any `\u` for the partner of a first one, behind which `\u003c` would hide.
    fn code_point(&mut self, value: &mut Vec<u8>) -> Result<(), Fault> {
        let first = self.unit(self.at)?;
        self.at += 4;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.input[self.at..].starts_with(b"\\u") {
            let second = self.unit(self.at + 2)?;
            if (0xdc00..0xe000).contains(&second) {
                self.at += 6;
                units.push(second);
            }
        }
        for character in char::decode_utf16(units) {
            value.extend_from_slice(character.unwrap_or('?').encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }

    /// Four hexadecimal digits.
    fn unit(&self, at: usize) -> Result<u16, Fault> {
        let digits = self.input.get(at..at + 4).ok_or_else(|| self.ended())?;
        digits.iter().try_fold(0, |unit: u16, &byte| {
            let digit = char::from(byte).to_digit(16).and_then(|digit| u16::try_from(digit).ok());
            let digit = digit.ok_or(Fault { what: "invalid escape in a string", offset: at })?;
            Ok(unit << 4 | digit)
        })
    }
}

fn closing(array: bool) -> u8 {
    if array { b']' } else { b'}' }
}

/// Position of the first byte that does not stand for itself in a string: a quote, a backslash, a control character.
fn first_mark(text: &[u8]) -> Option<usize> {
    // Most strings end before a search in large steps has begun.
    let (near, far) = text.split_at(text.len().min(64));
    let (eights, rest) = near.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*eight));
        if marks != 0 {
            return Some(8 * index + marks.trailing_zeros() as usize / 8);
        }
    }
    if let Some(at) = rest.iter().position(|&byte| matches!(byte, b'"' | b'\\') || byte < b' ') {
        return Some(near.len() - rest.len() + at);
    }
    let end = memchr::memchr2(b'"', b'\\', far);
    let plain = &far[..end.unwrap_or(far.len())];
    // Looking at every byte is quicker than stopping at the first.
    let any_control = plain.iter().fold(false, |any, &byte| any | (byte < b' '));
    let control = any_control.then(|| plain.iter().position(|&byte| byte < b' ')).flatten();
    control.or(end).map(|at| near.len() + at)
}

/// The high bit of the first such byte among eight, and maybe some of later ones.
fn marks(eight: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let (quote, backslash) = (eight ^ (EACH * b'"' as u64), eight ^ (EACH * b'\\' as u64));
    let is_quote = quote.wrapping_sub(EACH) & !quote;
    let is_backslash = backslash.wrapping_sub(EACH) & !backslash;
    let is_control = eight.wrapping_sub(EACH * b' ' as u64) & !eight;
    (is_quote | is_backslash | is_control) & (EACH << 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mark_is_found_wherever_it_stands() {
        let is_mark = |byte: u8| matches!(byte, b'"' | b'\\') || byte < b' ';
        for length in 0..100 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut text = vec![b'!'; length];
                    text[at] = byte;
                    assert_eq!(first_mark(&text), is_mark(byte).then_some(at), "{byte} at {at} of {length}");
                    // What looks like a mark behind one must not count before it.
                    text[at..].fill(byte);
                    text[length - 1] = b'"';
                    let first = if is_mark(byte) { at } else { length - 1 };
                    assert_eq!(first_mark(&text), Some(first), "{byte} from {at} of {length}");
                }
            }
        }
    }
}
