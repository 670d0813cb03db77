//! Host names: what may stand in `Host` and `:authority` (RFC 9110, section 7.2; RFC 3986, section 3.2.2).

/// Longest `host:port` we take; a DNS name has 253 bytes at most.
const LONGEST: usize = 262;

/// The host of a `Host` value, lower case, without port and trailing dot. `None` for anything that is not `host[:port]`.
///
/// An empty value is valid HTTP and gives an empty host: it fits routes without a host only.
pub(crate) fn parse(value: &[u8]) -> Option<String> {
    if value.len() > LONGEST {
        return None;
    }
    let value = std::str::from_utf8(value).ok()?;
    let (host, port) = match value.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (
                format!("[{}]", address.to_ascii_lowercase()),
                port.strip_prefix(':').or(port.is_empty().then_some("")),
            )
        }
        None => {
            let (name, port) = value.split_once(':').map_or((value, ""), |(name, port)| (name, port));
            let name = name.strip_suffix('.').unwrap_or(name);
            if !name.split('.').all(is_label) && !name.is_empty() {
                return None;
            }
            (name.to_ascii_lowercase(), Some(port))
        }
    };
    let port = port?;
    let number = port.is_empty()
        || (port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok());
    number.then_some(host)
}

/// Underscores are no part of a host name but stand in real ones.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (value, host) in [
            ("Example.COM", "example.com"),
            ("example.com.:8443", "example.com"),
            ("example.com:", "example.com"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:8443", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(parse(value.as_bytes()).as_deref(), Some(host), "{value}");
        }
        for value in [
            "a b", "a/b", "u@h", "a..b", ".a", "[::1", "[::g]", "a:b", "a:99999", "a:1:2", "\u{e9}", "a,b",
            "[::1]x",
        ] {
            assert_eq!(parse(value.as_bytes()), None, "{value}");
        }
    }
}
