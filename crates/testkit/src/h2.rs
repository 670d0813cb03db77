//! HTTP/2 clients: one on the `h2` crate for ordinary requests, one that writes frames by hand for those it would refuse to send.

use std::{
    io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{Client, http1::garbled};

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
    let answer = answer.await.map_err(io::Error::other)?;
    let (head, mut incoming) = answer.into_parts();
    let mut received = Vec::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk.map_err(io::Error::other)?;
        let _ = incoming.flow_control().release_capacity(chunk.len());
        received.extend_from_slice(&chunk);
    }
    upload.abort();
    driver.abort();
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
    const HEADERS: u8 = 1;
    const END_STREAM_AND_HEADERS: u8 = 0x5;
    let mut wire = client.with_alpn(&["h2"]).connect()?;
    let mut block = Vec::new();
    for (name, value) in fields {
        // RFC 7541 section 6.2.3: a literal that is never indexed, with a new name.
        block.push(0x10);
        literal(&mut block, name.as_bytes());
        literal(&mut block, value);
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut bytes, 4, 0, 0, &[]);
    frame(&mut bytes, HEADERS, END_STREAM_AND_HEADERS, 1, &block);
    wire.send(&bytes)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    let (mut ahead, mut frames) = (Vec::new(), Vec::new());
    while Instant::now() < deadline {
        while let Some(frame) = split_frame(&mut ahead) {
            let ends = frame.kind == 7 || (frame.stream == 1 && (frame.kind == 3 || frame.flags & 1 == 1));
            frames.push(frame);
            if ends {
                return Ok(frames);
            }
        }
        let mut chunk = [0; 4096];
        match wire.read_some(&mut chunk) {
            Ok(0) => return Ok(frames),
            Ok(count) => ahead.extend_from_slice(&chunk[..count]),
            Err(_) if !frames.is_empty() => return Ok(frames),
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
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
    fn long_literals_use_continuation_bytes() {
        let mut block = Vec::new();
        literal(&mut block, &[b'a'; 1337 + 127]);
        assert_eq!(&block[..3], &[127, 0b1011_1001, 10]);
    }
}
