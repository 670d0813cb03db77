//! ClientHello messages byte by byte, and what a server says to them before anything is encrypted.
//!
//! No library offers what must not be accepted (SSLv3, export suites, compression); so the hello is written here. No key is needed for
//! it: up to TLS 1.2 the server shows its choice at once, and a TLS 1.3 hello without key shares is answered by a HelloRetryRequest that
//! names suite and group (RFC 8446, section 4.2.8).

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub(super) const SSL3: u16 = 0x0300;
pub(super) const TLS10: u16 = 0x0301;
pub(super) const TLS11: u16 = 0x0302;
pub(super) const TLS12: u16 = 0x0303;
pub(super) const TLS13: u16 = 0x0304;

/// Signaling suites (RFC 5746, RFC 7507).
pub(super) const RENEGOTIATION_SCSV: u16 = 0x00ff;
pub(super) const FALLBACK_SCSV: u16 = 0x5600;

/// Content types and handshake messages.
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;

/// Most bytes that a server's first flight may have.
const FLIGHT: usize = 256 << 10;

/// Random of a HelloRetryRequest (RFC 8446, section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Who is asked.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// Name asked for; none when empty.
    pub(super) name: String,
    /// For connecting, and for each read and write.
    pub(super) patience: Duration,
}

/// What a hello offers.
#[derive(Clone, Debug)]
pub(super) struct Offer<'a> {
    /// The highest version.
    pub(super) version: u16,
    pub(super) suites: &'a [u16],
    /// Named groups, most wanted first.
    pub(super) groups: &'a [u16],
    /// Signature schemes.
    pub(super) schemes: &'a [u16],
    /// Compression methods; 0 is none, 1 is DEFLATE.
    pub(super) compression: &'a [u8],
}

/// Signature schemes of every kind that was ever in use, SHA-1 last.
pub(super) const SCHEMES: [u16; 16] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501,
    0x0601, 0x0203, 0x0201,
];

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It agrees.
    Hello(Box<ServerHello>),
    /// It refuses with this alert.
    Alert(u8),
    /// It closed, or answered with something else.
    Refused,
}

/// What a server agrees to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerHello {
    pub(super) version: u16,
    pub(super) suite: u16,
    pub(super) compression: u8,
    /// It promises secure renegotiation (RFC 5746).
    pub(super) renegotiation_info: bool,
    /// Extended master secret (RFC 7627).
    pub(super) extended_master_secret: bool,
    /// The end of its random says that it could have done better (RFC 8446, section 4.1.3).
    pub(super) downgrade_sentinel: bool,
    /// The group of its key, or that it asks for.
    pub(super) group: Option<u16>,
    /// Bits of its Diffie-Hellman prime.
    pub(super) prime_bits: Option<usize>,
    /// Certificates up to TLS 1.2, leaf first, DER.
    pub(super) chain: Vec<Vec<u8>>,
}

impl Server {
    /// Opens a connection.
    ///
    /// # Errors
    /// The machine's.
    pub(super) fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpStream::connect_timeout(&self.address, self.patience)?;
        socket.set_read_timeout(Some(self.patience))?;
        socket.set_write_timeout(Some(self.patience))?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }

    /// Sends a hello on a new connection and reads what comes of it.
    ///
    /// # Errors
    /// There is no connection. A server that closes it has refused, which is no error.
    pub(super) fn ask(&self, offer: &Offer<'_>) -> io::Result<Reply> {
        let mut socket = self.connect()?;
        if socket.write_all(&record(offer.version, &hello(offer, &self.name))).is_err() {
            return Ok(Reply::Refused);
        }
        Ok(flight(&mut socket))
    }

    /// Whether it speaks SSL 2.0, whose hello has a form of its own.
    ///
    /// # Errors
    /// There is no connection.
    pub(super) fn speaks_ssl2(&self) -> io::Result<bool> {
        let mut socket = self.connect()?;
        // RC4, RC4 export, RC2, RC2 export, IDEA, DES and 3DES, all with MD5.
        let ciphers: [[u8; 3]; 7] = [
            [1, 0, 0x80],
            [2, 0, 0x80],
            [3, 0, 0x80],
            [4, 0, 0x80],
            [5, 0, 0x80],
            [6, 0, 0x40],
            [7, 0, 0xc0],
        ];
        let mut body = vec![1, 0, 2, 0, 21, 0, 0, 0, 16];
        body.extend(ciphers.concat());
        body.extend([0x5a; 16]);
        let mut bytes = (0x8000 | length(body.len())).to_be_bytes().to_vec();
        bytes.append(&mut body);
        let mut head = [0; 3];
        Ok(socket.write_all(&bytes).is_ok()
            && socket.read_exact(&mut head).is_ok()
            && head[0] & 0x80 != 0
            && head[2] == 4)
    }
}

