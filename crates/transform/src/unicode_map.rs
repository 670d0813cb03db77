//! Best-fit mapping of `%uXXXX` to one byte, as `unicode.mapping` of ModSecurity gives it.
//!
//! The file has a section per code page: a line with its number and name, then pairs `hhhh:hh` (code point, byte). Windows servers map
//! characters they cannot show to such look-alikes, so that U+2039 arrives at the application as `<`.

/// The full stops that IDNA (RFC 3490 section 3.1) takes for a dot; ModSecurity adds them to every code page.
const DOTS: [(u16, u8); 4] = [(0x002e, b'.'), (0x3002, b'.'), (0xff0e, b'.'), (0xff61, b'.')];

/// One code page of a `unicode.mapping` file.
#[derive(Clone, Debug, Default)]
pub struct UnicodeMap {
    /// Sorted by code point, no code point twice.
    pairs: Vec<(u16, u8)>,
}

impl UnicodeMap {
    /// Reads the section of `code_page` (`20127` in the recommended set-up) from the text of a `unicode.mapping` file.
    ///
    /// Of two pairs for one code point the later one counts. Code points over 0xffff are skipped: `%uXXXX` cannot name them.
    ///
    /// # Errors
    /// Says what is wrong with the text, or that it has no such code page.
    pub fn parse(text: &[u8], code_page: u32) -> Result<Self, String> {
        let mut pairs = std::collections::BTreeMap::from(DOTS);
        let mut found = false;
        let mut inside = false;
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let mut words =
                line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).peekable();
            let Some(first) = words.peek() else { continue };
            if !first.contains(&b':') {
                inside = decimal(first) == Some(code_page);
                found |= inside;
                continue;
            }
            if !inside {
                continue;
            }
            for word in words {
                let (code_point, byte) = pair(word).ok_or_else(|| {
                    format!("line {}: a pair `hhhh:hh` of hexadecimal numbers is expected", index + 1)
                })?;
                if let Ok(code_point) = u16::try_from(code_point) {
                    pairs.insert(code_point, byte);
                }
            }
        }
        if !found {
            return Err(format!(
                "there is no code page {code_page}; it starts with a line `{code_page} (name)`"
            ));
        }
        Ok(Self { pairs: pairs.into_iter().collect() })
    }

    /// The byte that stands for a code point, if the map has one.
    #[must_use]
    pub fn lookup(&self, code_point: u32) -> Option<u8> {
        let code_point = u16::try_from(code_point).ok()?;
        let found = self.pairs.binary_search_by_key(&code_point, |pair| pair.0).ok()?;
        self.pairs.get(found).map(|pair| pair.1)
    }
}

fn decimal(word: &[u8]) -> Option<u32> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn pair(word: &[u8]) -> Option<(u32, u8)> {
    let (code_point, byte) = std::str::from_utf8(word).ok()?.split_once(':')?;
    Some((u32::from_str_radix(code_point, 16).ok()?, u8::from_str_radix(byte, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"(MAC - Roman)\n\n\n1250  (ANSI - Central Europe)\r\n00a1:21 2039:3c\r\n\r\n20127 (US-ASCII)\r\n00a0:20 2039:3c\n2039:3d 10000:41\n20261 (T.61)\n00a0:21 nonsense:x\n";

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let map = UnicodeMap::parse(TEXT, 20127).unwrap();
        assert_eq!(map.lookup(0x00a0), Some(0x20));
        assert_eq!(map.lookup(0x2039), Some(0x3d));
        assert_eq!(map.lookup(0x00a1), None);
        assert_eq!(map.lookup(0x1_0000), None);
        assert_eq!(map.lookup(0x3002), Some(b'.'));
    }

    #[test]
    fn errors_name_the_line_or_the_code_page() {
        assert!(UnicodeMap::parse(TEXT, 20261).unwrap_err().starts_with("line 11:"));
        assert!(UnicodeMap::parse(TEXT, 850).unwrap_err().contains("850"));
        assert!(UnicodeMap::parse(b"", 20127).is_err());
    }
}
