//! Which rules a value may match: one pass over its bytes, for all rules at once.
//!
//! Every sifted rule has a bit. A rule needs certain pairs of neighbouring bytes: of each of its two clauses at least one pair must occur.
//! Bytes are folded to classes, so a table of all pairs stays small. Invariant: a rule whose bit stays clear does not match.

use portcullis_transform::Transformation;
use regex_automata::dfa::dense;

use super::{ByName, RuleId, phrases::Phrases};
use crate::variables::Meaning;

/// A sieve for up to 64 times its width rules.
#[derive(Debug)]
pub(crate) enum Sieve {
    W1(Box<Mesh<1>>),
    W2(Box<Mesh<2>>),
    W3(Box<Mesh<3>>),
    W4(Box<Mesh<4>>),
    W6(Box<Mesh<6>>),
    W8(Box<Mesh<8>>),
}

/// Rules that a sieve can hold at most; further ones are evaluated always.
pub(crate) const MOST_RULES: usize = 512;

/// A set of sifted rules.
pub(crate) type Rules<const W: usize> = [u64; W];

/// Two rows of bits: pairs that the first and the second clause of a rule asks for.
pub(crate) type Row<const W: usize> = [Rules<W>; 2];

/// A sieve of known width.
#[derive(Debug)]
pub(crate) struct Mesh<const W: usize> {
    /// By bit.
    pub(crate) rules: Vec<Sifted>,
    pub(crate) sources: Vec<Source<W>>,
    /// Chains of transformations as a tree, parents first; the first is the value as it came.
    pub(crate) nodes: Vec<Node<W>>,
    /// By pair of classes.
    pub(crate) table: Box<[Row<W>; PAIRS]>,
    /// Clauses that rules do not have.
    pub(crate) absent: Row<W>,
    /// Phrases that rules look for.
    pub(crate) phrases: Phrases<W>,
    /// Rules that see the value in lower case.
    pub(crate) lowered: Rules<W>,
    /// Rules that see it as it came as well.
    pub(crate) unlowered: Rules<W>,
}

/// A rule with a bit.
#[derive(Debug)]
pub(crate) struct Sifted {
    pub(crate) rule: RuleId,
    pub(crate) phase: u8,
    /// Step of the phase's plan.
    pub(crate) step: u16,
    /// Nodes at which it tests the value.
    pub(crate) nodes: Vec<u16>,
    /// Shortest value that can match, after transformations.
    pub(crate) shortest: usize,
    /// `!@op`
    pub(crate) negated: bool,
    /// Is found just where the operator is; asked instead of it.
    pub(crate) automaton: Option<dense::DFA<Vec<u32>>>,
}

/// When values are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// With the head of the request or answer.
    Head,
    /// With its body.
    Body,
}

/// A collection of values.
#[derive(Debug)]
pub(crate) struct Source<const W: usize> {
    pub(crate) when: When,
    pub(crate) meaning: Meaning,
    /// Rules that look at members of any other name.
    pub(crate) others: Kind<W>,
    pub(crate) named: ByName<Kind<W>>,
}

/// Values that the same rules look at.
#[derive(Clone, Debug)]
pub(crate) struct Kind<const W: usize> {
    pub(crate) rules: Rules<W>,
    /// Classes of bytes that the transformations of these rules change, letter case apart.
    pub(crate) touched: u64,
    /// Rules that decode the value: they see nothing then of one that holds a byte of another class than `decoded`.
    pub(crate) decoding: Rules<W>,
    /// Rules that see the value before it is decoded, if it is.
    pub(crate) plain: Rules<W>,
    /// See there; everything if there are no such rules.
    pub(crate) decoded: u64,
    /// Nodes that these rules need, parents first, without the first.
    pub(crate) nodes: Vec<u16>,
}

/// One transformation of a chain.
#[derive(Debug)]
pub(crate) struct Node<const W: usize> {
    pub(crate) parent: usize,
    /// Absent in the first.
    pub(crate) transformation: Option<&'static Transformation>,
    pub(crate) change: Change,
    /// Classes without which a value stays as it is here; no bits if it may change whatever it holds.
    pub(crate) touched: Option<u64>,
    /// Rules that test the value as it is here.
    pub(crate) rules: Rules<W>,
}

/// What a transformation changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing, unless a byte of one of these classes is there.
    Classes(u64),
    /// Letter case only.
    LowerCase,
    /// Letter case, and more if a byte of one of these classes is there.
    LowerCaseAnd(u64),
    /// What holds a byte of another class than these becomes empty, anything else something else.
    Decodes(u64),
    /// Anything.
    Any,
}

/// Classes of bytes: letters by themselves, case folded; punctuation by itself; digits, white space, control bytes, bytes beyond ASCII.
pub(crate) const CLASSES: usize = 64;
/// Pairs of classes.
pub(crate) const PAIRS: usize = CLASSES * CLASSES;
/// The class that stands before the first and behind the last byte of a value. In a set of classes that occur it means an upper case letter.
pub(crate) const EDGE: u8 = 63;
/// An upper case letter occurs.
pub(crate) const UPPER: u64 = 1 << EDGE;

/// The class of a byte.
pub(crate) const fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - b'a',
        b'A'..=b'Z' => byte - b'A',
        b'0'..=b'9' => 26,
        0x21..=0x2f => 27 + (byte - 0x21),
        0x3a..=0x40 => 42 + (byte - 0x3a),
        0x5b..=0x60 => 49 + (byte - 0x5b),
        0x7b..=0x7e => 55 + (byte - 0x7b),
        b' ' => 59,
        0x09..=0x0d => 60,
        0x80.. => 62,
        _ => 61,
    }
}

/// Classes of some bytes.
pub(crate) const fn classes(bytes: &[u8]) -> u64 {
    let mut set = 0;
    let mut rest = bytes;
    while let [byte, behind @ ..] = rest {
        set |= 1 << class(*byte);
        rest = behind;
    }
    set
}
