//! The `t:` functions of SecLang: bytes in, bytes out.
//!
//! One function, one file, one line in [`TABLE`]. They run on hostile bytes: none assumes UTF-8, none panics, and no output is longer
//! than [`Transformation::growth`] times its input plus 64 bytes. They follow ModSecurity v3; where v2 or Coraza differ, or where v3
//! reads past its buffer, the file of the function says so.

mod ascii;
mod base64_decode;
mod base64_decode_ext;
mod base64_encode;
mod cmd_line;
mod compress_whitespace;
mod css_decode;
mod escape_seq_decode;
mod hex_decode;
mod hex_encode;
mod html_entity_decode;
mod js_decode;
mod length;
mod lowercase;
mod md5;
mod normalize_path;
mod normalize_path_win;
mod parity_even_7bit;
mod parity_odd_7bit;
mod parity_zero_7bit;
mod remove_comments;
mod remove_comments_char;
mod remove_nulls;
mod remove_whitespace;
mod replace_comments;
mod replace_nulls;
mod sha1;
mod sql_hex_decode;
mod trim;
mod trim_left;
mod trim_right;
mod unicode_map;
mod uppercase;
mod url_decode;
mod url_decode_uni;
mod url_encode;
mod utf8_to_unicode;

pub use unicode_map::UnicodeMap;

/// What a transformation may look at besides its input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Best-fit table of `SecUnicodeMapFile`, for `urlDecodeUni`.
    pub unicode_map: Option<&'a UnicodeMap>,
}

/// Writes the result into `out` (which arrives empty) and says whether it differs from the input. When it says `false`, `out` holds
/// nothing that may be used.
pub type Apply = fn(input: &[u8], out: &mut Vec<u8>, context: &Context<'_>) -> bool;

/// A line of the table.
#[derive(Debug)]
pub struct Transformation {
    /// As it stands in SecLang, without `t:`.
    pub name: &'static str,
    /// Other accepted spellings.
    pub aliases: &'static [&'static str],
    /// The function.
    pub apply: Apply,
    /// Upper bound of output bytes per input byte.
    pub growth: usize,
}

const fn line(name: &'static str, apply: Apply, growth: usize) -> Transformation {
    Transformation { name, aliases: &[], apply, growth }
}

/// Every transformation but `none`, in alphabetical order.
pub static TABLE: &[Transformation] = &[
    line("base64Decode", base64_decode::apply, 1),
    line("base64DecodeExt", base64_decode_ext::apply, 1),
    line("base64Encode", base64_encode::apply, 2),
    line("cmdLine", cmd_line::apply, 1),
    line("compressWhitespace", compress_whitespace::apply, 1),
    line("cssDecode", css_decode::apply, 1),
    line("escapeSeqDecode", escape_seq_decode::apply, 1),
    line("hexDecode", hex_decode::apply, 1),
    line("hexEncode", hex_encode::apply, 2),
    line("htmlEntityDecode", html_entity_decode::apply, 1),
    line("jsDecode", js_decode::apply, 1),
    line("length", length::apply, 1),
    line("lowercase", lowercase::apply, 1),
    line("md5", md5::apply, 1),
    Transformation {
        name: "normalizePath",
        aliases: &["normalisePath"],
        apply: normalize_path::apply,
        growth: 1,
    },
    Transformation {
        name: "normalizePathWin",
        aliases: &["normalisePathWin"],
        apply: normalize_path_win::apply,
        growth: 1,
    },
    line("parityEven7bit", parity_even_7bit::apply, 1),
    line("parityOdd7bit", parity_odd_7bit::apply, 1),
    line("parityZero7bit", parity_zero_7bit::apply, 1),
    line("removeComments", remove_comments::apply, 1),
    line("removeCommentsChar", remove_comments_char::apply, 1),
    line("removeNulls", remove_nulls::apply, 1),
    line("removeWhitespace", remove_whitespace::apply, 1),
    line("replaceComments", replace_comments::apply, 1),
    line("replaceNulls", replace_nulls::apply, 1),
    line("sha1", sha1::apply, 1),
    line("sqlHexDecode", sql_hex_decode::apply, 1),
    line("trim", trim::apply, 1),
    line("trimLeft", trim_left::apply, 1),
    line("trimRight", trim_right::apply, 1),
    line("uppercase", uppercase::apply, 1),
    line("urlDecode", url_decode::apply, 1),
    line("urlDecodeUni", url_decode_uni::apply, 1),
    line("urlEncode", url_encode::apply, 3),
    line("utf8toUnicode", utf8_to_unicode::apply, 4),
];

/// Finds a transformation by name or alias, ASCII case ignored.
#[must_use]
pub fn find(name: &str) -> Option<&'static Transformation> {
    TABLE.iter().find(|line| {
        line.name.eq_ignore_ascii_case(name)
            || line.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_no_name_twice() {
        let mut names: Vec<String> = TABLE.iter().map(|line| line.name.to_ascii_lowercase()).collect();
        assert!(names.is_sorted(), "{names:?}");
        names.extend(TABLE.iter().flat_map(|line| line.aliases).map(|alias| alias.to_ascii_lowercase()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn names_are_found_whatever_their_case_and_british_spelling() {
        assert_eq!(find("URLDECODEUNI").map(|line| line.name), Some("urlDecodeUni"));
        assert_eq!(find("normalisePath").map(|line| line.name), Some("normalizePath"));
        assert!(find("none").is_none());
        assert!(find("urlDecodeUnicode").is_none());
    }
}
