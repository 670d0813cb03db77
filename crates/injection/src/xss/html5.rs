//! The HTML tokeniser: libinjection's reading of HTML 5, section "Tokenization", with the liberties that old browsers took (NUL in names,
//! back quotes, `<% %>`). It decodes nothing and forgives everything. Every step moves forward, so it is linear.

use memchr::memchr;

/// What a piece of HTML is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text,
    TagNameOpen,
    TagNameClose,
    TagSelfClose,
    TagClose,
    AttributeName,
    AttributeValue,
    Comment,
    Doctype,
}

/// Where in a document the input is taken to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Text,
    /// In a tag.
    Unquoted,
    /// In the value of an attribute that this quote opened.
    Quoted(u8),
}

/// The pieces of an input.
pub(crate) struct Html5<'a> {
    input: &'a [u8],
    at: usize,
    in_end_tag: bool,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Data,
    TagOpen,
    TagNameClose,
    SelfClosing,
    BeforeAttributeName,
    AfterAttributeName,
    BeforeAttributeValue,
    AttributeValue(u8),
    AfterQuotedValue,
    End,
}

type Found<'a> = Option<(Piece, &'a [u8])>;

impl<'a> Iterator for Html5<'a> {
    type Item = (Piece, &'a [u8]);

    fn next(&mut self) -> Found<'a> {
        match self.state {
            State::Data => self.data(),
            State::TagOpen => self.tag_open(),
            State::TagNameClose => self.tag_name_close(),
            State::SelfClosing => self.self_closing(),
            State::BeforeAttributeName => self.before_attribute_name(),
            State::AfterAttributeName => self.after_attribute_name(),
            State::BeforeAttributeValue => self.before_attribute_value(),
            State::AttributeValue(quote) => self.quoted_value(0, quote),
            State::AfterQuotedValue => self.after_quoted_value(),
            State::End => None,
        }
    }
}

impl<'a> Html5<'a> {
    pub(crate) fn new(input: &'a [u8], start: Start) -> Self {
        let state = match start {
            Start::Text => State::Data,
            Start::Unquoted => State::BeforeAttributeName,
            Start::Quoted(quote) => State::AttributeValue(quote),
        };
        Self { input, at: 0, in_end_tag: false, state }
    }

    fn byte(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn rest(&self, from: usize) -> &'a [u8] {
        self.input.get(from..).unwrap_or(&[])
    }

