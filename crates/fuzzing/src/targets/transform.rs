//! Transformations: no more output than the table allows, and the truth about whether they changed anything. Input: a byte that selects
//! the line of the table (the highest bit gives it a Unicode map), then the value.

use std::sync::LazyLock;

use portcullis_transform::{Context, TABLE, UnicodeMap};

use crate::Target;

pub(super) const TARGET: Target = Target {
    name: "transform",
    run,
    seeds: &[
        b"\x00PHNjcmlwdD4=",
        b"\x03c^m\"d /c \\ type,;x",
        b"\x05\\3c script\\00003e \\\n",
        b"\x06\\x3c\\074\\n\\u003c\\",
        b"\x073c7363726970743e0",
        b"\x09&lt;&#60;&#x3C&amp;&nbsp;&ltx;&#99999999;",
        b"\x0a\\u003c\\uff1c\\x3c\\74\\q",
        b"\x0e/a/./b/../../c//d/..",
        b"\x0f\\a\\.\\b\\..\\c\\\\d",
        b"\x13a/*b*/c--d#e<!--f-->",
        b"\x17a/*b*/c/*d",
        b"\x1a0x414243 0x4g 0x",
        b"\x1f%41%zz+%",
        b"\xa0%u2039%uff1c%41%u00zz+",
        b"\x20%u2039%uff1c%41%u00zz+",
        "\x22\u{2039}\u{1f600}\u{3c}\u{e9}".as_bytes(),
    ],
    pieces: &[
        b"%",
        b"%u2039",
        b"%uff1c",
        b"%3c",
        b"\\",
        b"\\uff1c",
        b"\\x3c",
        b"\\074",
        b"\\ff1c ",
        b"&",
        b"&#x3c",
        b"&#60;",
        b"&lt;",
        b"/*",
        b"*/",
        b"<!--",
        b"-->",
        b"--",
        b"#",
        b"../",
        b"./",
        b"//",
        b"..",
        b"\\\\",
        b"0x41",
        b"PHNj",
        b"=",
        b" ",
        b"\t",
        b"\r\n",
        b"\0",
        b"\xe2\x80\xb9",
        b"\xf0\x9f\x98\x80",
        b"\xed\xa0\x80",
        b"\xc0\xbc",
        b"\xf7\xbf\xbf\xbf",
        b"\xa0",
        b"\xff",
        b"^",
        b",",
        b";",
    ],
};

static UNICODE_MAP: LazyLock<Option<UnicodeMap>> =
    LazyLock::new(|| UnicodeMap::parse(b"20127 (US-ASCII)\n2039:3c 203a:3e 00a0:20\n", 20127).ok());

fn run(input: &[u8]) {
    let Some((first, value)) = input.split_first() else { return };
    let line = &TABLE[usize::from(first & 0x7f) % TABLE.len()];
    let unicode_map = if first & 0x80 != 0 { UNICODE_MAP.as_ref() } else { None };
    let mut out = Vec::new();
    if (line.apply)(value, &mut out, &Context { unicode_map }) {
        assert_ne!(out, value, "{} said it changed this", line.name);
        assert!(
            out.len() <= value.len() * line.growth + 64,
            "{} grew {} to {}",
            line.name,
            value.len(),
            out.len()
        );
    }
}
