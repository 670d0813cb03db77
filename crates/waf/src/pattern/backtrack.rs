//! Patterns that need a backtracking engine: look-around, back references, atomic groups, possessive repeats.
//!
//! The parsed pattern is written again in a form that means the same there, byte by byte. CRS 4 needs none of this, CRS 3.3.4 five
//! patterns.

use fancy_regex::{BytesMode, Regex, RegexBuilder};

use super::{
    MAX_STEPS, PatternError,
    tree::{Anchor, Greed, Node},
};

/// Whether an automaton cannot express the pattern.
pub(super) fn needed(node: &Node) -> bool {
    needs(node, true)
}

pub(super) fn build(node: &Node, largest: usize) -> Result<Regex, PatternError> {
    if keeps_empty_rounds(node) {
        return Err(PatternError::new(
            0,
            "a possessive repeat of what can be empty is not supported in patterns",
        )
        .help("write it so that each round takes at least one byte"));
    }
    let mut text = String::new();
    write(node, &mut text);
    RegexBuilder::new(&text)
        .bytes_mode(BytesMode::Ascii)
        .backtrack_limit(MAX_STEPS)
        .delegate_size_limit(largest)
        .max_prog_size(largest / size_of::<usize>())
        .build()
        .map_err(|error| PatternError::new(0, format!("pattern that cannot be compiled: {error}")))
}

/// PCRE ends a repeat at its first empty round, the engine looks for a round that is not empty. That changes which match is found, and
/// whether there is one where the choice is final.
fn keeps_empty_rounds(node: &Node) -> bool {
    let is_final = matches!(node, Node::Atomic(_) | Node::Repeat { greed: Greed::Possessive, .. });
    if is_final && node.has_empty_rounds() {
        return true;
    }
    node.parts().iter().any(keeps_empty_rounds)
}

/// `rest_nullable`: what follows may match nothing. Only then does it show that PCRE's multiline `^` does not match after a final newline,
/// while the automaton's does.
fn needs(node: &Node, rest_nullable: bool) -> bool {
    match node {
        Node::Empty | Node::Byte(_) | Node::Class(_) => false,
        Node::Atomic(_) | Node::Look { .. } | Node::BackReference { .. } => true,
        Node::Anchor(Anchor::EndOrFinalNewline) => true,
        Node::Anchor(Anchor::LineStart) => rest_nullable,
        Node::Anchor(_) => false,
        Node::Capture(_, node) => needs(node, rest_nullable),
        Node::Alternation(nodes) => nodes.iter().any(|node| needs(node, rest_nullable)),
        Node::Repeat { node, greed, .. } => *greed == Greed::Possessive || needs(node, rest_nullable),
        Node::Concat(nodes) => {
            let mut rest_nullable = rest_nullable;
            nodes.iter().rev().any(|node| {
                let needs = needs(node, rest_nullable);
                rest_nullable &= node.is_nullable();
                needs
            })
        }
    }
}

fn write(node: &Node, text: &mut String) {
    match node {
        Node::Empty => text.push_str("(?:)"),
        Node::Byte(byte) => text.push_str(&format!("\\x{byte:02x}")),
        Node::Class(set) => match set.ranges().as_slice() {
            [] => text.push_str("(?:(?!))"),
            ranges => {
                text.push('[');
                for (from, to) in ranges {
                    text.push_str(&format!("\\x{from:02x}-\\x{to:02x}"));
                }
                text.push(']');
            }
        },
        Node::Anchor(anchor) => text.push_str(match anchor {
            Anchor::Start => r"\A",
            Anchor::End => r"\z",
            Anchor::EndOrFinalNewline => r"(?=\x0a?\z)",
            Anchor::LineStart => r"(?:\A|(?<=\x0a)(?!\z))",
            Anchor::LineEnd => r"(?=\x0a|\z)",
            Anchor::WordBoundary => r"\b",
            Anchor::NoWordBoundary => r"\B",
        }),
        // fancy-regex 0.20 takes `(a+?)*` for `(a+?)?`, which an assertion that always holds prevents.
        Node::Capture(_, node) if matches!(**node, Node::Repeat { max: None, .. }) => {
            wrap("((?!(?!))", node, text);
        }
        Node::Capture(_, node) => wrap("(", node, text),
        Node::Concat(nodes) => nodes.iter().for_each(|node| write(node, text)),
        Node::Alternation(nodes) => {
            text.push_str("(?:");
            for (index, node) in nodes.iter().enumerate() {
                if index > 0 {
                    text.push('|');
                }
                write(node, text);
            }
            text.push(')');
        }
        Node::Repeat { node, min, max, greed } => {
            text.push_str(if *greed == Greed::Possessive { "(?>" } else { "" });
            match **node {
                Node::Byte(_) | Node::Class(_) | Node::Capture(..) | Node::Atomic(_) => write(node, text),
                _ => wrap("(?:", node, text),
            }
            match (min, max) {
                (0, None) => text.push('*'),
                (1, None) => text.push('+'),
                (0, Some(1)) => text.push('?'),
                (min, None) => text.push_str(&format!("{{{min},}}")),
                (min, Some(max)) => text.push_str(&format!("{{{min},{max}}}")),
            }
            text.push_str(match greed {
                Greed::Greedy => "",
                Greed::Lazy => "?",
                Greed::Possessive => ")",
            });
        }
        Node::Atomic(node) => wrap("(?>", node, text),
        Node::Look { behind: false, negative, node } => {
            wrap(if *negative { "(?!" } else { "(?=" }, node, text);
        }
        // Alternatives apart, so that each look-behind has one length: a step back, no search backwards.
        Node::Look { behind: true, negative: true, node } => {
            node.branches().iter().for_each(|branch| wrap("(?<!", branch, text));
        }
        Node::Look { behind: true, negative: false, node } => {
            text.push_str("(?:");
            for (index, branch) in node.branches().iter().enumerate() {
                text.push_str(if index > 0 { "|" } else { "" });
                wrap("(?<=", branch, text);
            }
            text.push(')');
        }
        Node::BackReference { group, ignore_case } => {
            text.push_str(&format!("(?{}:\\{group})", if *ignore_case { "i" } else { "" }));
        }
    }
}

fn wrap(opening: &str, node: &Node, text: &mut String) {
    text.push_str(opening);
    write(node, text);
    text.push(')');
}