    /// A piece of the bytes `start..end`; reading goes on at `next` in `state`.
    fn piece(&mut self, piece: Piece, start: usize, end: usize, next: usize, state: State) -> Found<'a> {
        self.at = next;
        self.state = state;
        Some((piece, self.input.get(start..end).unwrap_or(&[])))
    }

    /// A piece that takes all that is left from `start`.
    fn last(&mut self, piece: Piece, start: usize) -> Found<'a> {
        let end = self.input.len();
        self.piece(piece, start, end, end, State::End)
    }

    fn end(&mut self) -> Found<'a> {
        self.state = State::End;
        None
    }

    fn data(&mut self) -> Found<'a> {
        let at = self.at;
        match memchr(b'<', self.rest(at)) {
            None if at >= self.input.len() => self.end(),
            None => self.last(Piece::Text, at),
            Some(0) => {
                self.at = at + 1;
                self.tag_open()
            }
            Some(length) => self.piece(Piece::Text, at, at + length, at + length + 1, State::TagOpen),
        }
    }

    fn tag_open(&mut self) -> Found<'a> {
        let Some(byte) = self.byte() else { return self.end() };
        match byte {
            b'!' => self.markup_declaration(self.at + 1),
            b'/' => {
                self.at += 1;
                self.in_end_tag = true;
                self.end_tag_open()
            }
            b'?' => self.bogus_comment(self.at + 1),
            // Internet Explorer until 9, Safari before 4.
            b'%' => self.percent_comment(self.at + 1),
            0 => self.tag_name(),
            byte if byte.is_ascii_alphabetic() => self.tag_name(),
            _ => self.piece(Piece::Text, self.at.saturating_sub(1), self.at, self.at, State::Data),
        }
    }

    fn end_tag_open(&mut self) -> Found<'a> {
        match self.byte() {
            None => self.end(),
            Some(b'>') => self.data(),
            Some(byte) if byte.is_ascii_alphabetic() => self.tag_name(),
            Some(_) => {
                self.in_end_tag = false;
                self.bogus_comment(self.at)
            }
        }
    }

    fn tag_name(&mut self) -> Found<'a> {
        let at = self.at;
        // NUL is part of the name here: browsers once dropped it.
        let ends = |byte: &u8| (is_white(*byte) && *byte != 0) || matches!(byte, b'/' | b'>');
        let Some(length) = self.rest(at).iter().position(ends) else {
            return self.last(Piece::TagNameOpen, at);
        };
        let end = at + length;
        match self.input.get(end) {
            Some(b'>') if self.in_end_tag => {
                self.in_end_tag = false;
                self.piece(Piece::TagClose, at, end, end + 1, State::Data)
            }
            Some(b'>') => self.piece(Piece::TagNameOpen, at, end, end, State::TagNameClose),
            Some(b'/') => self.piece(Piece::TagNameOpen, at, end, end + 1, State::SelfClosing),
            _ => self.piece(Piece::TagNameOpen, at, end, end + 1, State::BeforeAttributeName),
        }
    }

    fn tag_name_close(&mut self) -> Found<'a> {
        let at = self.at;
        self.in_end_tag = false;
        self.piece(Piece::TagNameClose, at, at + 1, at + 1, State::Data)
    }

    fn self_closing(&mut self) -> Found<'a> {
        let at = self.at;
        match self.byte() {
            None => self.end(),
            Some(b'>') => self.piece(Piece::TagSelfClose, at.saturating_sub(1), at + 1, at + 1, State::Data),
            Some(_) => self.before_attribute_name(),
        }
    }

    fn before_attribute_name(&mut self) -> Found<'a> {
        loop {
            self.skip_white();
            let at = self.at;
            match self.byte() {
                None => return self.end(),
                Some(b'/') => {
                    self.at = at + 1;
                    if self.byte().is_none_or(|byte| byte == b'>') {
                        return self.self_closing();
                    }
                }
                Some(b'>') => return self.piece(Piece::TagNameClose, at, at + 1, at + 1, State::Data),
                Some(_) => return self.attribute_name(),
            }
        }
    }

    fn attribute_name(&mut self) -> Found<'a> {
        let at = self.at;
        // Whatever the first byte is, it belongs to the name.
        let ends = |byte: &u8| is_white(*byte) || matches!(byte, b'/' | b'=' | b'>');
        let Some(length) = self.rest(at + 1).iter().position(ends) else {
            return self.last(Piece::AttributeName, at);
        };
        let end = at + 1 + length;
        match self.input.get(end) {
            Some(b'/') => self.piece(Piece::AttributeName, at, end, end + 1, State::SelfClosing),
            Some(b'=') => self.piece(Piece::AttributeName, at, end, end + 1, State::BeforeAttributeValue),
            Some(b'>') => self.piece(Piece::AttributeName, at, end, end, State::TagNameClose),
            _ => self.piece(Piece::AttributeName, at, end, end + 1, State::AfterAttributeName),
        }
    }

    fn after_attribute_name(&mut self) -> Found<'a> {
        self.skip_white();
        match self.byte() {
            None => self.end(),
            Some(b'/') => {
                self.at += 1;
                self.self_closing()
            }
            Some(b'=') => {
                self.at += 1;
                self.before_attribute_value()
            }
            Some(b'>') => self.tag_name_close(),
            Some(_) => self.attribute_name(),
        }
    }

    fn before_attribute_value(&mut self) -> Found<'a> {
        self.skip_white();
        match self.byte() {
            None => self.end(),
            Some(quote @ (b'"' | b'\'' | b'`')) => self.quoted_value(self.at + 1, quote),
            Some(_) => self.unquoted_value(),
        }
    }

    fn quoted_value(&mut self, start: usize, quote: u8) -> Found<'a> {
        match memchr(quote, self.rest(start)) {
            None => self.last(Piece::AttributeValue, start),
            Some(length) => {
                let end = start + length;
                self.piece(Piece::AttributeValue, start, end, end + 1, State::AfterQuotedValue)
            }
        }
    }

    fn unquoted_value(&mut self) -> Found<'a> {
        let at = self.at;
        let Some(length) = self.rest(at).iter().position(|byte| is_white(*byte) || *byte == b'>') else {
            return self.last(Piece::AttributeValue, at);
        };
        let end = at + length;
        if self.input.get(end) == Some(&b'>') {
            return self.piece(Piece::AttributeValue, at, end, end, State::TagNameClose);
        }
        self.piece(Piece::AttributeValue, at, end, end + 1, State::BeforeAttributeName)
    }

    fn after_quoted_value(&mut self) -> Found<'a> {
        let at = self.at;
        match self.byte() {
            None => self.end(),
            Some(b'/') => {
                self.at = at + 1;
                self.self_closing()
            }
            Some(b'>') => self.piece(Piece::TagNameClose, at, at + 1, at + 1, State::Data),
            Some(_) => self.before_attribute_name(),
        }
    }

    fn markup_declaration(&mut self, at: usize) -> Found<'a> {
        let rest = self.rest(at);
        if rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case(b"doctype")) {
            return self.until(b'>', Piece::Doctype, at);
        }
        if rest.starts_with(b"[CDATA[") {
            return self.cdata(at + 7);
        }
        if rest.starts_with(b"--") {
            return self.comment(at + 2);
        }
        self.bogus_comment(at)
    }

    fn bogus_comment(&mut self, at: usize) -> Found<'a> {
        self.until(b'>', Piece::Comment, at)
    }

    /// A piece that the byte `close` ends.
    fn until(&mut self, close: u8, piece: Piece, at: usize) -> Found<'a> {
        match memchr(close, self.rest(at)) {
            None => self.last(piece, at),
            Some(length) => self.piece(piece, at, at + length, at + length + 1, State::Data),
        }
    }

    fn percent_comment(&mut self, at: usize) -> Found<'a> {
        let rest = self.rest(at);
        match memchr::memchr_iter(b'%', rest).find(|end| rest.get(end + 1) == Some(&b'>')) {
            None => self.last(Piece::Comment, at),
            Some(length) => self.piece(Piece::Comment, at, at + length, at + length + 2, State::Data),
        }
    }

    /// Ends at `-->` or `-!>`, NULs allowed after the first dash.
    fn comment(&mut self, at: usize) -> Found<'a> {
        let rest = self.rest(at);
        for dash in memchr::memchr_iter(b'-', rest) {
            let nuls = self.rest(at + dash + 1).iter().take_while(|byte| **byte == 0).count();
            let second = dash + 1 + nuls;
            if matches!(rest.get(second), Some(b'-' | b'!')) && rest.get(second + 1) == Some(&b'>') {
                return self.piece(Piece::Comment, at, at + dash, at + second + 2, State::Data);
            }
        }
        self.last(Piece::Comment, at)
    }

    fn cdata(&mut self, at: usize) -> Found<'a> {
        match memchr::memmem::find(self.rest(at), b"]]>") {
            None => self.last(Piece::Text, at),
            Some(length) => self.piece(Piece::Text, at, at + length, at + length + 3, State::Data),
        }
    }

    fn skip_white(&mut self) {
        self.at += self.rest(self.at).iter().take_while(|byte| is_white(**byte)).count();
    }
}

fn is_white(byte: u8) -> bool {
    matches!(byte, 0 | b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}
