//! The XML declaration.
//!
//! The reader takes it as it comes; a document that others read in another encoding must not pass for a good one.

use quick_xml::events::{BytesDecl, BytesStart};

use super::characters::separated;

const MALFORMED: &str = "malformed XML declaration";

/// `version`, then at most `encoding` and `standalone` (section 2.8). `ascii` says that the document has no other bytes.
pub(super) fn check(declaration: &BytesDecl<'_>, ascii: bool) -> Result<(), &'static str> {
    let content: &str = declaration;
    let attributes = content.strip_prefix("xml").ok_or(MALFORMED)?;
    if !separated(attributes) {
        return Err(MALFORMED);
    }
    let tag = BytesStart::from_content(attributes, 0);
    let mut allowed = ["version", "encoding", "standalone"].into_iter();
    let mut first = true;
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| MALFORMED)?;
        let name = attribute.key.into_inner();
        let known = allowed.find(|allowed| *allowed == name).ok_or(MALFORMED)?;
        let value: &str = &attribute.value;
        match known {
            "version" if matches!(value, "1.0" | "1.1") => {}
            "encoding" => check_encoding(value, ascii)?,
            "standalone" if matches!(value, "yes" | "no") => {}
            _ => return Err(MALFORMED),
        }
        if first && known != "version" {
            return Err(MALFORMED);
        }
        first = false;
    }
    if first { Err(MALFORMED) } else { Ok(()) }
}

/// Encodings in which every ASCII byte is that ASCII character.
const SUPERSETS_OF_ASCII: [&str; 11] = [
    "utf-8",
    "utf8",
    "us-ascii",
    "ascii",
    "latin1",
    "windows-874",
    "tis-620",
    "koi8-r",
    "koi8-u",
    "euc-jp",
    "euc-kr",
];

/// Encodings whose letters may end in an ASCII byte, `]` among them: behind a byte of 0x80 or more nothing is what it seems.
const MIXED: [&str; 5] = ["gb2312", "gbk", "gb18030", "big5", "shift_jis"];

/// The same, with a number after them.
const FAMILIES: [&str; 5] = ["iso-8859-", "iso8859-", "iso_8859-", "windows-125", "cp125"];

/// Refuses all other encodings, as libxml2 refuses those it does not know: rules would look at bytes that the backend reads differently.
pub(super) fn check_encoding(name: &str, ascii: bool) -> Result<(), &'static str> {
    let name = name.to_ascii_lowercase();
    let numbered = |family: &&str| {
        name.strip_prefix(*family).is_some_and(|number| {
            (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    if MIXED.contains(&name.as_str()) {
        return if ascii { Ok(()) } else { Err("encoding whose letters hold ASCII bytes") };
    }
    if SUPERSETS_OF_ASCII.contains(&name.as_str()) || FAMILIES.iter().any(numbered) {
        Ok(())
    } else {
        Err("encoding that is no known superset of ASCII")
    }
}
