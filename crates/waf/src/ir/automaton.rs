//! A deterministic automaton that says whether an expression is found.

use regex_automata::{
    Anchored, Input,
    dfa::{Automaton as _, StartKind, dense},
    nfa::thompson,
};
use regex_syntax::hir::{Hir, Look};

/// Most states of the nondeterministic automaton from which it is built: more take long, and do not fit.
const MOST_STATES: usize = 1_500;

/// One that was built whole.
#[derive(Debug)]
pub(crate) struct Automaton {
    dfa: dense::DFA<Vec<u32>>,
    /// Of an expression that is found at the beginning or not at all: most values are given up after some bytes.
    anchored: Anchored,
}

impl Automaton {
    /// Of an expression, if it takes no more than so many bytes.
    pub(crate) fn new(hir: &Hir, largest: usize) -> Option<Self> {
        let config = thompson::Config::new()
            .utf8(false)
            .which_captures(thompson::WhichCaptures::None)
            .nfa_size_limit(Some(1 << 20));
        let nfa = thompson::Compiler::new().configure(config).build_from_hir(hir).ok()?;
        if nfa.states().len() > MOST_STATES {
            return None;
        }
        let at_start = hir.properties().look_set_prefix().contains(Look::Start);
        let (anchored, start) = if at_start {
            (Anchored::Yes, StartKind::Anchored)
        } else {
            (Anchored::No, StartKind::Unanchored)
        };
        // The fewer states, the less of the cache they take from each other: attacks go through many automata.
        let config = dense::Config::new()
            .start_kind(start)
            .accelerate(false)
            .minimize(true)
            .dfa_size_limit(Some(largest))
            .determinize_size_limit(Some(2 * largest));
        let dfa = dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()?;
        Some(Self { dfa, anchored })
    }

    /// Whether the expression is found; nothing if the automaton cannot tell.
    pub(crate) fn finds(&self, value: &[u8]) -> Option<bool> {
        let input = Input::new(value).anchored(self.anchored).earliest(true);
        self.dfa.try_search_fwd(&input).ok().map(|found| found.is_some())
    }

    /// Whether it looks at the beginning of a value alone.
    pub(crate) fn is_anchored(&self) -> bool {
        self.anchored == Anchored::Yes
    }

    /// Bytes that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.dfa.memory_usage()
    }
}

#[cfg(test)]
mod tests {
    use regex_automata::meta;

    use super::*;
    use crate::pattern::{Dialect, Pattern};

    #[test]
    fn it_finds_what_the_expression_is_found_in() {
        for (pattern, anchored) in [
            ("^ab+c", true),
            ("^(?:ab|c)$", true),
            ("(?:^a|b)", false),
            ("(?m)^b", false),
            ("b.c", false),
            ("^$", true),
            ("a$", false),
        ] {
            let pattern = Pattern::compile(pattern.as_bytes(), Dialect::default()).unwrap();
            let hir = pattern.superset().unwrap();
            let automaton = Automaton::new(&hir, 1 << 16).unwrap();
            assert_eq!(automaton.is_anchored(), anchored, "{hir:?}");
            let regex = meta::Builder::new().build_from_hir(&hir).unwrap();
            for value in ["", "a", "b", "c", "abc", "abbc", "xabc", "ab", "a\nb", "bxc", "ba", "\n"] {
                let found = automaton.finds(value.as_bytes());
                assert_eq!(found, Some(regex.is_match(value)), "{hir:?} {value:?}");
            }
        }
    }
}
