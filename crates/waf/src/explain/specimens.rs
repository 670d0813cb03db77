//! Values made to measure: what the patterns of a program match, nearly match, and search longest in vain.
//!
//! For tests that compare engines and for benches that look for the worst case: whoever knows the rules, as every attacker does, can
//! make them.

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use crate::ir::Program;

/// A value for one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specimen {
    /// `id` of the rule.
    pub rule: u64,
    /// How it was made.
    pub make: Make,
    /// The value as the operator is to see it, transformations done.
    pub value: Vec<u8>,
}

/// How a specimen was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// A text that the pattern is found in, up to what stands around it.
    Fragment,
    /// What may stand in front of a repetition, then the repetition, on and on.
    Run,
}

/// Bytes of a fragment, and of what stands in front of a run.
const FRAGMENT: usize = 256;
/// Runs that are made for one rule.
const RUNS: usize = 48;
/// A repetition that goes on for longer than this can be made to run.
const LONG: u32 = 16;

impl Program {
    /// `fragments` texts for each pattern and phrase list of the program, and a run of `length` bytes for each of their repetitions. The
    /// same for the same `seed`.
    #[must_use]
    pub fn specimens(&self, seed: u64, fragments: usize, length: usize) -> Vec<Specimen> {
        let mut random = Random(seed | 1);
        let mut specimens = Vec::new();
        for rule in &self.rules {
            let tests = rule.links.iter().filter_map(|link| link.test.as_ref());
            for test in tests.filter(|test| test.argument.is_none()) {
                let mut add = |make, value| specimens.push(Specimen { rule: rule.id, make, value });
                if let Some(phrases) = test.operate.phrases() {
                    for _ in 0..fragments {
                        add(
                            Make::Fragment,
                            random.pick(phrases).map_or(Vec::new(), |phrase| phrase.to_vec()),
                        );
                    }
                    continue;
                }
                let Some(superset) = test.operate.superset() else { continue };
                for _ in 0..fragments {
                    let mut value = Vec::new();
                    random.text(&superset.hir, &mut value);
                    add(Make::Fragment, value);
                }
                let mut runs = Vec::new();
                random.runs(&superset.hir, &mut Vec::new(), length, &mut runs);
                runs.into_iter().for_each(|value| add(Make::Run, value));
            }
        }
        specimens
    }
}

/// Marsaglia's xorshift with 64 bits.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0).checked_rem(bound).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// Adds a text of an expression.
    fn text(&mut self, hir: &Hir, out: &mut Vec<u8>) {
        if out.len() >= FRAGMENT {
            return;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Unicode(_)) => {}
            HirKind::Literal(literal) => out.extend_from_slice(&literal.0),
            HirKind::Class(Class::Bytes(class)) => out.extend(self.byte(class.ranges())),
            HirKind::Capture(capture) => self.text(&capture.sub, out),
            HirKind::Concat(items) => items.iter().for_each(|item| self.text(item, out)),
            HirKind::Alternation(branches) => {
                if let Some(branch) = self.pick(branches) {
                    self.text(branch, out);
                }
            }
            HirKind::Repetition(repetition) => {
                let times = self.times(repetition);
                (0..times).for_each(|_| self.text(&repetition.sub, out));
            }
        }
    }

    /// Few times more than needed.
    fn times(&mut self, repetition: &Repetition) -> u32 {
        let more = u32::try_from(self.below(3)).unwrap_or(0);
        let times = repetition.min.saturating_add(more);
        repetition.max.map_or(times, |most| times.min(most))
    }

    /// A byte of a class, one that can be seen if there is one.
    fn byte(&mut self, ranges: &[regex_syntax::hir::ClassBytesRange]) -> Option<u8> {
        let bytes: Vec<u8> = ranges.iter().flat_map(|range| range.start()..=range.end()).collect();
        let visible: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_graphic).collect();
        let any = visible.is_empty() || self.below(8) == 0;
        self.pick(if any { &bytes } else { &visible }).copied()
    }

    /// Adds a run for every long repetition below `hir`, `front` being what stands in front of it; leaves behind it a text of it.
    fn runs(&mut self, hir: &Hir, front: &mut Vec<u8>, length: usize, out: &mut Vec<Vec<u8>>) {
        match hir.kind() {
            HirKind::Capture(capture) => self.runs(&capture.sub, front, length, out),
            HirKind::Concat(items) => items.iter().for_each(|item| self.runs(item, front, length, out)),
            HirKind::Alternation(branches) => {
                let begin = front.len();
                for branch in branches {
                    front.truncate(begin);
                    self.runs(branch, front, length, out);
                }
            }
            HirKind::Repetition(repetition) => {
                if repetition.max.is_none_or(|most| most > LONG) && out.len() < RUNS {
                    out.push(self.run(&repetition.sub, front, length));
                }
                self.runs(&repetition.sub, front, length, out);
            }
            _ => self.text(hir, front),
        }
        front.truncate(FRAGMENT);
    }

    fn run(&mut self, repeated: &Hir, front: &[u8], length: usize) -> Vec<u8> {
        let mut value = front.to_vec();
        while value.len() < length {
            let mut once = Vec::new();
            self.text(repeated, &mut once);
            if once.is_empty() {
                break;
            }
            value.extend(once);
        }
        value.truncate(length);
        value
    }
}

#[cfg(test)]
mod tests {
    use portcullis_diag::Sources;
    use portcullis_seclang::MemoryLoader;

    use super::*;

    #[test]
    fn fragments_match_and_runs_run() {
        let rules = "SecRule ARGS \"@rx (?i)un(?:ion|a+b)\\s*sel[a-f]{2,}!\" \"id:1,phase:2,pass\"\n\
            SecRule ARGS \"@pm nikto sqlmap\" \"id:2,phase:2,pass\"\n";
        let (mut sources, loader) = (Sources::new(), MemoryLoader::new());
        let parsed = portcullis_seclang::parse("test.conf", rules.as_bytes(), &loader, &mut sources);
        let program = crate::compile(&parsed.document, &sources, &loader).program.unwrap();
        let specimens = program.specimens(1, 50, 400);
        assert_eq!(specimens, program.specimens(1, 50, 400));
        for specimen in specimens.iter().filter(|specimen| specimen.make == Make::Fragment) {
            let rule = program.rules().iter().find(|rule| rule.id == specimen.rule).unwrap();
            let operate = &rule.links[0].test.as_ref().unwrap().operate;
            let matches = operate.evaluate(&specimen.value, None, false, &mut Default::default());
            assert!(matches, "{}: {}", specimen.rule, specimen.value.escape_ascii());
        }
        let runs: Vec<_> = specimens.iter().filter(|specimen| specimen.make == Make::Run).collect();
        assert_eq!(runs.len(), 3, "a+, \\s*, [a-f]{{2,}}");
        assert!(runs.iter().all(|run| run.value.len() == 400));
    }
}
