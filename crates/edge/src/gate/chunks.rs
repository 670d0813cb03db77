//! The chunked coding (RFC 9112, section 7.1), followed byte by byte without being removed.
//!
//! Later parsers are lenient: they take a lone LF, white space behind a size, anything at all as a trailer. Each leniency has been
//! used to make two parsers see two messages. Here a size is hex digits, a line ends with CRLF, an extension and a trailer are what
//! their grammar says, and all of them together are bounded. What follows is also where the message ends, exactly.

/// Hex digits of a size: 2^60 is beyond any limit of ours and overflows nothing.
const SIZE_DIGITS: u8 = 15;

/// Bytes of all extensions of a message: nobody needs them, and they count towards no other limit.
const EXTENSION_BYTES: u32 = 1024;

/// Bytes of all trailers of a message. They are dropped.
const TRAILER_BYTES: u32 = 8192;

/// The message is not chunked as RFC 9112 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadChunks;

/// How far a chunked message has been read.
#[derive(Debug)]
pub(crate) struct Chunks {
    state: State,
    /// Bytes of extensions and of trailers so far.
    extensions: u32,
    trailers: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a size of this value and this many digits.
    Size(u64, u8),
    /// In an extension's name, which has begun or not.
    Name(bool, u64),
    /// In its value, which has begun or not.
    Value(bool, u64),
    /// In a quoted value, behind a backslash or not.
    Quoted(bool, u64),
    /// Behind a quoted value.
    AfterQuoted(u64),
    /// The LF of a size's line.
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// Begin of a trailer, or the end.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Done,
}

impl Chunks {
    pub(crate) fn new() -> Self {
        Self { state: State::Size(0, 0), extensions: 0, trailers: 0 }
    }

    /// Whether the message has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next bytes of the connection in; returns how many of them are the message's.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, BadChunks> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match self.state {
                State::Done => break,
                State::Data(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    let left = left - here as u64;
                    self.state = if left == 0 { State::DataCr } else { State::Data(left) };
                    at += here;
                }
                state => {
                    self.state = self.next(state, *byte).ok_or(BadChunks)?;
                    at += 1;
                }
            }
        }
        Ok(at)
    }

    fn next(&mut self, state: State, byte: u8) -> Option<State> {
        match state {
            State::Size(..)
            | State::Name(..)
            | State::Value(..)
            | State::Quoted(..)
            | State::AfterQuoted(_)
            | State::SizeLf(_) => self.in_size_line(state, byte),
            State::DataCr => (byte == b'\r').then_some(State::DataLf),
            State::DataLf => (byte == b'\n').then_some(State::Size(0, 0)),
            State::Trailer | State::TrailerName | State::TrailerValue | State::TrailerLf => {
                self.trailers += 1;
                (self.trailers <= TRAILER_BYTES).then(|| in_trailer(state, byte))?
            }
            State::LastLf => (byte == b'\n').then_some(State::Done),
            State::Data(_) | State::Done => None,
        }
    }

    fn in_size_line(&mut self, state: State, byte: u8) -> Option<State> {
        if !matches!(state, State::Size(..) | State::SizeLf(_)) {
            self.extensions += 1;
            if self.extensions > EXTENSION_BYTES {
                return None;
            }
        }
        match (state, byte) {
            (State::Size(size, digits), b';') if digits > 0 => Some(State::Name(false, size)),
            (State::Size(size, digits), b'\r') if digits > 0 => Some(State::SizeLf(size)),
            (State::Size(size, digits), digit) if digits < SIZE_DIGITS => {
                let digit = char::from(digit).to_digit(16)?;
                Some(State::Size(size << 4 | u64::from(digit), digits + 1))
            }
            (State::SizeLf(0), b'\n') => Some(State::Trailer),
            (State::SizeLf(size), b'\n') => Some(State::Data(size)),
            (State::Name(true, size) | State::Value(true, size) | State::AfterQuoted(size), b';') => {
                Some(State::Name(false, size))
            }
            (State::Name(true, size) | State::Value(true, size) | State::AfterQuoted(size), b'\r') => {
                Some(State::SizeLf(size))
            }
            (State::Name(true, size), b'=') => Some(State::Value(false, size)),
            (State::Name(_, size), byte) if is_token(byte) => Some(State::Name(true, size)),
            (State::Value(false, size), b'"') => Some(State::Quoted(false, size)),
            (State::Value(_, size), byte) if is_token(byte) => Some(State::Value(true, size)),
            (State::Quoted(true, size), byte) if is_text(byte) => Some(State::Quoted(false, size)),
            (State::Quoted(false, size), b'"') => Some(State::AfterQuoted(size)),
            (State::Quoted(false, size), b'\\') => Some(State::Quoted(true, size)),
            (State::Quoted(false, size), byte) if is_text(byte) => Some(State::Quoted(false, size)),
            _ => None,
        }
    }
}

