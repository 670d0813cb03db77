//! `@detectXSS`
//!
//! The input is read as HTML from five starting points: as text, and inside a tag after an attribute's name, whose value no quote, `'`, `"` or
//! a back quote encloses. A reading that meets an element, attribute, address or comment that can run script says yes.
//!
//! Two differences from the C library, which reads past what it was given or stops early: an `on` attribute that ends the input is compared
//! within the input only, and the byte 0xFF among white space is a byte, not the end of the input (on x86 the C library lets
//! `<a \xff onclick=x>` pass).

pub(crate) mod html5;
mod rules;

use self::{
    html5::{Html5, Piece, Start},
    rules::{Attribute, attribute, is_black_comment, is_black_tag, is_black_url},
};

/// Whether `input` would run script in one of the five HTML contexts libinjection tries.
#[must_use]
pub fn detect(input: &[u8]) -> bool {
    // A verdict needs a tag, or the value of a named attribute.
    if memchr::memchr2(b'<', b'=', input).is_none() {
        return false;
    }
    // A quoted value that is not closed takes the whole input, and has no name.
    let quoted = |quote| memchr::memchr(quote, input).is_some();
    memchr::memchr(b'<', input).is_some() && runs_script(input, Start::Text)
        || runs_script(input, Start::Unquoted)
        || quoted(b'\'') && runs_script(input, Start::Quoted(b'\''))
        || quoted(b'"') && runs_script(input, Start::Quoted(b'"'))
        || quoted(b'`') && runs_script(input, Start::Quoted(b'`'))
}

fn runs_script(input: &[u8], start: Start) -> bool {
    let mut attribute_before = Attribute::Harmless;
    for (piece, text) in Html5::new(input, start) {
        let named = std::mem::replace(&mut attribute_before, Attribute::Harmless);
        let black = match piece {
            Piece::Doctype => true,
            Piece::TagNameOpen => is_black_tag(text),
            Piece::Comment => is_black_comment(text),
            Piece::AttributeName => {
                attribute_before = attribute(text);
                false
            }
            Piece::AttributeValue => match named {
                Attribute::Harmless => false,
                Attribute::Black => true,
                Attribute::Url => is_black_url(text),
                Attribute::NameInValue => attribute(text) != Attribute::Harmless,
            },
            Piece::Text | Piece::TagNameClose | Piece::TagSelfClose | Piece::TagClose => false,
        };
        if black {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_runs_script_is_found() {
        for input in [
            &b"<script>"[..],
            b"<ScRiPt src=//x>",
            b"<s\0cript>",
            b"<img src=x onerror=alert(1)>",
            b"<a href=\"java&#115;cript:x\">",
            b"<a href=' \x01javascript:x'>",
            b"\" onfocus=x autofocus \"",
            b"x onclick=y",
            b"' style='x",
            b"<!doctype x>",
            b"<svg/onload=x>",
            b"<?xml ?>",
            b"<!--[if IE]>",
            b"<!-- ` -->",
            b"<animate attributeName=href from=x>",
            b"<a \xff onclick=x>",
            b"<a onerror%=x>",
            b"<a onmouseover to=javascript:x>",
        ] {
            assert!(detect(input), "{}", String::from_utf8_lossy(input));
        }
    }

    #[test]
    fn ordinary_text_is_none() {
        for input in [
            &b""[..],
            b"hello",
            b"a=b",
            b"1 < 2",
            b"<b>bold</b>",
            b"<a href=\"https://x.example/?a=b\">",
            b"price=5 <= 6",
            b"<",
            b"=",
            b"</>",
            b"<a o",
            b"<!",
            b"<!-",
            b"<%",
            b"&#x",
            b"<a href=&#",
            b"<a on",
        ] {
            assert!(!detect(input), "{}", String::from_utf8_lossy(input));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_legal(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = detect(&input);
        }

        #[test]
        fn the_shortcuts_change_no_verdict(input in "[a-z<>=/ '\"`&!\\-]{0,24}(onclick|href|script|style)?[a-z<>=/ '\"`:]{0,12}") {
            let all = [Start::Text, Start::Unquoted, Start::Quoted(b'\''), Start::Quoted(b'"'), Start::Quoted(b'`')];
            let input = input.as_bytes();
            prop_assert_eq!(detect(input), all.into_iter().any(|start| !input.is_empty() && runs_script(input, start)));
        }
    }
}
