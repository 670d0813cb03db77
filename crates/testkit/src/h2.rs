//! HTTP/2 clients: one on the `h2` crate for ordinary requests, one that writes frames by hand for those it would refuse to send.

use std::{
    io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{Client, Wire, http1::garbled};

/// An answer over HTTP/2.
#[derive(Clone, Debug)]
pub struct H2Answer {
    /// Status code.
    pub status: u16,
    /// Fields.
    pub headers: http::HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl H2Answer {
    /// The first value of a field, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        Some(String::from_utf8_lossy(self.headers.get(name)?.as_bytes()).into_owned())
    }
}

/// A frame as received (RFC 9113 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Frame type, `3` is `RST_STREAM`, `7` is `GOAWAY`.
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// Stream.
    pub stream: u32,
    /// Payload.
    pub payload: Vec<u8>,
}

/// Sends one request on a new connection of `client` and reads the whole answer.
///
/// # Errors
/// When the connection, the stream or the request fails.
pub fn h2_exchange(client: &Client, request: http::Request<()>, body: &[u8]) -> io::Result<H2Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = Bytes::copy_from_slice(body);
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), exchange(client, request, body))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    })
}

/// An open HTTP/2 connection.
pub struct H2Connection {
    runtime: tokio::runtime::Runtime,
    sender: h2::client::SendRequest<Bytes>,
}

impl H2Connection {
    /// Opens one.
    ///
    /// # Errors
    /// When the connection or the handshake fails.
    pub fn open(client: &Client) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let sender = runtime.block_on(async {
            let config = client.h2_config().ok_or_else(|| garbled("HTTP/2 needs a TLS client"))?;
            let name = ServerName::try_from(client.name().to_owned()).map_err(io::Error::other)?;
            let socket = TcpStream::connect(client.address()).await?;
            let stream = TlsConnector::from(config).connect(name, socket).await?;
            let (sender, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Ok::<_, io::Error>(sender)
        })?;
        Ok(Self { runtime, sender })
    }

    /// Sends a request without a body and gives the status.
    ///
    /// # Errors
    /// When the connection or the stream ends.
    pub fn status(&mut self, request: http::Request<()>) -> io::Result<u16> {
        self.answer(request).map(|answer| answer.status().as_u16())
    }

    /// Sends a request without a body and gives the whole answer.
    ///
    /// # Errors
    /// When the connection or the stream ends.
    pub fn exchange(&mut self, request: http::Request<()>) -> io::Result<H2Answer> {
        let answer = self.answer(request)?;
        let reading = async { tokio::time::timeout(Duration::from_secs(30), whole(answer)).await };
        self.runtime.block_on(reading).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    fn answer(&mut self, request: http::Request<()>) -> io::Result<http::Response<h2::RecvStream>> {
        let sender = self.sender.clone();
        self.runtime.block_on(async {
            let mut sender = sender.ready().await.map_err(io::Error::other)?;
            let (answer, _) = sender.send_request(request, true).map_err(io::Error::other)?;
            let answer = tokio::time::timeout(Duration::from_secs(30), answer).await;
            answer.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?.map_err(io::Error::other)
        })
    }
}

async fn exchange(client: &Client, request: http::Request<()>, body: Bytes) -> io::Result<H2Answer> {
    let config = client.h2_config().ok_or_else(|| garbled("HTTP/2 needs a TLS client"))?;
    let name = ServerName::try_from(client.name().to_owned()).map_err(io::Error::other)?;
    let socket = TcpStream::connect(client.address()).await?;
    let stream = TlsConnector::from(config).connect(name, socket).await?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(garbled("the server did not choose h2"));
    }
    let (sender, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
    let driver = tokio::spawn(connection);
    let mut sender = sender.ready().await.map_err(io::Error::other)?;
    let (answer, mut stream) = sender.send_request(request, body.is_empty()).map_err(io::Error::other)?;
    // An answer may come before the body is sent: a refusal by length for instance.
    let upload = tokio::spawn(async move { upload(&mut stream, body).await });
    let answer = whole(answer.await.map_err(io::Error::other)?).await?;
    upload.abort();
    driver.abort();
    Ok(answer)
}

async fn whole(answer: http::Response<h2::RecvStream>) -> io::Result<H2Answer> {
    let (head, mut incoming) = answer.into_parts();
    let mut received = Vec::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk.map_err(io::Error::other)?;
        let _ = incoming.flow_control().release_capacity(chunk.len());
        received.extend_from_slice(&chunk);
    }
    Ok(H2Answer { status: head.status.as_u16(), headers: head.headers, body: received })
}