/// One record around a handshake message.
fn record(version: u16, message: &[u8]) -> Vec<u8> {
    // Old servers stumble over a version above TLS 1.0 here.
    let mut bytes = vec![HANDSHAKE];
    bytes.extend(version.min(TLS10).to_be_bytes());
    bytes.extend(length(message.len()).to_be_bytes());
    bytes.extend(message);
    bytes
}

/// A ClientHello with its handshake header.
pub(super) fn hello(offer: &Offer<'_>, name: &str) -> Vec<u8> {
    let mut body = offer.version.min(TLS12).to_be_bytes().to_vec();
    // The server proves nothing here, so a fixed random serves as well; it must not look like a retry.
    body.extend([0x42; 32]);
    // A session id as of TLS 1.3's compatibility mode; without one, servers of old say the same.
    body.push(0);
    body.extend(prefixed(&words(offer.suites)));
    body.push(u8::try_from(offer.compression.len()).unwrap_or(u8::MAX));
    body.extend(offer.compression);
    if offer.version > SSL3 {
        body.extend(prefixed(&extensions(offer, name)));
    }
    let size = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut message = vec![1, size[1], size[2], size[3]];
    message.append(&mut body);
    message
}

fn extensions(offer: &Offer<'_>, name: &str) -> Vec<u8> {
    let mut all = Vec::new();
    let mut put = |number: u16, content: &[u8]| {
        all.extend(number.to_be_bytes());
        all.extend(prefixed(content));
    };
    if !name.is_empty() {
        let entry = [&[0][..], &prefixed(name.as_bytes())].concat();
        put(0, &prefixed(&entry));
    }
    put(10, &prefixed(&words(offer.groups)));
    // Points may come uncompressed, and must.
    put(11, &[1, 0]);
    put(13, &prefixed(&words(offer.schemes)));
    put(23, &[]);
    if offer.version < TLS13 {
        put(0xff01, &[0]);
    } else {
        put(43, &[2, 3, 4]);
        put(51, &[0, 0]);
    }
    all
}

fn words(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

fn prefixed(content: &[u8]) -> Vec<u8> {
    [&length(content.len()).to_be_bytes(), content].concat()
}

fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

/// Reads up to the end of the server's first flight.
fn flight(socket: &mut TcpStream) -> Reply {
    let mut messages = Vec::new();
    let mut hello: Option<ServerHello> = None;
    while let Ok((kind, content)) = read_record(socket) {
        match (kind, content.as_slice()) {
            (ALERT, [_, code]) if hello.is_none() => return Reply::Alert(*code),
            (HANDSHAKE, bytes) if messages.len() + bytes.len() <= FLIGHT => messages.extend(bytes),
            _ => break,
        }
        let mut done = false;
        while let Some((kind, body)) = take_message(&mut messages) {
            match (kind, &mut hello) {
                (SERVER_HELLO, None) => hello = server_hello(&body),
                (CERTIFICATE, Some(hello)) => hello.chain = chain(&body),
                (SERVER_KEY_EXCHANGE, Some(hello)) => key_exchange(&body, hello),
                (SERVER_HELLO_DONE, _) => done = true,
                _ => {}
            }
        }
        // Behind a TLS 1.3 hello everything is encrypted.
        if done || hello.as_ref().is_some_and(|hello| hello.version >= TLS13) {
            break;
        }
    }
    hello.map_or(Reply::Refused, |hello| Reply::Hello(Box::new(hello)))
}

/// One record: its kind and content.
///
/// # Errors
/// The connection ended, or what came is no record.
pub(super) fn read_record(socket: &mut impl io::Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    socket.read_exact(&mut head)?;
    let [kind, major, _, high, low] = head;
    let size = usize::from(u16::from_be_bytes([high, low]));
    if !(20..=24).contains(&kind) || major != 3 || size > (1 << 14) + 2048 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut content = vec![0; size];
    socket.read_exact(&mut content)?;
    Ok((kind, content))
}

fn take_message(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let [kind, high, middle, low] = *bytes.first_chunk()?;
    let size = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
    if bytes.len() < 4 + size {
        return None;
    }
    let body = bytes.get(4..4 + size)?.to_vec();
    bytes.drain(..4 + size);
    Some((kind, body))
}

/// Takes bytes from the front.
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn word(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.take(2)?.first_chunk()?))
    }

    fn triple(&mut self) -> Option<usize> {
        let [high, middle, low] = *self.take(3)?.first_chunk()?;
        usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()
    }
}

fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let mut cut = Cut(body);
    let mut hello = ServerHello { version: cut.word()?, ..ServerHello::default() };
    let random = cut.take(32)?;
    let session = cut.byte()?;
    cut.take(usize::from(session))?;
    (hello.suite, hello.compression) = (cut.word()?, cut.byte()?);
    hello.downgrade_sentinel = random.ends_with(b"DOWNGRD\x01") || random.ends_with(b"DOWNGRD\x00");
    if cut.0.is_empty() {
        return Some(hello);
    }
    let size = cut.word()?;
    let mut cut = Cut(cut.take(usize::from(size))?);
    while !cut.0.is_empty() {
        let (number, size) = (cut.word()?, cut.word()?);
        let content = cut.take(usize::from(size))?;
        match number {
            23 => hello.extended_master_secret = true,
            0xff01 => hello.renegotiation_info = true,
            43 => hello.version = Cut(content).word()?,
            // In a retry the group alone, else the group and a key.
            51 => hello.group = Cut(content).word(),
            _ => {}
        }
    }
    if random == RETRY && hello.version < TLS13 {
        return None;
    }
    Some(hello)
}

