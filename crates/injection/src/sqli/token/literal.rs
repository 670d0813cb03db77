//! Literals: strings in their many quotes, numbers, amounts of money.

use memchr::{memchr, memmem};

use super::{Kind, Token, Tokens, find_two, is_white};

impl<'a> Tokens<'a> {
    /// A string whose text starts `offset` bytes after `at` and ends at an unescaped `quote`. With offset 0 the quote that opened it
    /// stands before the input.
    pub(super) fn quoted(&mut self, at: usize, offset: usize, quote: u8) -> Token<'a> {
        let start = at + offset;
        let open = if offset > 0 { quote } else { 0 };
        let mut from = start;
        while let Some(found) = memchr(quote, self.rest(from)) {
            let end = from + found;
            let backslashes = self
                .input
                .get(start..end)
                .unwrap_or(&[])
                .iter()
                .rev()
                .take_while(|byte| **byte == b'\\')
                .count();
            if backslashes % 2 == 1 {
                from = end + 1;
            } else if self.input.get(end + 1) == Some(&quote) {
                from = end + 2;
            } else {
                return Token { open, close: quote, ..self.token(Kind::String, start, end, end + 1) };
            }
        }
        let end = self.input.len();
        Token { open, ..self.token(Kind::String, start, end, end) }
    }

    /// A string that `close` ends, `open` its mark.
    fn marked(&mut self, mark: u8, start: usize, end: Option<usize>, close: usize) -> Token<'a> {
        match end {
            Some(end) => {
                Token { open: mark, close: mark, ..self.token(Kind::String, start, end, end + close) }
            }
            None => {
                let end = self.input.len();
                Token { open: mark, ..self.token(Kind::String, start, end, end) }
            }
        }
    }

    /// `b'01'`, `e'..'`, `n'..'`, `q'[..]'`, `nq'[..]'`, `u&'..'`, `x'af'`, or else a word.
    pub(super) fn lettered_string(&mut self, letter: u8) -> Token<'a> {
        let at = self.at;
        let second = self.byte(at + 1);
        let two_follow = at + 2 < self.input.len();
        match letter | 0x20 {
            b'e' | b'n' if two_follow && second == b'\'' => self.quoted(at, 2, b'\''),
            b'n' => self.oracle_quoted(at + 1),
            b'q' => self.oracle_quoted(at),
            b'u' if two_follow && second == b'&' && self.byte(at + 2) == b'\'' => {
                let token = self.quoted(at + 2, 1, b'\'');
                Token { open: b'u', close: if token.close == 0 { 0 } else { b'u' }, ..token }
            }
            b'b' if two_follow && second == b'\'' => {
                self.digits_in_quotes(|byte| matches!(byte, b'0' | b'1' | 0))
            }
            b'x' if two_follow && second == b'\'' => {
                self.digits_in_quotes(|byte| byte.is_ascii_hexdigit() || *byte == 0)
            }
            _ => self.word(),
        }
    }

    fn digits_in_quotes(&mut self, is_digit: impl Fn(&u8) -> bool) -> Token<'a> {
        let at = self.at;
        let end = at + 2 + self.rest(at + 2).iter().take_while(|byte| is_digit(byte)).count();
        if self.input.get(end) != Some(&b'\'') {
            return self.word();
        }
        self.token(Kind::Number, at, end + 1, end + 1)
    }

    /// Oracle's `q'[text]'`, the letter at `at`.
    fn oracle_quoted(&mut self, at: usize) -> Token<'a> {
        let [b'q' | b'Q', b'\'', bracket, ..] = *self.rest(at) else { return self.word() };
        let close = match bracket {
            ..=b' ' | 0x80.. => return self.word(),
            b'(' => b')',
            b'[' => b']',
            b'{' => b'}',
            b'<' => b'>',
            other => other,
        };
        let end = find_two(self.rest(at + 3), [close, b'\'']).map(|length| at + 3 + length);
        self.marked(b'q', at + 3, end, 2)
    }

    /// `$1,000.00`, PostgreSQL's `$$text$$` and `$tag$text$tag$`, or a lone `$`.
    pub(super) fn money(&mut self) -> Token<'a> {
        let at = self.at;
        let rest = self.rest(at + 1);
        let digits = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b',' | 0)).count();
        if digits == 1 && rest.first() == Some(&b'.') {
            return self.word();
        }
        if digits > 0 {
            return self.token(Kind::Number, at, at + 1 + digits, at + 1 + digits);
        }
        if rest.first() == Some(&b'$') {
            let end = find_two(self.rest(at + 2), *b"$$").map(|length| at + 2 + length);
            return self.marked(b'$', at + 2, end, 2);
        }
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == 0).count();
        if letters == 0 || rest.get(letters) != Some(&b'$') {
            return self.single(Kind::Bareword);
        }
        let tag = self.input.get(at..at + letters + 2).unwrap_or(&[]);
        let start = at + tag.len();
        let end = memmem::find(self.rest(start), tag).map(|length| start + length);
        self.marked(b'$', start, end, tag.len())
    }

    pub(super) fn number(&mut self) -> Token<'a> {
        let at = self.at;
        if let [b'0', base @ (b'x' | b'X' | b'b' | b'B'), ref digits @ ..] = *self.rest(at) {
            let binary = base | 0x20 == b'b';
            // NUL passes for a digit, as in libinjection.
            let digits = digits.iter().take_while(|byte| match byte {
                0 | b'0' | b'1' => true,
                byte => !binary && byte.is_ascii_hexdigit(),
            });
            let length = digits.count();
            let kind = if length == 0 { Kind::Bareword } else { Kind::Number };
            return self.token(kind, at, at + 2 + length, at + 2 + length);
        }
        let mut end = self.skip_digits(at);
        if self.byte(end) == b'.' {
            end = self.skip_digits(end + 1);
            if end - at == 1 {
                return self.single(Kind::Dot);
            }
        }
        let mut kind = Kind::Number;
        if matches!(self.byte(end), b'e' | b'E') {
            let sign = usize::from(matches!(self.byte(end + 1), b'+' | b'-'));
            let digits = end + 1 + sign;
            end = self.skip_digits(digits);
            // `1234.e` is a word.
            if end == digits {
                kind = Kind::Bareword;
            }
        }
        // Oracle's suffix of floats; the `u` makes `1fUNION` two tokens. `123FROM` is `123` and a word.
        if matches!(self.byte(end), b'd' | b'D' | b'f' | b'F')
            && self
                .input
                .get(end + 1)
                .is_none_or(|next| is_white(*next) || matches!(next, b';' | b'u' | b'U'))
        {
            end += 1;
        }
        self.token(kind, at, end, end)
    }

    fn skip_digits(&self, from: usize) -> usize {
        from + self.rest(from).iter().take_while(|byte| byte.is_ascii_digit()).count()
    }
}
