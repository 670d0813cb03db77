//! Ordinary requests that a site wants to pass, and what the rules say to them all the same.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

use super::judge::Seen;

/// A request of the set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Benign {
    pub(super) name: String,
    pub(super) part: Part,
    method: String,
    target: String,
    /// Beside those of its part: a browser's or an API client's.
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// The body's type, when there is a body.
    content_type: Option<String>,
    /// Line feeds of a multipart body are sent as CRLF.
    body: Option<String>,
    /// Rules that refuse it at paranoia level 1.
    #[serde(default)]
    refused_by: Vec<u64>,
}

/// Who sends it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    Web,
    Api,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    request: Vec<Benign>,
}

/// Reads the set.
///
/// # Errors
/// When the file cannot be read, or two requests have one name.
pub(super) fn read(path: &Path) -> Result<Vec<Benign>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let written: Written = toml::from_str(&text).map_err(|error| failed(&error))?;
    let mut names = BTreeMap::new();
    for request in &written.request {
        if names.insert(&request.name, ()).is_some() {
            return Err(failed(&format!("{} is there twice", request.name)));
        }
    }
    Ok(written.request)
}

impl Benign {
    /// What goes over the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: localhost\r\n", self.method, self.target);
        let common = match self.part {
            Part::Web => BROWSER,
            Part::Api => CLIENT,
        };
        let own = |name: &str| self.headers.iter().any(|(held, _)| held.eq_ignore_ascii_case(name));
        let mut put = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        for (name, value) in common.iter().filter(|(name, _)| !own(name)) {
            put(name, value);
        }
        for (name, value) in &self.headers {
            put(name, value);
        }
        let mut body = self.body.clone().unwrap_or_default();
        if let Some(content_type) = &self.content_type {
            put("Content-Type", content_type);
            if content_type.starts_with("multipart/") {
                body = body.replace('\n', "\r\n");
            }
        }
        if self.body.is_some() {
            put("Content-Length", &body.len().to_string());
        }
        put("Connection", "close");
        head.push_str("\r\n");
        head.push_str(&body);
        head.into_bytes()
    }

    /// Whether it passed, or was refused as the file says. At the levels above 1 nothing is promised.
    ///
    /// # Errors
    /// Tells what differs.
    pub(super) fn held(&self, level: u8, seen: &Seen) -> Result<(), String> {
        if level > 1 {
            return Ok(());
        }
        match (self.refused_by.is_empty(), seen.refused()) {
            (true, true) => Err(format!("refused by {}", seen.why())),
            (false, false) => Err(format!("passed, although {:?} are listed for it", self.refused_by)),
            (false, true) if self.refused_by.iter().any(|id| !seen.rules.contains(id)) => {
                Err(format!("refused by {}, listed are {:?}", seen.why(), self.refused_by))
            }
            _ => Ok(()),
        }
    }

    /// With `rules/api` nothing of an API's is refused.
    ///
    /// # Errors
    /// Tells what refused it.
    pub(super) fn held_with_api(&self, seen: &Seen) -> Result<(), String> {
        if self.part == Part::Api && seen.refused() {
            return Err(format!("refused by {}", seen.why()));
        }
        Ok(())
    }
}

const BROWSER: &[(&str, &str)] = &[
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.7,de;q=0.3"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Referer", "https://localhost/"),
    ("Cookie", "session=3f2a9c17d0b84e5c9a61; theme=dark; consent=yes"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "same-origin"),
];

const CLIENT: &[(&str, &str)] = &[
    ("User-Agent", "acme-client/2.4.1"),
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip"),
    (
        "Authorization",
        "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiI0NzExIiwic2NvcGUiOiJyZWFkIn0.c2lnbmF0dXJlLW9mLW5vYm9keQ",
    ),
    ("X-Request-Id", "0197a5c2-7b1e-7c3d-9f00-5a1b2c3d4e5f"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Vec<Benign> {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("decisions/benign.toml")).unwrap()
    }

    #[test]
    fn the_set_is_large_and_of_both_parts() {
        let set = set();
        assert!(set.len() >= 120, "{}", set.len());
        for part in [Part::Web, Part::Api] {
            assert!(set.iter().filter(|request| request.part == part).count() >= 40, "{part:?}");
        }
    }

    #[test]
    fn requests_are_well_formed() {
        for request in set() {
            let bytes = request.bytes();
            let text = String::from_utf8(bytes).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.lines().all(|line| line.is_ascii()), "{}", request.name);
            let length = format!("Content-Length: {}", body.len());
            assert_eq!(request.body.is_some(), head.contains(&length), "{}", request.name);
            assert!(!request.target.contains(' '), "{}", request.name);
            if request.content_type.as_deref().is_some_and(|name| name.ends_with("json")) {
                assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{}", request.name);
            }
        }
    }

    #[test]
    fn what_is_listed_must_be_refused_by_just_that() {
        let mut request = set().remove(0);
        let seen = |rules: &[u64]| Seen {
            status: Ok(if rules.is_empty() { 200 } else { 403 }),
            inbound: None,
            outbound: None,
            rules: rules.to_vec(),
            blocked: !rules.is_empty(),
            refusal: None,
        };
        request.refused_by = Vec::new();
        assert!(request.held(1, &seen(&[])).is_ok() && request.held(1, &seen(&[942_100])).is_err());
        assert!(request.held(2, &seen(&[942_100])).is_ok());
        request.refused_by = vec![942_100];
        assert!(request.held(1, &seen(&[])).is_err() && request.held(1, &seen(&[942_100])).is_ok());
        assert!(request.held(1, &seen(&[941_100])).is_err());
    }
}
