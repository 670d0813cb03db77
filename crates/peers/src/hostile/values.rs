//! Families of single values.

use super::{Attack, Makers, VALUE, posted};

/// Values of each kind.
const EACH: usize = 12;

pub(super) fn add(makers: &mut Makers<'_>, attacks: &mut Vec<Attack>) {
    let mut push = |family, made_of: &str, value: &[u8]| {
        let number = attacks.iter().filter(|attack| attack.family == family).count();
        attacks.push(posted(family, number, made_of.to_owned(), value));
    };
    for between in [&b""[..], b" ", b"a", b"; ", b"\n"] {
        for _ in 0..EACH {
            push("fragments", "texts that patterns match", &makers.fragments(VALUE, between));
            push("near misses", "such texts with a byte changed or gone", &near_misses(makers));
        }
    }
    for _ in 0..EACH {
        for alphabet in ALPHABETS {
            push("random", &alphabet.escape_ascii().to_string(), &makers.sequence.of(alphabet, VALUE));
        }
        let words = makers.fragments(VALUE / 4, b"-");
        push("nested escapes", "percent signs over percent signs", &nested(&words, percent, 3));
        push("nested escapes", "entities over entities", &nested(&words, entity, 2));
        push("nested escapes", "Base64 over Base64", &nested(&words, base64, 4));
        push(
            "nested escapes",
            "backslashes over entities",
            &nested(&nested(&words, entity, 1), backslash, 1),
        );
        push("half escapes", "escapes that end too early", &half_escapes(makers));
    }
    for (made_of, part) in TOKENS {
        push("tokens", &format!("{made_of}, again and again"), &repeated(part, VALUE));
        let mixed: Vec<u8> = (0..VALUE)
            .flat_map(|_| TOKENS.get(makers.sequence.below(TOKENS.len())).map_or(&[][..], |(_, part)| part))
            .copied()
            .take(VALUE)
            .collect();
        push("tokens", "all of them, in random order", &mixed);
    }
    for length in [16 << 10, 64 << 10] {
        push("huge values", "fragments", &makers.fragments(length, b" "));
        push("huge values", "quotes", &repeated(b"'\"", length));
        push("huge values", "letters", &makers.sequence.of(b"abcdefghijklmnopqrstuvwxyz ", length));
    }
}

const ALPHABETS: [&[u8]; 6] = [
    b"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
    b"\"'\\[]()$`|;& \n\tabcdeilnorst",
    b"<>=/ \"'abcdefhijklnoprstvx",
    b"'\"0123456789 orandselectunio-#/*()=",
    b"\x00\x01\x80\x9f\xa0\xc0\xc2\xe2\xff ab",
    b"ab",
];

/// Parts that keep a tokeniser of SQL or HTML busy, or make a pattern go back.
const TOKENS: &[(&str, &[u8])] = &[
    ("opening parentheses", b"("),
    ("quotes", b"'"),
    ("two kinds of quotes", b"'\""),
    ("comments", b"/**/"),
    ("comments that are not closed", b"/*"),
    ("line comments", b"--\n"),
    ("operators", b"1 or 1 or "),
    ("unary operators", b"1-+-~!"),
    ("numbers and commas", b"1,2,"),
    ("keywords", b"select union from where "),
    ("variables", b"@@a @`b` "),
    ("money and braces", b"$a${b}"),
    ("hexadecimal numbers", b"0x41 0b1 1e1 "),
    ("semicolons", b"1;"),
    ("tags", b"<a b=c d='e'>"),
    ("tags that are not closed", b"<a b="),
    ("attributes", b" a=b"),
    ("comments of HTML", b"<!--"),
    ("declarations of HTML", b"<!a "),
    ("ends of tags", b"</"),
    ("shell words", b"c\\a't' /e?c/p* $(id) "),
    ("dots and slashes", b"../"),
    ("dots and slashes, encoded", b"%2e%2e%2f"),
    ("backslashes", b"\\"),
    ("escapes", b"\\x61\\u0062\\143"),
    ("entities", b"&#97;&#x62;&lt;"),
    ("white space", b" \t"),
    ("null bytes", b"\0a"),
    ("high bytes", b"\xc2\xa0"),
    ("schemes", b"javascript:data:"),
    ("functions", b"sleep(exp(abs("),
    ("brackets", b"[]{}"),
];

fn repeated(part: &[u8], length: usize) -> Vec<u8> {
    part.iter().copied().cycle().take(length).collect()
}

fn near_misses(makers: &mut Makers<'_>) -> Vec<u8> {
    let mut value = Vec::new();
    while value.len() < VALUE {
        let begin = value.len();
        value.extend_from_slice(makers.fragment());
        let length = value.len() - begin;
        let at = begin + makers.sequence.below(length);
        match makers.sequence.below(3) {
            0 => value.truncate(value.len().saturating_sub(1).max(begin)),
            1 if length > 0 => drop(value.remove(at)),
            _ => value.insert(at.min(value.len()), b'~'),
        }
        value.push(b' ');
    }
    value.truncate(VALUE);
    value
}

fn half_escapes(makers: &mut Makers<'_>) -> Vec<u8> {
    const HALVES: [&[u8]; 12] =
        [b"%", b"%u", b"%u00", b"%2", b"\\u", b"\\x", b"\\", b"&#", b"&#x", b"&am", b"/*", b"<!"];
    let halves = (0..VALUE).filter_map(|_| HALVES.get(makers.sequence.below(HALVES.len())));
    halves.flat_map(|half| half.iter().chain(b"a")).copied().take(VALUE).collect()
}

/// A text escaped so many times, cut to the length of a value.
fn nested(text: &[u8], escape: fn(&[u8]) -> Vec<u8>, times: usize) -> Vec<u8> {
    let mut value = text.to_vec();
    for _ in 0..times {
        value = escape(&value);
    }
    value.truncate(VALUE);
    value
}

fn percent(text: &[u8]) -> Vec<u8> {
    text.iter()
        .flat_map(|byte| {
            if byte.is_ascii_alphanumeric() { vec![*byte] } else { format!("%{byte:02x}").into_bytes() }
        })
        .collect()
}

fn entity(text: &[u8]) -> Vec<u8> {
    text.iter()
        .flat_map(
            |byte| if byte.is_ascii_alphanumeric() { vec![*byte] } else { format!("&#{byte};").into_bytes() },
        )
        .collect()
}

fn backslash(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|byte| format!("\\x{byte:02x}").into_bytes()).collect()
}

fn base64(text: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |number: u32| DIGITS.get(number as usize & 63).copied().unwrap_or(b'=');
    let of = |three: &[u8; 3]| {
        let number = three.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        [18, 12, 6, 0].map(|shift| digit(number >> shift))
    };
    text.as_chunks::<3>().0.iter().flat_map(of).collect()
}
