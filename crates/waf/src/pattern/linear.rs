//! From a parsed pattern to an automaton that searches in linear time.
//!
//! Constructs an automaton cannot do are widened (an assertion holds, a back reference matches anything), so that the automaton of such
//! a pattern finds at least every match: the filter before the backtracking engine.

use regex_automata::meta;
use regex_syntax::hir::{Capture, Class, ClassBytes, ClassBytesRange, Dot, Hir, HirKind, Look, Repetition};

use super::{
    PatternError,
    tree::{Anchor, Greed, Node},
};

pub(super) fn build(node: &Node, largest: usize) -> Result<meta::Regex, PatternError> {
    let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(largest));
    meta::Regex::builder().configure(config).build_from_hir(&lower(node)).map_err(|error| {
        let message = match error.size_limit() {
            Some(limit) => format!("pattern whose automaton exceeds {limit} bytes"),
            None => format!("pattern that cannot be compiled: {error}"),
        };
        PatternError::new(0, message).help("lower its repeat counts, or split the rule")
    })
}

pub(super) fn lower(node: &Node) -> Hir {
    match node {
        Node::Empty | Node::Look { .. } => Hir::empty(),
        Node::Byte(byte) => Hir::literal([*byte]),
        Node::Class(set) => {
            let ranges = set.ranges().into_iter().map(|(from, to)| ClassBytesRange::new(from, to));
            Hir::class(Class::Bytes(ClassBytes::new(ranges)))
        }
        Node::Anchor(anchor) => match anchor {
            Anchor::Start => Hir::look(Look::Start),
            Anchor::End => Hir::look(Look::End),
            Anchor::EndOrFinalNewline => Hir::empty(),
            Anchor::LineStart => Hir::look(Look::StartLF),
            Anchor::LineEnd => Hir::look(Look::EndLF),
            Anchor::WordBoundary => Hir::look(Look::WordAscii),
            Anchor::NoWordBoundary => Hir::look(Look::WordAsciiNegate),
        },
        Node::Capture(index, node) => {
            Hir::capture(Capture { index: *index, name: None, sub: Box::new(lower(node)) })
        }
        Node::Concat(nodes) => Hir::concat(nodes.iter().map(lower).collect()),
        Node::Alternation(nodes) => alternation(nodes.iter().map(lower).collect()),
        Node::Repeat { node, min, max, greed } => Hir::repetition(Repetition {
            min: *min,
            max: *max,
            greedy: *greed != Greed::Lazy,
            sub: Box::new(lower(node)),
        }),
        Node::Atomic(node) => lower(node),
        Node::BackReference { .. } => Hir::repetition(Repetition {
            min: 0,
            max: None,
            greedy: true,
            sub: Box::new(Hir::dot(Dot::AnyByte)),
        }),
    }
}

/// `Hir::alternation` turns `x+a|x+b` into `x+(?:a|b)`, which prefers another match when `x+` can end at several places. A first branch
/// that begins with a condition that always holds shares no prefix, and all keep their order.
fn alternation(mut branches: Vec<Hir>) -> Hir {
    if shares_variable_prefix(&branches)
        && let Some(first) = branches.first_mut()
    {
        let always = Hir::alternation(vec![Hir::look(Look::Start), Hir::empty()]);
        *first = Hir::concat(vec![always, std::mem::replace(first, Hir::empty())]);
    }
    Hir::alternation(branches)
}

fn shares_variable_prefix(branches: &[Hir]) -> bool {
    let mut heads = branches.iter().map(|branch| match branch.kind() {
        HirKind::Concat(items) => items.first(),
        _ => None,
    });
    let Some(Some(first)) = heads.next() else { return false };
    let mut variable = false;
    for branch in branches {
        let HirKind::Concat(items) = branch.kind() else { return false };
        variable |=
            items.iter().any(|item| item.properties().minimum_len() != item.properties().maximum_len());
    }
    variable && heads.all(|head| head == Some(first))
}
