//! From a parsed pattern to an automaton that searches in linear time.
//!
//! Constructs an automaton cannot do are widened (an assertion holds, a back reference matches anything), so that the automaton of such
//! a pattern finds at least every match: the filter before the backtracking engine.

use regex_automata::{
    dfa::{StartKind, dense},
    meta,
    nfa::thompson,
};
use regex_syntax::hir::{Capture, Class, ClassBytes, ClassBytesRange, Dot, Hir, HirKind, Look, Repetition};

use super::{
    PatternError,
    tree::{Anchor, ByteSet, Greed, Node},
};

/// Longest pattern in bytes for which a whole automaton may be built ahead: longer ones seldom fit, and trying takes time.
pub(super) const LONGEST_QUICK: usize = 96;
/// Largest such automaton in bytes.
const LARGEST_QUICK: usize = 16 << 10;

/// Whether the pattern is `^.*$`.
pub(super) fn is_whole(node: &Node) -> bool {
    let Node::Concat(nodes) = node else { return false };
    let [
        Node::Anchor(Anchor::Start),
        Node::Repeat { node, min: 0, max: None, greed },
        Node::Anchor(Anchor::End),
    ] = nodes.as_slice()
    else {
        return false;
    };
    *greed != Greed::Possessive && **node == Node::Class(ByteSet::ALL)
}

/// An automaton that only says whether the pattern is found, if that is a small one.
pub(super) fn quick(node: &Node) -> Option<dense::DFA<Vec<u32>>> {
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(thompson::WhichCaptures::None)
        .nfa_size_limit(Some(LARGEST_QUICK));
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(&lower(node)).ok()?;
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .accelerate(false)
        .dfa_size_limit(Some(LARGEST_QUICK))
        .determinize_size_limit(Some(2 * LARGEST_QUICK));
    dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()
}

/// Bytes that the automaton of a node takes at most while it is built. What takes no more than a limit allows cannot exceed it.
pub(super) fn at_most(node: &Node) -> usize {
    // An automaton has some more of them that no node stands for.
    states(node).saturating_add(8 * STATE)
}

/// Room of some states of an automaton that is being built: rather too much than too little.
const STATE: usize = 128;
/// The same of a range of bytes.
const RANGE: usize = 8;

fn states(node: &Node) -> usize {
    let all = |nodes: &[Node]| nodes.iter().map(states).fold(STATE, usize::saturating_add);
    match node {
        Node::Empty | Node::Byte(_) | Node::Anchor(_) => STATE,
        Node::Class(set) => STATE + RANGE * set.ranges().len(),
        Node::Concat(nodes) => all(nodes),
        // Each branch may begin with a condition that always holds.
        Node::Alternation(nodes) => all(nodes).saturating_add(2 * STATE * nodes.len()),
        Node::Repeat { node, min, max, .. } => {
            let rounds = usize::try_from(max.unwrap_or(*min)).unwrap_or(usize::MAX).max(1);
            states(node).saturating_add(STATE).saturating_mul(rounds).saturating_add(STATE)
        }
        Node::Capture(_, node) | Node::Atomic(node) | Node::Look { node, .. } => {
            states(node).saturating_add(STATE)
        }
        Node::BackReference { .. } => 2 * STATE,
    }
}

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
