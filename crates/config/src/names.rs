//! Grammar of the names in a configuration: ids, hosts, servers, path prefixes. Each check says what is wrong in words that can
//! follow the name.

use std::net::{IpAddr, Ipv6Addr};

/// Ids become labels of metrics and fields of records.
pub(crate) fn id(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 64 {
        return Err("must have 1 to 64 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err("may hold letters, digits, `-`, `_` and `.`");
    }
    Ok(())
}

/// A host as a route compares it: a DNS name in lower case without a port and without the final dot, an IP address, or `*.` and a
/// name.
pub(crate) fn host(text: &str) -> Result<(), &'static str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("must be in lower case");
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    if text.parse::<IpAddr>().is_ok() || bare.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()) {
        return Ok(());
    }
    if text.contains("://") || text.contains('/') {
        return Err("is a host name only, without scheme or path");
    }
    if text.contains(':') {
        return Err("must not hold a port; all ports of the host are meant");
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    if name.contains('*') {
        return Err("may have a wildcard only as its whole first label, `*.example.com`");
    }
    dns_name(name)
}

/// A host as it stands in a request: an IPv6 address has brackets there (RFC 3986, section 3.2.2).
pub(crate) fn comparable(host: String) -> String {
    if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host }
}

/// `host:port`, `address:port`, `[address]:port`.
pub(crate) fn server(text: &str) -> Result<(), &'static str> {
    const FORM: &str = "must be \"host:port\"";
    let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
    if !matches!(port.parse::<u16>(), Ok(1..)) || port.starts_with('+') {
        return Err("needs a port from 1 to 65535 after the colon");
    }
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or("lacks the `]` of its address")?;
        return address.parse::<Ipv6Addr>().map(drop).map_err(|_| "holds no IPv6 address in its brackets");
    }
    if host.contains(':') {
        return Err("must have its IPv6 address in brackets, \"[::1]:443\"");
    }
    if host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    dns_name(&host.to_ascii_lowercase())
}

/// Name a certificate must hold.
pub(crate) fn certificate_name(text: &str) -> Result<(), &'static str> {
    if text.parse::<IpAddr>().is_ok() { Ok(()) } else { dns_name(&text.to_ascii_lowercase()) }
}

/// A prefix that fits whole segments of a normalised path.
pub(crate) fn path_prefix(text: &str) -> Result<(), &'static str> {
    if !text.starts_with('/') {
        return Err("must begin with `/`");
    }
    if text.len() > 1 && text.ends_with('/') {
        return Err("must not end with `/`; it fits whole segments, `/api` fits `/api/x` but not `/apis`");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['?', '#', '%', '\\', ';']) {
        return Err("may hold printable ASCII only, and none of `?`, `#`, `%`, `;` and `\\`");
    }
    if text.contains('*') {
        return Err("holds no wildcards; a prefix fits all below it");
    }
    if text.split('/').skip(1).any(|part| matches!(part, "." | "..") || (part.is_empty() && text.len() > 1)) {
        return Err("must not hold empty, `.` or `..` segments; requests are compared without them");
    }
    Ok(())
}

fn dns_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("lacks a host name");
    }
    if name.len() > 253 {
        return Err("is longer than the 253 characters of a DNS name");
    }
    if name.ends_with('.') {
        return Err("must be written without its final dot");
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !name.split('.').all(label) {
        return Err("is not a DNS name; international names are written in their `xn--` form");
    }
    // RFC 1123 keeps numeric top labels for addresses: `127.0.0.300` is a slip of the hand, not a name.
    if name.rsplit('.').next().is_some_and(|top| top.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("is not an address, and no DNS name ends in a number");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad_names() {
        type Check = fn(&str) -> Result<(), &'static str>;
        let table: &[(Check, &[&str], &[&str])] = &[
            (id, &["a", "shop-1", "A.b_c"], &["", "a b", "ä", "a/b"]),
            (
                host,
                &[
                    "example.com",
                    "*.example.com",
                    "localhost",
                    "127.0.0.1",
                    "::1",
                    "[::1]",
                    "xn--bcher-kva.example",
                ],
                &[
                    "",
                    "Example.com",
                    "example.com:443",
                    "https://example.com",
                    "a.*.com",
                    "*",
                    "*.",
                    "a..b",
                    "example.com.",
                    "-a.com",
                    "127.0.0.300",
                    "ex ample.com",
                    "example.com/a",
                    "*foo.com",
                ],
            ),
            (
                server,
                &["localhost:9443", "127.0.0.1:80", "[::1]:443", "Backend.internal:8443"],
                &[
                    "",
                    "localhost",
                    "localhost:",
                    "localhost:0",
                    "localhost:70000",
                    ":80",
                    "::1:443",
                    "[::1:443",
                    "[foo]:1",
                    "localhost:+80",
                    "http://a:80",
                ],
            ),
            (
                path_prefix,
                &["/", "/api", "/api/v1", "/a-b_c.d~"],
                &[
                    "", "api", "/api/", "//", "/a//b", "/a/../b", "/a/.", "/a?b", "/a%20b", "/a b", "/ä",
                    "/api/*", "/a;b",
                ],
            ),
        ];
        for (check, good, bad) in table {
            for name in *good {
                assert_eq!(check(name), Ok(()), "{name}");
            }
            for name in *bad {
                assert!(check(name).is_err(), "{name}");
            }
        }
    }
}
