//! `Strict-Transport-Security` on an answer (RFC 6797).

/// What an answer over TLS says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Fields `Strict-Transport-Security`; browsers go by the first.
    pub hsts: Vec<String>,
}

impl Answer {
    /// `None` for bytes that are no answer.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n\r\n").next()?.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let hsts = lines.filter_map(|line| line.split_once(':'));
        let hsts = hsts.filter(|(name, _)| name.eq_ignore_ascii_case("strict-transport-security"));
        Some(Self { status, hsts: hsts.map(|(_, value)| value.trim().to_owned()).collect() })
    }

    /// `max-age`, in seconds. `None` where no browser would go by it.
    #[must_use]
    pub fn max_age(&self) -> Option<u64> {
        let mut directives = self.hsts.first()?.split(';').map(str::trim);
        directives.find_map(|directive| {
            let (name, value) = directive.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("max-age")
                .then(|| value.trim().trim_matches('"').parse().ok())?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_as_browsers_do() {
        for (field, max_age) in [
            ("Strict-Transport-Security: max-age=31536000", Some(31_536_000)),
            ("strict-transport-security:includeSubDomains; MAX-AGE = \"5\"", Some(5)),
            ("strict-transport-security: max-age=never", None),
            ("x: max-age=5", None),
        ] {
            let answer = Answer::read(format!("HTTP/1.1 405 No\r\nA: b\r\n{field}\r\n\r\nbody").as_bytes());
            assert_eq!(
                answer.map(|answer| (answer.status, answer.max_age())),
                Some((405, max_age)),
                "{field}"
            );
        }
        assert_eq!(Answer::read(b"HTTP/2 200"), None);
        assert_eq!(Answer::read(b""), None);
    }
}
