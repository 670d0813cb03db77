//! The PROXY protocol, versions 1 and 2: how a load balancer that forwards bytes tells whose they are.
//!
//! It is read from peers the configuration names, and from them always. Not a byte behind the header is taken: TLS begins there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// First bytes of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Longest line of version 1, its end included.
const LONGEST_LINE: usize = 107;

/// Bytes of addresses and additions of version 2; a certificate passed on in an addition takes a few thousand.
const MOST_BYTES: usize = 16 << 10;

/// Not a PROXY protocol header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads a header. None where the proxy speaks for itself (its health checks) or does not know.
///
/// # Errors
/// What came is none, or the peer has gone.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, Malformed> {
    let mut begin = [0; SIGNATURE.len()];
    stream.read_exact(&mut begin).await.map_err(|_| Malformed)?;
    if begin == SIGNATURE { version_2(stream).await } else { version_1(stream, &begin).await }
}

async fn version_1(
    stream: &mut (impl AsyncRead + Unpin),
    begin: &[u8],
) -> Result<Option<SocketAddr>, Malformed> {
    if !begin.starts_with(b"PROXY ") {
        return Err(Malformed);
    }
    let mut line = begin.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE {
            return Err(Malformed);
        }
        line.push(stream.read_u8().await.map_err(|_| Malformed)?);
    }
    parse_line(&line)
}

fn parse_line(line: &[u8]) -> Result<Option<SocketAddr>, Malformed> {
    let line = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok()).ok_or(Malformed)?;
    let mut words = line.split(' ');
    let (name, family) = (words.next(), words.next());
    if name != Some("PROXY") {
        return Err(Malformed);
    }
    if family == Some("UNKNOWN") {
        return Ok(None);
    }
    let [Some(source), Some(destination), Some(source_port), Some(port), None] =
        std::array::from_fn(|_| words.next())
    else {
        return Err(Malformed);
    };
    let fits = |text: &str| -> Option<IpAddr> {
        let address = text.parse().ok()?;
        let right =
            matches!((family, address), (Some("TCP4"), IpAddr::V4(_)) | (Some("TCP6"), IpAddr::V6(_)));
        right.then_some(address)
    };
    let number = |text: &str| -> Option<u16> {
        let plain =
            text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
        plain.then(|| text.parse().ok()).flatten()
    };
    let source = fits(source).ok_or(Malformed)?;
    fits(destination).ok_or(Malformed)?;
    number(port).ok_or(Malformed)?;
    Ok(Some(SocketAddr::new(source, number(source_port).ok_or(Malformed)?)))
}

async fn version_2(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, Malformed> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.map_err(|_| Malformed)?;
    let [command, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MOST_BYTES {
        return Err(Malformed);
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await.map_err(|_| Malformed)?;
    parse_binary(command, family, &rest)
}

fn parse_binary(command: u8, family: u8, rest: &[u8]) -> Result<Option<SocketAddr>, Malformed> {
    match (command, family) {
        // LOCAL: the proxy's own connection. UNSPEC: a protocol it has no addresses for.
        (0x20, _) | (0x21, 0x00) => Ok(None),
        // TCP over IPv4: two addresses, two ports.
        (0x21, 0x11) => {
            let (address, rest) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
            let (_, ports) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
            Ok(Some(SocketAddr::new(Ipv4Addr::from(*address).into(), port(ports)?)))
        }
        // TCP over IPv6.
        (0x21, 0x21) => {
            let (address, rest) = rest.split_first_chunk::<16>().ok_or(Malformed)?;
            let (_, ports) = rest.split_first_chunk::<16>().ok_or(Malformed)?;
            Ok(Some(SocketAddr::new(Ipv6Addr::from(*address).into(), port(ports)?)))
        }
        _ => Err(Malformed),
    }
}

fn port(ports: &[u8]) -> Result<u16, Malformed> {
    let (both, _) = ports.split_first_chunk::<4>().ok_or(Malformed)?;
    let [high, low, ..] = *both;
    Ok(u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(bytes: &[u8]) -> (Result<Option<SocketAddr>, Malformed>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut left = bytes;
        let found = runtime.block_on(read(&mut left));
        (found, left.len())
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    #[test]
    fn lines() {
        for (line, expected) in [
            ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n", Ok(Some("192.0.2.1:4711"))),
            ("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n", Ok(Some("[2001:db8::1]:0"))),
            ("PROXY UNKNOWN\r\n", Ok(None)),
            ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Ok(None)),
            ("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", Err(())),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n", Err(())),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n", Err(())),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n", Err(())),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n", Err(())),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n", Err(())),
            ("PROXY TCP4 192.0.2.1  198.51.100.1 1 2\r\n", Err(())),
            ("PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n", Err(())),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n", Err(())),
            ("GET / HTTP/1.1\r\n", Err(())),
            ("PROXY", Err(())),
        ] {
            let expected = expected
                .map(|address| address.map(|text| text.parse::<SocketAddr>().expect("an address")))
                .map_err(|()| Malformed);
            assert_eq!(reads(line.as_bytes()).0, expected, "{line}");
        }
        assert_eq!(reads(&[b"PROXY ".as_slice(), &[b'x'; 200]].concat()).0, Err(Malformed));
        let behind = reads(b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\nhello").1;
        assert_eq!(behind, 5, "TLS begins behind it");
    }

    #[test]
    fn binaries() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xbb];
        let v6 = [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[1], &[0; 16], &[0, 80, 1, 0xbb]].concat();
        for (bytes, expected) in [
            (binary(0x21, 0x11, &v4), Ok(Some("192.0.2.1:4711"))),
            (binary(0x21, 0x11, &[&v4[..], &[4, 0, 1, 0]].concat()), Ok(Some("192.0.2.1:4711"))),
            (binary(0x21, 0x21, &v6), Ok(Some("[2001:db8::1]:80"))),
            (binary(0x20, 0x11, &v4), Ok(None)),
            (binary(0x20, 0, &[]), Ok(None)),
            (binary(0x21, 0, &[]), Ok(None)),
            (binary(0x21, 0x11, &v4[..11]), Err(())),
            (binary(0x21, 0x21, &v4), Err(())),
            (binary(0x21, 0x12, &v4), Err(())),
            (binary(0x21, 0x31, &v4), Err(())),
            (binary(0x11, 0x11, &v4), Err(())),
            (binary(0x22, 0x11, &v4), Err(())),
        ] {
            let expected = expected
                .map(|address| address.map(|text| text.parse::<SocketAddr>().expect("an address")))
                .map_err(|()| Malformed);
            assert_eq!(reads(&bytes).0, expected, "{bytes:?}");
        }
        let long = [&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff]].concat();
        assert_eq!(reads(&long).0, Err(Malformed), "not waited for");
        assert_eq!(reads(&[&binary(0x21, 0x11, &v4)[..], b"hello"].concat()).1, 5);
    }
}
