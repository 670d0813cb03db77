//! HTTP/1.1 messages read by hand (RFC 9112), so that a test knows the exact bytes that were on the wire.
//!
//! Lenient on purpose: what a strict parser would refuse must still be visible to a test.

use std::io::{self, Read};

/// An answer as a client sees it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Fields in wire order, names as sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body with its transfer coding removed.
    pub body: Vec<u8>,
    /// Interim answers (`100`, `103`) that came before.
    pub interim: Vec<u16>,
    /// The head as received.
    pub raw_head: Vec<u8>,
}

/// A request as a backend sees it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Method.
    pub method: String,
    /// Request target as received.
    pub target: String,
    /// `HTTP/1.1`
    pub version: String,
    /// Fields in wire order, names as sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body with its transfer coding removed.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first value of a field, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        field(&self.headers, name)
    }

    /// The body as text, foreign bytes replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Received {
    /// The first value of a field, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        field(&self.headers, name)
    }
}

fn field(headers: &[(String, Vec<u8>)], name: &str) -> Option<String> {
    let (_, value) = headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// Reads one answer. `None` when the peer closed before its first byte.
pub(crate) fn read_answer(wire: &mut Buffered<impl Read>, to_head: bool) -> io::Result<Option<Answer>> {
    let mut interim = Vec::new();
    loop {
        let Some(raw_head) = wire.head()? else { return Ok(None) };
        let (first, headers) = split_head(&raw_head);
        let status = first
            .split_whitespace()
            .nth(1)
            .and_then(|code| code.parse::<u16>().ok())
            .ok_or_else(|| garbled(&format!("no status in {first:?}")))?;
        if (100..200).contains(&status) && status != 101 {
            interim.push(status);
            continue;
        }
        let bodiless = to_head || status == 204 || status == 304 || status == 101;
        let body = if bodiless { Vec::new() } else { wire.body(&headers, true)? };
        return Ok(Some(Answer { status, headers, body, interim, raw_head }));
    }
}

/// Reads one request. `None` when the peer closed before its first byte.
pub(crate) fn read_request(wire: &mut Buffered<impl Read>) -> io::Result<Option<Received>> {
    let Some(raw_head) = wire.head()? else { return Ok(None) };
    let (first, headers) = split_head(&raw_head);
    let mut words = first.splitn(3, ' ').map(str::to_owned);
    let (method, target, version) = (words.next(), words.next(), words.next());
    let body = wire.body(&headers, false)?;
    Ok(Some(Received {
        method: method.unwrap_or_default(),
        target: target.unwrap_or_default(),
        version: version.unwrap_or_default(),
        headers,
        body,
    }))
}

/// A reader with what was read too far kept for the next message.
pub(crate) struct Buffered<R> {
    reader: R,
    ahead: Vec<u8>,
}

impl<R: Read> Buffered<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, ahead: Vec::new() }
    }

    pub(crate) fn inner(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Everything until the peer closes; an end without `close_notify` counts as one.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.more()? {}
        Ok(std::mem::take(&mut self.ahead))
    }

    fn more(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 * 1024];
        match self.reader.read(&mut chunk) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.ahead.extend_from_slice(&chunk[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < count {
            if !self.more()? {
                return Err(garbled(&format!("{} of {count} bytes, then the end", self.ahead.len())));
            }
        }
        let rest = self.ahead.split_off(count);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.ahead.windows(2).position(|pair| pair == b"\r\n") {
                let mut line = self.take(end + 2)?;
                line.truncate(end);
                return Ok(line);
            }
            if !self.more()? {
                return Err(garbled("a line without an end"));
            }
        }
    }

    /// A head with its empty line, or `None` at a clean end.
    fn head(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.ahead[searched..].windows(4).position(|four| four == b"\r\n\r\n") {
                return self.take(searched + end + 4).map(Some);
            }
            searched = self.ahead.len().saturating_sub(3);
            if !self.more()? {
                return match self.ahead.is_empty() {
                    true => Ok(None),
                    false => Err(garbled("a head without an end")),
                };
            }
        }
    }

    /// A body by the framing of RFC 9112 section 6.3.
    fn body(&mut self, headers: &[(String, Vec<u8>)], until_close: bool) -> io::Result<Vec<u8>> {
        let chunked = field(headers, "transfer-encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked"));
        if chunked {
            return self.chunked();
        }
        match field(headers, "content-length") {
            Some(length) => {
                let length = length.trim().parse().map_err(|_| garbled("content-length is no number"))?;
                self.take(length)
            }
            None if until_close => self.rest(),
            None => Ok(Vec::new()),
        }
    }

    fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8_lossy(&self.line()?).into_owned();
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| garbled("chunk size is no number"))?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(size)?);
            self.take(2)?;
        }
    }
}

fn split_head(raw: &[u8]) -> (String, Vec<(String, Vec<u8>)>) {
    let mut lines = raw.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let headers = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]).into_owned();
            Some((name, line[colon + 1..].trim_ascii().to_vec()))
        })
        .collect();
    (first, headers)
}

pub(crate) fn garbled(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: &[u8]) -> io::Result<Option<Answer>> {
        read_answer(&mut Buffered::new(bytes), false)
    }

    #[test]
    fn interim_answers_are_told_apart_and_chunks_joined() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: v\r\n\r\n";
        let answer = answer(bytes).unwrap().unwrap();
        assert_eq!((answer.status, answer.interim), (200, vec![100]));
        assert_eq!(answer.body, b"abcde");
    }

    #[test]
    fn a_short_body_is_an_error_and_no_byte_at_all_is_none() {
        assert!(answer(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc").is_err());
        assert!(answer(b"HTTP/1.1 200").is_err());
        assert!(answer(b"").unwrap().is_none());
    }

    #[test]
    fn two_requests_on_one_wire_are_read_one_after_the_other() {
        let bytes = b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\r\n";
        let mut wire = Buffered::new(&bytes[..]);
        let first = read_request(&mut wire).unwrap().unwrap();
        assert_eq!((first.method.as_str(), first.body.as_slice()), ("POST", &b"hi"[..]));
        assert_eq!(read_request(&mut wire).unwrap().unwrap().target, "/b");
        assert!(read_request(&mut wire).unwrap().is_none());
    }
}
