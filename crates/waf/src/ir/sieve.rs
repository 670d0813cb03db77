//! Which rules a value may match: one pass over its bytes, for all rules at once.
//!
//! Every sifted rule has a bit. A rule needs certain pairs of neighbouring bytes: of each of its two clauses at least one pair must occur.
//! Bytes are folded to classes, so a table of all pairs stays small. Invariant: a rule whose bit stays clear does not match.
//!
//! Values that nearly the same rules look at share a mesh, so that its rows are as narrow as they can be: a row is read for every byte.

use std::sync::Arc;

use portcullis_seclang::vocabulary::Variable;
use portcullis_transform::Transformation;

use super::{ByName, Echo, RuleId, automaton::Automaton, mark::Mark, phrases::Phrases};
use crate::{state::Value, variables::Meaning};

/// One mesh for each group of collections.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    /// No two sieves of a process have the same.
    pub(crate) generation: u64,
    pub(crate) meshes: Vec<AnyMesh>,
}

/// A mesh for up to 64 times its width bits.
#[derive(Debug)]
pub(crate) enum AnyMesh {
    W1(Box<Mesh<1>>),
    W2(Box<Mesh<2>>),
    W3(Box<Mesh<3>>),
    W4(Box<Mesh<4>>),
    W6(Box<Mesh<6>>),
    W8(Box<Mesh<8>>),
}

impl AnyMesh {
    /// By bit.
    pub(crate) fn rules(&self) -> &[Sifted] {
        match self {
            Self::W1(mesh) => &mesh.rules,
            Self::W2(mesh) => &mesh.rules,
            Self::W3(mesh) => &mesh.rules,
            Self::W4(mesh) => &mesh.rules,
            Self::W6(mesh) => &mesh.rules,
            Self::W8(mesh) => &mesh.rules,
        }
    }
}

/// Sets of classes that are kept of what a rule needs.
pub(crate) const NEEDS: usize = 3;

/// Words of the widest mesh.
pub(crate) const WIDEST: usize = 8;
/// Rules that a mesh can hold at most; further ones are evaluated always.
pub(crate) const MOST_RULES: usize = 64 * WIDEST - SIGN_BITS;

/// A set of sifted rules.
pub(crate) type Rules<const W: usize> = [u64; W];

/// Two rows of bits: pairs that the first and the second clause of a rule asks for. The last bits of the first are signs.
///
/// Aligned, so that a row is joined in memory, without a load of its own.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
pub(crate) struct Row<const W: usize>(pub(crate) [Rules<W>; 2]);

impl<const W: usize> Row<W> {
    pub(crate) const EMPTY: Self = Self([[0; W]; 2]);
}

/// A mesh of known width.
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
    /// Clauses that a blank next to any byte may fulfil.
    pub(crate) blank: Row<W>,
    /// Phrases that rules look for, and texts without which they do not match.
    pub(crate) phrases: Phrases<W>,
    /// Rules of the latter kind: where one of their texts stands they may match.
    pub(crate) literal: Rules<W>,
    /// Rules among them that match a value in which none is found. Their clauses are those of the phrases.
    pub(crate) inverted: Rules<W>,
    /// Rules that need a byte of a class, by class and need.
    pub(crate) content_with: Box<[[Rules<W>; NEEDS]; CLASSES]>,
    /// Rules that need no class.
    pub(crate) content: [Rules<W>; NEEDS],
    /// Rules that see the value in lower case.
    pub(crate) lowered: Rules<W>,
    /// Rules that see it as it came as well.
    pub(crate) unlowered: Rules<W>,
}

