//! The DOCTYPE, checked for its form and asked for what stands in quotes there: no entity of it is ever used.
//!
//! Where it ends decides what the root is. So it is read as XML 1.0 sections 2.8, 3.2, 3.3, 4.2 and 4.7 write it down to the declarations,
//! and refused where two parsers could disagree; parameter entities are refused altogether.

use super::characters::is_name;

const MALFORMED: &str = "malformed DOCTYPE";
const DECLARATIONS: [&str; 4] = ["ELEMENT", "ATTLIST", "ENTITY", "NOTATION"];

/// What stands in quotes in a DOCTYPE, quotes taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literal<'a> {
    /// The default of an attribute, which elements have that do not say otherwise.
    Default(&'a str),
    /// The name or place of something outside, or what an entity stands for.
    Text(&'a str),
}

/// Checks what stands between `<!DOCTYPE` and its `>`, and gives its literals in their order.
pub(super) fn check(content: &str) -> Result<Vec<Literal<'_>>, &'static str> {
    let content = content.trim_ascii();
    let end = content
        .find(|character: char| character.is_ascii_whitespace() || character == '[')
        .unwrap_or(content.len());
    let (name, rest) = content.split_at(end);
    let mut literals = Vec::new();
    let rest = external(rest.trim_ascii_start(), &mut literals).filter(|_| is_name(name)).ok_or(MALFORMED)?;
    match rest.strip_prefix('[') {
        Some(subset) => internal(subset, &mut literals).ok_or(MALFORMED)?,
        None if rest.is_empty() => {}
        None => return Err(MALFORMED),
    }
    Ok(literals)
}

/// `SYSTEM` and a literal, or `PUBLIC` and two, if they are there; gives what comes after.
fn external<'a>(input: &'a str, literals: &mut Vec<Literal<'a>>) -> Option<&'a str> {
    if let Some(rest) = input.strip_prefix("SYSTEM") {
        literal(rest, literals)
    } else if let Some(rest) = input.strip_prefix("PUBLIC") {
        let rest = literal(rest, literals)?;
        literal(rest, literals)
    } else {
        Some(input)
    }
}

/// Takes a quoted literal and the white space around it.
fn literal<'a>(input: &'a str, literals: &mut Vec<Literal<'a>>) -> Option<&'a str> {
    let input = input.trim_ascii_start();
    let quote = input.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (text, rest) = input[1..].split_once(quote)?;
    literals.push(Literal::Text(text));
    Some(rest.trim_ascii_start())
}

/// Comments, processing instructions and declarations up to the closing bracket, after which nothing may come.
fn internal<'a>(subset: &'a str, literals: &mut Vec<Literal<'a>>) -> Option<()> {
    let mut rest = subset.trim_ascii_start();
    loop {
        rest = if let Some(end) = rest.strip_prefix(']') {
            return end.is_empty().then_some(());
        } else if let Some(comment) = rest.strip_prefix("<!--") {
            comment.split_once("--")?.1.strip_prefix('>')?
        } else if let Some(instruction) = rest.strip_prefix("<?") {
            instruction.split_once("?>")?.1
        } else {
            declaration(rest.strip_prefix("<!")?, literals)?
        };
        rest = rest.trim_ascii_start();
    }
}

/// Takes a declaration: its `>` is the first one outside of quotes.
fn declaration<'a>(input: &'a str, literals: &mut Vec<Literal<'a>>) -> Option<&'a str> {
    let (keyword, after) =
        DECLARATIONS.iter().find_map(|keyword| Some((*keyword, input.strip_prefix(keyword)?)))?;
    let mut rest = after.starts_with(|next: char| next.is_ascii_whitespace()).then_some(after)?;
    loop {
        let at = rest.find(['"', '\'', '<', '>', '[', ']'])?;
        let sign = rest[at..].chars().next()?;
        rest = &rest[at + 1..];
        match sign {
            '>' => return Some(rest),
            '"' | '\'' => {
                let (text, after) = rest.split_once(sign)?;
                literals.push(if keyword == "ATTLIST" {
                    Literal::Default(text)
                } else {
                    Literal::Text(text)
                });
                rest = after;
            }
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
            assert!(check(content).is_ok(), "{content}");
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

    #[test]
    fn literals() {
        use Literal::{Default, Text};
        let content = "a PUBLIC 'p' \"q\" [<!ENTITY e 'x'><!ATTLIST a b CDATA 'y' c CDATA #FIXED \"z\"><!-- 'no' -->\
                       <!ENTITY f SYSTEM 's' NDATA n>]";
        assert_eq!(
            check(content),
            Ok(vec![Text("p"), Text("q"), Text("x"), Default("y"), Default("z"), Text("s")])
        );
        assert_eq!(check("a"), Ok(Vec::new()));
    }
}