async fn upload(stream: &mut h2::SendStream<Bytes>, mut body: Bytes) -> Result<(), h2::Error> {
    while !body.is_empty() {
        stream.reserve_capacity(body.len().min(64 * 1024));
        let Some(capacity) = std::future::poll_fn(|context| stream.poll_capacity(context)).await else {
            return Ok(());
        };
        let part = body.split_to(capacity?.min(body.len()));
        stream.send_data(part, body.is_empty())?;
    }
    Ok(())
}

/// Sends a header block of exactly these fields on stream 1, with `END_STREAM`, and collects frames until the stream or the
/// connection ends. Fields are not checked: a raw `<` in `:path` goes out as it is.
///
/// # Errors
/// When the connection fails before a frame was read, or nothing ends within ten seconds.
pub fn h2_raw(client: &Client, fields: &[(&str, &[u8])]) -> io::Result<Vec<Frame>> {
    let mut wire = H2Wire::connect(client)?;
    wire.send_headers(1, fields, true)?;
    wire.until(|frame| frame.kind == 7 || (frame.stream == 1 && (frame.kind == 3 || frame.flags & 1 == 1)))
}

/// A connection on which HTTP/2 frames are written by hand.
pub struct H2Wire {
    wire: Wire,
    ahead: Vec<u8>,
}

impl H2Wire {
    /// Connects, and sends the preface with empty settings.
    ///
    /// # Errors
    /// When the connection or the handshake fails.
    pub fn connect(client: &Client) -> io::Result<Self> {
        let mut wire = client.with_alpn(&["h2"]).connect()?;
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        frame(&mut bytes, 4, 0, 0, &[]);
        wire.send(&bytes)?;
        Ok(Self { wire, ahead: Vec::new() })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the peer has closed.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.send(bytes)
    }

    /// Sends a header block of exactly these fields in one frame.
    ///
    /// # Errors
    /// When the peer has closed.
    pub fn send_headers(&mut self, stream: u32, fields: &[(&str, &[u8])], end: bool) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame(&mut bytes, 1, 4 | u8::from(end), stream, &header_block(fields));
        self.send(&bytes)
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// When the peer has closed.
    pub fn send_frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame(&mut bytes, kind, flags, stream, payload);
        self.send(&bytes)
    }

    /// Frames up to the one that is `last`, or to the end of the connection.
    ///
    /// # Errors
    /// When nothing was received at all, or nothing ends within ten seconds.
    pub fn until(&mut self, last: impl Fn(&Frame) -> bool) -> io::Result<Vec<Frame>> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut frames = Vec::new();
        while Instant::now() < deadline {
            while let Some(frame) = split_frame(&mut self.ahead) {
                let ends = last(&frame);
                frames.push(frame);
                if ends {
                    return Ok(frames);
                }
            }
            let mut chunk = [0; 4096];
            match self.wire.read_some(&mut chunk) {
                Ok(0) => return Ok(frames),
                Ok(count) => self.ahead.extend_from_slice(&chunk[..count]),
                Err(_) if !frames.is_empty() => return Ok(frames),
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Frame {
    /// Status of the answer whose `HEADERS` this is; servers write `:status` first (RFC 9113 section 8.3).
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        // RFC 7541: an update of the table's size may come first, then a whole indexed field or a literal value behind index 8.
        let block = self.payload.iter().position(|byte| byte & 0xe0 != 0x20)?;
        let block = self.payload.get(block..).filter(|_| self.kind == 1)?;
        match *block.first()? {
            byte @ 0x88..=0x8e => [200, 204, 206, 304, 400, 404, 500].get(usize::from(byte - 0x88)).copied(),
            0x48 | 0x08 | 0x18 => digits(block.get(1..)?),
            _ => None,
        }
    }
}

/// A literal of three digits, by Huffman's code or plain.
fn digits(literal: &[u8]) -> Option<u16> {
    let (length, bytes) = literal.split_first()?;
    let bytes = bytes.get(..usize::from(length & 0x7f))?;
    if length & 0x80 == 0 {
        return std::str::from_utf8(bytes).ok()?.parse().ok();
    }
    let bit = |at: usize| bytes.get(at / 8).map(|byte| u16::from(byte >> (7 - at % 8) & 1));
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let five = (0..5).try_fold(0, |code, next| Some(code << 1 | bit(at + next)?))?;
        at += 5;
        let digit = if five < 3 {
            five
        } else {
            let six = five << 1 | bit(at)?;
            at += 1;
            six.checked_sub(0x19)? + 3
        };
        number = number * 10 + digit;
    }
    Some(number)
}

