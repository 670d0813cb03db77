//! Serial numbers of certificates.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A serial number (RFC 5280, section 4.1.2.2) as lower-case hexadecimal of its bytes without leading zero bytes, so that one number
/// has one form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(String);

/// Longest serial number of a conforming authority, in bytes.
const LONGEST: usize = 20;

impl Serial {
    /// From the content of its INTEGER.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let rest = bytes.get(zeros..).unwrap_or_default();
        Self(if rest.is_empty() { String::from("00") } else { hex(rest) })
    }

    /// From hexadecimal, upper or lower case, with or without colons, as tools print it.
    ///
    /// # Errors
    /// What is wrong, in words that can follow the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let digits: String = text.chars().filter(|letter| *letter != ':').collect();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("is not a serial number in hexadecimal");
        }
        let digits = digits.trim_start_matches('0').to_ascii_lowercase();
        if digits.len() > 2 * LONGEST {
            return Err("is longer than a serial number can be");
        }
        let even = if digits.len().is_multiple_of(2) { digits } else { format!("0{digits}") };
        Ok(Self(if even.is_empty() { String::from("00") } else { even }))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let digit = |byte: u8| {
            char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default()
        };
        self.0
            .as_bytes()
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, half| byte << 4 | digit(*half)))
            .collect()
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Serial {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> Self {
        serial.0
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_form() {
        let serial = Serial::parse("00:0A:bc").unwrap();
        assert_eq!(serial.as_str(), "0abc");
        assert_eq!(serial, Serial::parse("abc").unwrap());
        assert_eq!(serial, Serial::from_bytes(&[0, 0x0a, 0xbc]));
        assert_eq!(serial.to_bytes(), [0x0a, 0xbc]);
        assert_eq!(Serial::from_bytes(&[0, 0]), Serial::parse("0").unwrap());
        assert!(Serial::parse("").is_err() && Serial::parse("acme").is_err() && Serial::parse("-1").is_err());
        assert!(Serial::parse(&"f".repeat(41)).is_err());
    }
}
