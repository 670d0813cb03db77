//! Where rule files come from: the language reads none itself, a [`Loader`] is passed in.

/// Reads rule files and the data files they name.
///
/// Names are paths as a [`portcullis_diag::Sources`] shows them; a relative name is relative to the file that wrote it, which
/// [`Loader::resolve`] knows how to join.
pub trait Loader {
    /// The name of `reference` as written in the file `from`.
    fn resolve(&self, from: &str, reference: &str) -> String;

    /// Names that match a pattern with `*`, `?` and `[..]` in its last part, sorted. An `Include` whose pattern holds no wildcard and matches nothing is an
    /// error; one with a wildcard may match nothing, as with ModSecurity v3.
    ///
    /// # Errors
    /// What went wrong, in words that can follow the name and a colon.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, String>;

    /// The bytes of a file.
    ///
    /// # Errors
    /// What went wrong, in words that can follow the name and a colon.
    fn read(&self, name: &str) -> Result<Vec<u8>, String>;
}

/// Whether a file name matches a pattern with `*` (any bytes), `?` (one byte) and `[a-z]`, `[!a-z]` (one byte of a set), as a shell does.
///
/// A leading dot is matched only by a dot. The work is bounded by the product of the two lengths.
#[must_use]
pub fn wildcard_matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut at, mut seen) = (0, 0);
    // Where to go on after a mismatch: behind the last star, with one more byte given to it.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at + 1, seen));
                at += 1;
                continue;
            }
            Some(_) => name.get(seen).and_then(|byte| matches_one(pattern.get(at..)?, *byte)),
            None if seen == name.len() => return true,
            None => None,
        };
        match (step, retry) {
            (Some(length), _) => {
                at += length;
                seen += 1;
            }
            (None, Some((behind, from))) if from < name.len() => {
                at = behind;
                seen = from + 1;
                retry = Some((behind, from + 1));
            }
            _ => return false,
        }
    }
}

/// Matches one byte against the head of a pattern that is not a star; gives how long the head is.
fn matches_one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern, byte) {
            Some((true, length)) => Some(length),
            Some((false, _)) => None,
            // A bracket that is never closed stands for itself.
            None => (byte == b'[').then_some(1),
        },
        literal => (*literal == byte).then_some(1),
    }
}

fn set(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    // A closing bracket in first place is a member of the set.
    let end = pattern.iter().skip(first + 1).position(|found| *found == b']')? + first + 1;
    let mut members = pattern.get(first..end)?;
    let mut inside = false;
    while let [low, rest @ ..] = members {
        if let [b'-', high, rest @ ..] = rest {
            inside |= (*low..=*high).contains(&byte);
            members = rest;
        } else {
            inside |= *low == byte;
            members = rest;
        }
    }
    Some((inside != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::wildcard_matches;

    #[test]
    fn patterns_match_as_in_a_shell() {
        let cases: [(&str, &str, bool); 14] = [
            ("*.conf", "a.conf", true),
            ("*.conf", ".conf", false),
            (".*", ".conf", true),
            ("*.conf", "a.conf.example", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]*", "bz", true),
            ("[!a-c]*", "bz", false),
            ("[]x]", "]", true),
            ("[", "[", true),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxba", false),
            ("", "", true),
            ("**", "", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(wildcard_matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn stars_do_not_multiply() {
        assert!(!wildcard_matches(&b"*a".repeat(200), &[&b"a".repeat(5000)[..], b"b"].concat()));
    }
}
