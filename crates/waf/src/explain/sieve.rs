//! What a sieve knows of a rule, put into words: clauses are read back out of its table.

use std::sync::Arc;

use super::{Clause, Confirmation, Sifted};
use crate::ir::{
    Rule, RuleId, Sieve,
    automaton::Automaton,
    sieve::{AnyMesh, CLASSES, EDGE, Mesh, SIGN_BITS, Sifted as Known, class},
};

/// Groups of pairs that are shown of one clause.
const SHOWN: usize = 24;

/// Calls a function on a mesh, whatever its width.
macro_rules! with_mesh {
    ($any:expr, $mesh:ident => $do:expr) => {
        match $any {
            AnyMesh::W1($mesh) => $do,
            AnyMesh::W2($mesh) => $do,
            AnyMesh::W3($mesh) => $do,
            AnyMesh::W4($mesh) => $do,
            AnyMesh::W6($mesh) => $do,
            AnyMesh::W8($mesh) => $do,
        }
    };
}

/// Sizes of a sieve.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    pub(super) rules: usize,
    pub(super) width: usize,
    pub(super) sources: usize,
    pub(super) nodes: usize,
    pub(super) automata: usize,
    pub(super) automata_bytes: usize,
    pub(super) table_bytes: usize,
    pub(super) phrase_bytes: usize,
}

impl Sieve {
    /// What each mesh that knows a link of the rule knows of it.
    pub(super) fn explained(&self, name: &'static str, rule: RuleId, compiled: &Rule) -> Vec<Sifted> {
        let meshes = self.meshes.iter().enumerate();
        meshes
            .flat_map(|(at, any)| with_mesh!(any, mesh => mesh.explained((name, at), rule, compiled)))
            .collect()
    }

    /// Of each mesh. `automata` are those that were counted already: meshes share them.
    pub(super) fn sizes(&self, automata: &mut Vec<usize>) -> Vec<Sizes> {
        self.meshes.iter().map(|any| with_mesh!(any, mesh => mesh.sizes(automata))).collect()
    }
}

impl<const W: usize> Mesh<W> {
    fn explained(&self, (sieve, mesh): (&'static str, usize), rule: RuleId, compiled: &Rule) -> Vec<Sifted> {
        let known = self.rules.iter().enumerate().filter(|(_, sifted)| sifted.rule == rule);
        known.filter_map(|(bit, sifted)| self.one((sieve, mesh), bit, sifted, compiled)).collect()
    }

    fn one(
        &self,
        (sieve, mesh): (&'static str, usize),
        bit: usize,
        sifted: &Known,
        compiled: &Rule,
    ) -> Option<Sifted> {
        let test = compiled.links.get(sifted.link)?.test.as_ref();
        let has = |rules: &[u64; W]| rules.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1);
        let phrases = test.filter(|_| has(&self.phrases.rules)).and_then(|test| test.operate.phrases());
        Some(Sifted {
            sieve,
            mesh,
            bit,
            link: sifted.link,
            shortest: sifted.shortest,
            clauses: (0..2).map(|at| clause(&self.follows(bit, at))).collect(),
            phrases: phrases.map_or(0, <[_]>::len),
            lacks_phrases: has(&self.inverted),
            literals: if has(&self.literal) { self.phrases.texts_of(bit) } else { Vec::new() },
            confirmed_by: match (&sifted.automaton, &sifted.rough) {
                _ if phrases.is_some() => Confirmation::Phrases,
                _ if sifted.echo.is_some() => Confirmation::Echo,
                (Some(automaton), _) => Confirmation::Automaton(automaton.memory()),
                (None, Some(rough)) => Confirmation::Beginning(rough.memory()),
                (None, None) => Confirmation::Operator,
            },
            chains: sifted.nodes.iter().map(|node| self.chain(usize::from(*node))).collect(),
        })
    }

    /// For each first class the second ones of a clause; nothing at all if every value passes.
    fn follows(&self, bit: usize, clause: usize) -> [u64; CLASSES] {
        let mut follows = [0; CLASSES];
        for (place, row) in self.table.iter().enumerate() {
            let has = row
                .0
                .get(clause)
                .and_then(|row| row.get(bit / 64))
                .is_some_and(|word| word >> (bit % 64) & 1 == 1);
            if let (true, Some(seconds)) = (has, follows.get_mut(place / CLASSES)) {
                *seconds |= 1 << (place % CLASSES);
            }
        }
        follows
    }

    fn chain(&self, mut at: usize) -> String {
        let mut names = Vec::new();
        while let Some(node) = self.nodes.get(at)
            && let Some(transformation) = node.transformation
        {
            names.push(transformation.name);
            at = node.parent;
        }
        names.reverse();
        if names.is_empty() { "as it came".to_owned() } else { names.join(", ") }
    }

    fn sizes(&self, counted: &mut Vec<usize>) -> Sizes {
        let automata = || self.rules.iter().flat_map(|sifted| sifted.automaton.iter().chain(&sifted.rough));
        let mut is_new = |automaton: &&Arc<Automaton>| {
            let place = Arc::as_ptr(automaton).addr();
            let is_new = !counted.contains(&place);
            counted.extend(is_new.then_some(place));
            is_new
        };
        Sizes {
            rules: self.rules.len(),
            width: 64 * W - SIGN_BITS,
            sources: self.sources.len(),
            nodes: self.nodes.len(),
            automata: automata().count(),
            automata_bytes: automata().filter(&mut is_new).map(|automaton| automaton.memory()).sum(),
            table_bytes: size_of_val(&*self.table),
            phrase_bytes: self.phrases.memory(),
        }
    }
}

fn clause(follows: &[u64; CLASSES]) -> Clause {
    let pairs = follows.iter().map(|seconds| seconds.count_ones() as usize).sum();
    // First classes with the same second ones are shown together.
    let mut groups: Vec<(u64, u64)> = Vec::new();
    for (first, seconds) in follows.iter().enumerate().filter(|(_, seconds)| **seconds != 0) {
        match groups.iter_mut().find(|(_, known)| known == seconds) {
            Some((firsts, _)) => *firsts |= 1 << first,
            None => groups.push((1 << first, *seconds)),
        }
    }
    let mut shown: Vec<String> = groups
        .iter()
        .take(SHOWN)
        .map(|(firsts, seconds)| format!("{}{}", set(*firsts, '^'), set(*seconds, '$')))
        .collect();
    if groups.len() > SHOWN {
        shown.push(format!("and {} more", groups.len() - SHOWN));
    }
    Clause { pairs, shown }
}

/// A set of classes in brackets, `edge` standing for the end of the value.
fn set(classes: u64, edge: char) -> String {
    let mut text = String::from("[");
    let mut letters: Vec<char> = Vec::new();
    for byte in b'!'..=b'~' {
        let lower = byte.to_ascii_lowercase();
        if lower == byte && !byte.is_ascii_digit() && classes >> class(byte) & 1 == 1 {
            letters.push(char::from(byte));
        }
    }
    const EVERY_LETTER: u64 = (1 << 26) - 1;
    if classes & EVERY_LETTER == EVERY_LETTER {
        letters.retain(|letter| !letter.is_ascii_lowercase());
        text.push_str("a-z");
    }
    text.extend(letters);
    for (byte, name) in [(b'0', "0-9"), (b' ', " "), (b'\n', r"\s"), (0, r"\x00-\x1f"), (0x80, r"\x80-\xff")]
    {
        if classes >> class(byte) & 1 == 1 {
            text.push_str(name);
        }
    }
    if classes >> EDGE & 1 == 1 {
        text.push(edge);
    }
    text.push(']');
    text
}