/// A header block of exactly these fields.
#[must_use]
pub fn header_block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        // RFC 7541 section 6.2.3: a literal that is never indexed, with a new name.
        block.push(0x10);
        literal(&mut block, name.as_bytes());
        literal(&mut block, value);
    }
    block
}

fn literal(block: &mut Vec<u8>, text: &[u8]) {
    // RFC 7541 section 5.1, a 7-bit prefix; no Huffman coding.
    let mut rest = text.len();
    if rest < 127 {
        block.push(u8::try_from(rest).unwrap_or_default());
    } else {
        block.push(127);
        rest -= 127;
        while rest >= 128 {
            block.push(u8::try_from(rest % 128).unwrap_or_default() | 0x80);
            rest /= 128;
        }
        block.push(u8::try_from(rest).unwrap_or_default());
    }
    block.extend_from_slice(text);
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    bytes.extend_from_slice(&length[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}

fn split_frame(ahead: &mut Vec<u8>) -> Option<Frame> {
    let head = ahead.get(..9)?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
    let (kind, flags) = (head[3], head[4]);
    let payload = ahead.get(9..9 + length)?.to_vec();
    ahead.drain(..9 + length);
    Some(Frame { kind, flags, stream, payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_written_are_frames_read() {
        let mut bytes = Vec::new();
        frame(&mut bytes, 1, 5, 1, &[7; 300]);
        frame(&mut bytes, 3, 0, 9, &[]);
        let first = split_frame(&mut bytes).unwrap();
        assert_eq!((first.kind, first.flags, first.stream, first.payload.len()), (1, 5, 1, 300));
        assert_eq!(split_frame(&mut bytes).unwrap().stream, 9);
        assert_eq!(split_frame(&mut bytes), None);
    }

    #[test]
    fn statuses_are_read_in_each_of_their_forms() {
        let status =
            |payload: &[u8]| Frame { kind: 1, flags: 5, stream: 1, payload: payload.to_vec() }.status();
        assert_eq!(status(&[0x8c]), Some(400));
        assert_eq!(status(&[0x20, 0x88, 0x76]), Some(200));
        assert_eq!(status(b"\x08\x03421"), Some(421));
        // From RFC 7541, appendix C.6: 302, 307.
        assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), Some(302));
        assert_eq!(status(&[0x48, 0x83, 0x64, 0x0e, 0xff]), Some(307));
    }

    #[test]
    fn long_literals_use_continuation_bytes() {
        let mut block = Vec::new();
        literal(&mut block, &[b'a'; 1337 + 127]);
        assert_eq!(&block[..3], &[127, 0b1011_1001, 10]);
    }
}