/// A link of a rule with a bit.
#[derive(Debug)]
pub(crate) struct Sifted {
    pub(crate) rule: RuleId,
    /// 0 is the head.
    pub(crate) link: usize,
    pub(crate) phase: u8,
    /// The rule's step of the phase's plan.
    pub(crate) step: u16,
    /// What is woken: the step, or a part of it.
    pub(crate) part: u16,
    /// Nodes at which it tests the value.
    pub(crate) nodes: Vec<u16>,
    /// These and those on the way to them, a bit each.
    pub(crate) path: Vec<u64>,
    /// Shortest value that can match, after transformations.
    pub(crate) shortest: usize,
    /// Sets of classes; one of each must occur. No bits if nothing is known.
    pub(crate) needs: [u64; NEEDS],
    /// `!@op`
    pub(crate) negated: bool,
    /// The operator's argument as the plan has it.
    pub(crate) argument: Option<Value>,
    /// If it matches for certain, these bits need not be looked for: what they would wake is skipped.
    pub(crate) spares: Vec<u16>,
    /// Asked instead of the operator: whether a match comes to anything.
    pub(crate) echo: Option<Arc<Echo>>,
    /// Is found just where the operator is; asked instead of it.
    pub(crate) automaton: Option<Arc<Automaton>>,
    /// Is found wherever the operator matches.
    pub(crate) rough: Option<Arc<Automaton>>,
    /// Stands in every value that matches.
    pub(crate) mark: Option<Mark>,
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
    /// Variables that its members belong to.
    pub(crate) reaches: &'static [Variable],
    /// Its values stay where they are until the phase ends.
    pub(crate) stays: bool,
    /// Many of its values are those of earlier requests.
    pub(crate) recurs: bool,
    /// Rules that look at members of any other name.
    pub(crate) others: Kind<W>,
    pub(crate) named: ByName<Kind<W>>,
}

impl<const W: usize> Source<W> {
    /// Rules that look at members of a name.
    pub(crate) fn kind(&self, name: &[u8]) -> &Kind<W> {
        self.named.find(name).unwrap_or(&self.others)
    }
}

/// Values that the same rules look at.
#[derive(Clone, Debug)]
pub(crate) struct Kind<const W: usize> {
    pub(crate) rules: Rules<W>,
    /// Rules that choose by a pattern over names which members they look at, or leave out.
    pub(crate) choosy: Rules<W>,
    /// What the transformations of these rules change, letter case apart.
    pub(crate) touched: Signs,
    /// What those of them change that may bring forth bytes of other classes, and rules that look at what comes of it.
    pub(crate) brings: Vec<(Signs, Rules<W>)>,
    /// What those of them change that may put bytes side by side that were apart, blanks aside, and rules that look at what comes of it.
    pub(crate) stirs: Vec<(Signs, Rules<W>)>,
    /// Rules that look at what comes of transformations which do so whatever shows.
    pub(crate) stirred: Rules<W>,
    /// Rules that decode the value: they see nothing then of one that does not decode ([`decodes`]).
    pub(crate) decoding: Rules<W>,
    /// Rules that see the value before it is decoded, if it is.
    pub(crate) plain: Rules<W>,
    /// Classes of what decodes; everything if there are no such rules.
    pub(crate) decoded: u64,
    /// Shortest value that they can match once it is decoded.
    pub(crate) decoded_from: usize,
    /// What transformations behind the decoding change.
    pub(crate) touched_decoded: Signs,
    /// What those of them change that may bring forth bytes of other classes.
    pub(crate) brings_decoded: Signs,
    /// The transformation that decodes.
    pub(crate) decoder: Option<&'static Transformation>,
    /// If all of these rules have phrases or literals, or are cheap to ask, and see no more changed than letter case: a long value is
    /// sooner searched than gone over. Without those of `marked`.
    pub(crate) searched: Option<Rules<W>>,
    /// Rules that see more changed. Where none of their marks stands, they do not match.
    pub(crate) marked: Vec<u16>,
    /// Bits that some values wake.
    pub(crate) usual: Vec<(&'static [u8], Vec<u16>)>,
}

/// One transformation of a chain.
#[derive(Debug)]
pub(crate) struct Node<const W: usize> {
    pub(crate) parent: usize,
    /// Absent in the first.
    pub(crate) transformation: Option<&'static Transformation>,
    pub(crate) change: Change,
    /// What a value shows that is not the same here; absent if it may change whatever it shows.
    pub(crate) touched: Option<Signs>,
    /// Rules that test the value as it is here.
    pub(crate) rules: Rules<W>,
    /// Those, and rules that test what becomes of it.
    pub(crate) below: Rules<W>,
}

/// What a transformation changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing, unless one of these signs shows.
    If(Signs),
    /// Letter case only.
    LowerCase,
    /// Letter case, and more if one of these signs shows.
    LowerCaseAnd(Signs),
    /// What holds a byte of another class than these becomes empty, but behind a NUL, which ends it; anything else something else.
    Decodes(u64),
    /// Anything.
    Any,
}

