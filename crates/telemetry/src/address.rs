//! Addresses as text. Every record holds several, and the general way of the standard library costs ten times as much as this one.

use std::net::{IpAddr, SocketAddr};

/// Longest IPv4 address with a port.
const LONGEST: usize = "255.255.255.255:65535".len();

/// As its `Display` writes it.
#[must_use]
pub fn ip(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let mut text = String::with_capacity(LONGEST);
            octets(&mut text, address.octets());
            text
        }
        IpAddr::V6(address) => address.to_string(),
    }
}

/// As its `Display` writes it.
#[must_use]
pub fn socket(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => {
            let mut text = String::with_capacity(LONGEST);
            octets(&mut text, address.ip().octets());
            text.push(':');
            decimal(&mut text, address.port());
            text
        }
        SocketAddr::V6(address) => address.to_string(),
    }
}

fn octets(text: &mut String, octets: [u8; 4]) {
    for (at, octet) in octets.into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        decimal(text, octet.into());
    }
}

fn decimal(text: &mut String, number: u16) {
    let mut begun = false;
    for unit in [10_000, 1_000, 100, 10, 1] {
        begun |= number >= unit || unit == 1;
        if begun {
            // One digit.
            text.push(char::from(b'0' + u8::try_from(number / unit % 10).unwrap_or_default()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_anywhere() {
        for text in
            ["0.0.0.0:0", "1.20.255.9:10", "255.255.255.255:65535", "10.0.0.1:8080", "[2001:db8::1]:443"]
        {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(socket(address), text);
            assert_eq!(ip(address.ip()), address.ip().to_string());
        }
    }
}
