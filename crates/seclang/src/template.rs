//! Text with macros: `%{TX.anomaly_score}` within a message, a variable's value or an operator's argument.
//!
//! A text is split once, when rules are compiled; evaluation only joins parts. Splitting never fails: what does not have the form of a
//! macro is literal text, as with ModSecurity. A macro whose variable does not exist expands to nothing (ModSecurity v2 and v3 agree;
//! Coraza would put the text between the braces there) and is told to the author as a warning by the lint `unknown_macro`.

use crate::vocabulary::Variable;

/// A text split into what stands for itself and what is looked up. The parts joined in order are the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Template {
    /// Never two literals side by side, never an empty literal; no parts for an empty text.
    pub parts: Vec<Part>,
}

/// One part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Bytes that stand for themselves.
    Literal(Vec<u8>),
    /// `%{REMOTE_ADDR}`, `%{TX.score}`, `%{request_headers.host}`
    Macro {
        /// The variable or collection.
        variable: Variable,
        /// The member of a collection, as written; its case does not matter.
        key: Option<Vec<u8>>,
    },
    /// `%{NO_SUCH_VARIABLE}`: what stands between the braces. Expands to nothing.
    Unknown(Vec<u8>),
}

impl Template {
    /// Splits a text. Takes time linear in its length.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text;
        while let Some(&byte) = rest.first() {
            if let Some((inside, behind)) = braces(rest) {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(lookup(inside));
                rest = behind;
            } else {
                literal.push(byte);
                rest = rest.get(1..).unwrap_or(&[]);
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Self { parts }
    }

    /// The whole text when it holds no macro, so that it can be compiled once instead of at each use.
    #[must_use]
    pub fn as_literal(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(&[]),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// Longest name of a macro; a longer one is literal text, which keeps a text of many `%{` linear.
const LONGEST_NAME: usize = 256;

/// Splits `%{name}rest` into `name` and `rest`. An empty name is no macro.
fn braces(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"%{")?;
    let end = text.iter().take(LONGEST_NAME + 1).position(|byte| *byte == b'}').filter(|end| *end > 0)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn lookup(inside: &[u8]) -> Part {
    // v3 takes a dot or a colon; v2 documents the dot.
    let (name, key) = match inside.iter().position(|byte| matches!(byte, b'.' | b':')) {
        Some(at) => (inside.get(..at).unwrap_or(&[]), inside.get(at + 1..)),
        None => (inside, None),
    };
    match Variable::find(name) {
        Some(variable) => Part::Macro { variable, key: key.map(<[u8]>::to_vec) },
        None => Part::Unknown(inside.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &[u8]) -> Part {
        Part::Literal(text.to_vec())
    }

    fn member(variable: Variable, key: &[u8]) -> Part {
        Part::Macro { variable, key: Some(key.to_vec()) }
    }

    #[test]
    fn macros_are_split_from_text() {
        assert_eq!(
            Template::parse(b"Score %{tx.score} of %{REMOTE_ADDR}%{TX.1}").parts,
            [
                literal(b"Score "),
                member(Variable::Tx, b"score"),
                literal(b" of "),
                Part::Macro { variable: Variable::RemoteAddr, key: None },
                member(Variable::Tx, b"1"),
            ]
        );
        assert_eq!(
            Template::parse(b"%{REQUEST_HEADERS.x-a.b}").parts,
            [member(Variable::RequestHeaders, b"x-a.b")]
        );
    }

    #[test]
    fn what_is_no_macro_stands_for_itself() {
        for text in [&b""[..], b"%", b"%{", b"%{}", b"%{tx.a", b"100%", b"{tx.a}", b"%%{"] {
            assert_eq!(Template::parse(text).as_literal(), Some(text));
        }
        assert_eq!(Template::parse(b"%%{tx.a}").parts, [literal(b"%"), member(Variable::Tx, b"a")]);
    }

    #[test]
    fn an_unknown_name_is_kept_apart() {
        assert_eq!(Template::parse(b"%{no.such}").parts, [Part::Unknown(b"no.such".to_vec())]);
    }

    #[test]
    fn many_openings_take_linear_time() {
        let text = b"%{".repeat(500_000);
        assert_eq!(Template::parse(&text).as_literal(), Some(&text[..]));
    }
}
