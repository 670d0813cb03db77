//! Time is linear in the length of a value: a megabyte of anything takes a moment, where quadratic time would take minutes.

use std::time::{Duration, Instant};

use portcullis_injection::{sqli, xss};

const LENGTH: usize = 1 << 20;

#[test]
fn a_megabyte_of_anything_takes_a_moment() {
    for piece in [
        "xor.",
        "or`",
        "1.",
        "a.",
        "@a.",
        "@`",
        "'",
        "\"",
        "''",
        "\\'",
        "/*",
        "/**/",
        "--",
        "#\n",
        "(",
        "{a ",
        "[",
        "$a$",
        "q'(",
        "0x",
        "1e",
        "xor xor ",
        "<",
        "<a ",
        "<a/",
        "<a='",
        "<!--",
        "<![CDATA[",
        "=",
        "a=",
        "&#x",
        "`",
        "<%",
        "<?",
        "<!a",
    ] {
        for prefix in ["", "'", "1 ", "<a "] {
            let value = [prefix, &piece.repeat(LENGTH / piece.len())].concat();
            let begun = Instant::now();
            let _ = (sqli::detect(value.as_bytes()), xss::detect(value.as_bytes()));
            assert!(begun.elapsed() < Duration::from_secs(5), "{prefix:?} and {piece:?}");
        }
    }
}