/// What a value shows: classes of bytes that occur, and pairs of neighbours that matter to transformations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signs {
    pub(crate) classes: u64,
    /// A bit for each line of [`SIGNS`].
    pub(crate) pairs: u16,
}

impl Signs {
    /// All of them, letter case apart.
    pub(crate) const ALL: Self = Self { classes: !UPPER, pairs: u16::MAX };
    /// Of a value that was not gone over: anything may be there.
    pub(crate) const UNKNOWN: Self = Self { classes: u64::MAX, pairs: u16::MAX };

    /// Whether one of `wanted` shows.
    pub(crate) const fn show(self, wanted: Self) -> bool {
        self.classes & wanted.classes != 0 || self.pairs & wanted.pairs != 0
    }

    /// Whether one of `wanted` shows, letter case apart.
    pub(crate) const fn show_folded(self, wanted: Self) -> bool {
        self.classes & wanted.classes & !UPPER != 0 || self.pairs & wanted.pairs != 0
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self { classes: self.classes | other.classes, pairs: self.pairs | other.pairs }
    }
}

/// Whether something may come of a value that is decoded.
pub(crate) const fn decodes(classes: u64, shown: Signs) -> bool {
    shown.classes & !classes & !UPPER == 0 || shown.classes & CONTROL != 0
}

const CONTROL: u64 = classes(b"\0");

/// Classes of bytes that an encoding in base64 is made of. Three bytes come of four of them.
pub(crate) const CODE: u64 = classes(b"abcdefghijklmnopqrstuvwxyz0+/=") | UPPER;

/// Pairs of neighbours without which a transformation changes nothing: of each any of the first before any of the second.
pub(crate) type Pairs = &'static [(u64, u64)];

const BLANK: u64 = classes(b" \n");
const EDGES: u64 = 1 << EDGE;

/// A sign by its number.
pub(crate) const SIGNS: [Pairs; 11] = [
    &[(classes(b"."), classes(b"/") | EDGES), (classes(b"/"), classes(b"/"))],
    &[(classes(b"%"), classes(b"0abcdefu"))],
    &[(classes(b"&"), classes(b"#qalgn"))],
    &[(classes(b"/"), classes(b"*"))],
    &[(classes(b"/"), classes(b"*")), (classes(b"*"), classes(b"/")), (classes(b"-"), classes(b"-"))],
    &[(BLANK, BLANK)],
    &[(EDGES, BLANK)],
    &[(BLANK, EDGES)],
    &[(classes(b" "), classes(b" /("))],
    &[(classes(b"0"), classes(b"x"))],
    &[(classes(b" \n,;+"), classes(b"/("))],
];
pub(crate) const SEGMENT: u16 = 1;
pub(crate) const ESCAPE: u16 = 1 << 1;
pub(crate) const ENTITY: u16 = 1 << 2;
pub(crate) const COMMENT: u16 = 1 << 3;
pub(crate) const COMMENT_MARK: u16 = 1 << 4;
pub(crate) const BLANKS: u16 = 1 << 5;
pub(crate) const BLANK_FIRST: u16 = 1 << 6;
pub(crate) const BLANK_LAST: u16 = 1 << 7;
pub(crate) const LOOSE_BLANK: u16 = 1 << 8;
pub(crate) const HEXADECIMAL: u16 = 1 << 9;
/// What becomes a blank, in front of what swallows one.
pub(crate) const LOOSE_MARK: u16 = 1 << 10;

/// Bits of a row that signs take.
pub(crate) const SIGN_BITS: usize = 16;
/// Where they begin in the last word of the first clause's row.
pub(crate) const SIGN_SHIFT: usize = 64 - SIGN_BITS;

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