fn chain(body: &[u8]) -> Vec<Vec<u8>> {
    let mut chain = Vec::new();
    let mut cut = Cut(body);
    if cut.triple().is_none() {
        return chain;
    }
    while let Some(certificate) = cut.triple().and_then(|size| cut.take(size)) {
        chain.push(certificate.to_vec());
    }
    chain
}

/// Of an ephemeral key what tells how strong it is (RFC 8422, section 5.4; RFC 5246, section 7.4.3).
fn key_exchange(body: &[u8], hello: &mut ServerHello) {
    let mut cut = Cut(body);
    let kind = super::suites::Suite::of(hello.suite).map(|suite| suite.key_exchange());
    match kind {
        Some(super::suites::KeyExchange::Ecdhe | super::suites::KeyExchange::AnonymousEcdh) => {
            // 3: a named curve.
            hello.group = cut.byte().filter(|kind| *kind == 3).and_then(|_| cut.word());
        }
        Some(super::suites::KeyExchange::Dhe | super::suites::KeyExchange::AnonymousDh) => {
            let prime = cut.word().and_then(|size| cut.take(usize::from(size)));
            hello.prime_bits = prime.map(|prime| {
                let zeros = prime.iter().take_while(|byte| **byte == 0).count();
                let top = prime.get(zeros).map_or(0, |byte| 8 - byte.leading_zeros() as usize);
                (prime.len() - zeros).saturating_sub(1) * 8 + top
            });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: Offer<'_> =
        Offer { version: TLS12, suites: &[0xc02b], groups: &[23], schemes: &[0x0403], compression: &[0] };

    #[test]
    fn a_hello_has_the_form_of_the_standard() {
        let bytes = hello(&OFFER, "a.test");
        assert_eq!(bytes.len(), 4 + usize::from(bytes[3]) + 256 * usize::from(bytes[2]));
        assert_eq!(&bytes[4..6], [3, 3]);
        // No session id, one suite, no compression.
        assert_eq!(&bytes[38..45], [0, 0, 2, 0xc0, 0x2b, 1, 0]);
        assert_eq!(&bytes[47..62], [0, 0, 0, 11, 0, 9, 0, 0, 6, b'a', b'.', b't', b'e', b's', b't']);
        let old = hello(&Offer { version: SSL3, ..OFFER }, "a.test");
        assert_eq!((&old[4..6], old.len()), (&[3, 0][..], 45));
        let new = hello(&Offer { version: TLS13, ..OFFER }, "");
        assert!(new.windows(7).any(|window| window == [0, 43, 0, 3, 2, 3, 4]));
        assert!(new.ends_with(&[0, 51, 0, 2, 0, 0]));
    }

    #[test]
    fn a_server_hello_is_read() {
        let mut body = vec![3, 3];
        body.extend([7; 24]);
        body.extend(b"DOWNGRD\x01");
        body.extend([0, 0xc0, 0x2b, 1, 0, 9, 0xff, 1, 0, 1, 0, 0, 23, 0, 0]);
        let hello = server_hello(&body).unwrap();
        assert_eq!((hello.version, hello.suite, hello.compression), (TLS12, 0xc02b, 1));
        assert!(hello.renegotiation_info && hello.extended_master_secret && hello.downgrade_sentinel);
        for end in 0..body.len() {
            // Whatever is cut off, nothing breaks.
            let _ = server_hello(&body[..end]);
        }
    }

    #[test]
    fn a_key_tells_its_group_or_prime() {
        let mut hello = ServerHello { suite: 0xc02b, ..ServerHello::default() };
        key_exchange(&[3, 0, 29, 32], &mut hello);
        assert_eq!(hello.group, Some(29));
        let mut hello = ServerHello { suite: 0x009e, ..ServerHello::default() };
        let prime = [&[1, 0][..], &[0x80], &[1; 255]].concat();
        key_exchange(&prime, &mut hello);
        assert_eq!(hello.prime_bits, Some(2048));
        key_exchange(&[1], &mut hello);
        assert_eq!(hello.prime_bits, None);
    }

    #[test]
    fn certificates_are_taken_apart() {
        assert_eq!(chain(&[0, 0, 9, 0, 0, 1, 5, 0, 0, 2, 6, 7]), [vec![5], vec![6, 7]]);
        assert_eq!(chain(&[0, 0, 9, 0, 0, 9, 5]), Vec::<Vec<u8>>::new());
    }
}
