//! Who a certificate is for: two URIs in its `subjectAltName`.
//!
//! `urn:portcullis:customer:acme` names the customer and `urn:portcullis:environment:production` the environment. The common name is
//! for humans and decides nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

const CUSTOMER: &str = "urn:portcullis:customer:";
const ENVIRONMENT: &str = "urn:portcullis:environment:";

/// A customer's id: the name of its file, a part of its URN, a field of records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CustomerId(String);

impl CustomerId {
    /// From text.
    ///
    /// # Errors
    /// What is wrong, in words that can follow the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > 64 {
            return Err("is no id: 1 to 64 characters are");
        }
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if !text.bytes().all(fits) {
            return Err("is no id: lower-case letters, digits, `-`, `_` and `.` are");
        }
        if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err("is no id: one begins with a letter or a digit");
        }
        Ok(Self(text.to_owned()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As in a certificate.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{CUSTOMER}{}", self.0)
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CustomerId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|problem| format!("`{text}` {problem}"))
    }
}

impl From<CustomerId> for String {
    fn from(id: CustomerId) -> Self {
        id.0
    }
}

/// The URI of an environment.
#[must_use]
pub fn environment_uri(label: &str) -> String {
    format!("{ENVIRONMENT}{label}")
}

/// Whether a text can label an environment: the same rule as for `environment` in a configuration.
///
/// # Errors
/// What is wrong, in words that can follow the text.
pub fn check_environment(label: &str) -> Result<(), &'static str> {
    if label.is_empty() || label.len() > 64 {
        return Err("must have 1 to 64 characters");
    }
    if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("may hold letters, digits, `-`, `_` and `.`");
    }
    Ok(())
}

/// The customer that the URIs of a certificate name; nothing when none or more than one does, or one is no id.
#[must_use]
pub fn customer_of(uris: &[String]) -> Option<CustomerId> {
    only(uris, CUSTOMER).and_then(|id| CustomerId::parse(id).ok())
}

/// The environment that the URIs of a certificate name; nothing when none or more than one does.
#[must_use]
pub fn environment_of(uris: &[String]) -> Option<&str> {
    only(uris, ENVIRONMENT)
}

fn only<'a>(uris: &'a [String], prefix: &str) -> Option<&'a str> {
    let mut found = uris.iter().filter_map(|uri| uri.strip_prefix(prefix));
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_file_names_and_parts_of_a_urn() {
        for good in ["a", "acme", "acme-eu.2", "0_x"] {
            assert_eq!(CustomerId::parse(good).unwrap().uri(), format!("urn:portcullis:customer:{good}"));
        }
        for bad in ["", "Acme", ".acme", "-a", "a/b", "a b", "a:b", "ä", "..", &"a".repeat(65)] {
            assert!(CustomerId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_names_are_no_name() {
        let uris = |list: &[&str]| list.iter().map(|uri| (*uri).to_owned()).collect::<Vec<_>>();
        let one = uris(&["urn:portcullis:environment:test", "urn:portcullis:customer:acme"]);
        assert_eq!(customer_of(&one).unwrap().as_str(), "acme");
        assert_eq!(environment_of(&one), Some("test"));
        let two = uris(&["urn:portcullis:customer:acme", "urn:portcullis:customer:other"]);
        assert_eq!((customer_of(&two), environment_of(&two)), (None, None));
    }
}
