//! The DOCTYPE, checked for its form and otherwise ignored: no entity of it is ever used.
//!
//! Where it ends decides what the root is. So it is read as XML 1.0 sections 2.8, 3.2, 3.3, 4.2 and 4.7 write it down to the declarations,
//! and refused where two parsers could disagree; parameter entities are refused altogether.

use super::characters::is_name;

const MALFORMED: &str = "malformed DOCTYPE";
const DECLARATIONS: [&str; 4] = ["ELEMENT", "ATTLIST", "ENTITY", "NOTATION"];

/// Checks what stands between `<!DOCTYPE` and its `>`.
pub(super) fn check(content: &str) -> Result<(), &'static str> {
    let content = content.trim_ascii();
    let end = content
        .find(|character: char| character.is_ascii_whitespace() || character == '[')
        .unwrap_or(content.len());
    let (name, rest) = content.split_at(end);
    let rest = external(rest.trim_ascii_start()).filter(|_| is_name(name)).ok_or(MALFORMED)?;
    match rest.strip_prefix('[') {
        Some(subset) => internal(subset).ok_or(MALFORMED),
        None if rest.is_empty() => Ok(()),
        None => Err(MALFORMED),
    }
}

/// `SYSTEM` and a literal, or `PUBLIC` and two, if they are there; gives what comes after.
fn external(input: &str) -> Option<&str> {
    if let Some(rest) = input.strip_prefix("SYSTEM") {
        literal(rest)
    } else if let Some(rest) = input.strip_prefix("PUBLIC") {
        literal(literal(rest)?)
    } else {
        Some(input)
    }
}

/// Skips a quoted literal and the white space around it.
fn literal(input: &str) -> Option<&str> {
    let input = input.trim_ascii_start();
    let quote = input.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (_, rest) = input[1..].split_once(quote)?;
    Some(rest.trim_ascii_start())
}

/// Comments, processing instructions and declarations up to the closing bracket, after which nothing may come.
fn internal(subset: &str) -> Option<()> {
    let mut rest = subset.trim_ascii_start();
    loop {
        rest = if let Some(end) = rest.strip_prefix(']') {
            return end.is_empty().then_some(());
        } else if let Some(comment) = rest.strip_prefix("<!--") {
            comment.split_once("--")?.1.strip_prefix('>')?
        } else if let Some(instruction) = rest.strip_prefix("<?") {
            instruction.split_once("?>")?.1
        } else {
            declaration(rest.strip_prefix("<!")?)?
        };
        rest = rest.trim_ascii_start();
    }
}

/// Skips a declaration: its `>` is the first one outside of quotes.
fn declaration(input: &str) -> Option<&str> {
    let keyword = DECLARATIONS.iter().find_map(|keyword| input.strip_prefix(keyword))?;
    let mut rest = keyword.starts_with(|next: char| next.is_ascii_whitespace()).then_some(keyword)?;
    loop {
        let at = rest.find(['"', '\'', '<', '>', '[', ']'])?;
        let sign = rest[at..].chars().next()?;
        rest = &rest[at + 1..];
        match sign {
            '>' => return Some(rest),
            '"' | '\'' => rest = rest.split_once(sign)?.1,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for content in [
            "a",
            " a ",
            "a SYSTEM 'x'",
            "a SYSTEM \"[]>\"",
            "a PUBLIC 'p' 'q' [ ]",
            "a[]",
            "a [<!ENTITY e ']>\"'> <!-- ' ]> --><?p ]> ?>\n<!ELEMENT a (b|c)*><!ATTLIST a b CDATA \"'>\"> ] ",
        ] {
            assert_eq!(check(content), Ok(()), "{content}");
        }
        for content in [
            "",
            "1",
            "a b",
            "a SYSTEM",
            "a SYSTEM x",
            "a SYSTEM 'x",
            "a PUBLIC 'p'",
            "a [",
            "a []]",
            "a [] b",
            "a [x]",
            "a [%pe;]",
            "a [<]",
            "a [<!]",
            "a [<!x>]",
            "a [<!ENTITYe 'x'>]",
            "a [<!ENTITY e 'x']",
            "a [<!ENTITY e 'x]",
            "a [<!ENTITY <e>]",
            "a [<!-- -- -->]",
            "a [<!-- ]",
            "a [<? ]",
            "a 'x'",
            "[]",
            "a<b",
        ] {
            assert_eq!(check(content), Err(MALFORMED), "{content}");
        }
    }
}