fn in_trailer(state: State, byte: u8) -> Option<State> {
    match (state, byte) {
        (State::Trailer, b'\r') => Some(State::LastLf),
        (State::Trailer | State::TrailerName, byte) if is_token(byte) => Some(State::TrailerName),
        (State::TrailerName, b':') => Some(State::TrailerValue),
        (State::TrailerValue, b'\r') => Some(State::TrailerLf),
        (State::TrailerValue, byte) if is_text(byte) => Some(State::TrailerValue),
        (State::TrailerLf, b'\n') => Some(State::Trailer),
        _ => None,
    }
}

/// `tchar` of RFC 9110, section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    )
}

/// What may stand in a value: no control byte but the tabulator.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bytes of the message, or nothing where it is none.
    fn length(bytes: &[u8]) -> Option<usize> {
        let mut chunks = Chunks::new();
        let taken = chunks.take(bytes).ok()?;
        chunks.is_done().then_some(taken)
    }

    #[test]
    fn what_is_a_message_ends_where_it_ends() {
        for message in [
            "0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "00000a\r\n0123456789\r\n000\r\n\r\n",
            "A;x\r\n0123456789\r\n0;y=z;w=\"a \\\" b\"\r\n\r\n",
            "1\r\na\r\n0\r\nTrailer: value\r\nX:\r\n\r\n",
        ] {
            let more = format!("{message}GET / HTTP/1.1\r\n");
            assert_eq!(length(more.as_bytes()), Some(message.len()), "{message:?}");
        }
    }

    #[test]
    fn what_is_read_two_ways_is_no_message() {
        let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(2000));
        let many = format!("0\r\n{}\r\n", "T: v\r\n".repeat(2000));
        for message in [
            "\r\n0\r\n\r\n",
            "0\n\r\n",
            "0\r\n\n",
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3\r\nab\r\n0\r\n\r\n",
            "3 \r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            "-3\r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            "3_0\r\nabc\r\n0\r\n\r\n",
            "g\r\nabc\r\n0\r\n\r\n",
            ";x\r\nabc\r\n0\r\n\r\n",
            "3;\r\nabc\r\n0\r\n\r\n",
            "3;a\nb\r\nabc\r\n0\r\n\r\n",
            "3;a\rb\r\nabc\r\n0\r\n\r\n",
            "3;a=\"b\nc\"\r\nabc\r\n0\r\n\r\n",
            "3;a=\"b\r\nabc\r\n0\r\n\r\n",
            "3; a\r\nabc\r\n0\r\n\r\n",
            "3,a\r\nabc\r\n0\r\n\r\n",
            "ffffffffffffffff1\r\nabc\r\n0\r\n\r\n",
            "0000000000000000003\r\nabc\r\n0\r\n\r\n",
            "0\r\n folded: x\r\n\r\n",
            "0\r\nno colon\r\n\r\n",
            "0\r\nT : v\r\n\r\n",
            "0\r\nT: v\n\r\n",
            "0\r\nT: a\0b\r\n\r\n",
            "0\r\n\rX",
            long.as_str(),
            many.as_str(),
        ] {
            assert_eq!(length(message.as_bytes()), None, "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_are_read_like_the_whole(
            sizes in proptest::collection::vec(1_usize..40, 0..5),
            cut in 0_usize..200,
            noise in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut message = Vec::new();
            for size in &sizes {
                message.extend_from_slice(format!("{size:x};n=\"{size}\"\r\n").as_bytes());
                message.extend_from_slice(&vec![b'\n'; *size]);
                message.extend_from_slice(b"\r\n");
            }
            message.extend_from_slice(b"0\r\nT: v\r\n\r\n");
            let end = message.len();
            message.extend_from_slice(&noise);
            let (first, second) = message.split_at(cut.min(message.len()));
            let mut chunks = Chunks::new();
            let mut taken = chunks.take(first).expect("a message");
            if !chunks.is_done() {
                taken += chunks.take(second).expect("a message");
            }
            prop_assert!(chunks.is_done());
            prop_assert_eq!(taken, end);
        }
    }
}
