//! Patterns against PCRE2: those of rule sets over the values of their tests, and random ones over small alphabets.
//!
//! PCRE2 is called as ModSecurity v3 calls it (DOTALL|MULTILINE). The binding has no DOLLAR_ENDONLY, so that the single-line dialect is
//! compared over inputs without a final newline, where the option makes no difference.

#[path = "patterns/random.rs"]
mod random;
#[path = "patterns/rule_sets.rs"]
mod rule_sets;

use portcullis_waf::pattern::{Dialect, Pattern};

/// What both sides say to one input.
type Spans = Option<Vec<Option<(usize, usize)>>>;

/// One pattern in both engines. Two optimisations of PCRE2 are off, as they lose matches: with automatic possessive repeats `\S*\h` does not
/// find a no-break space, and the start optimisation of the bundled version misses `[^]a]?+a\H{2,}` in "ab\n" (10.42 finds it).
struct Pair {
    ours: Pattern,
    theirs: pcre2::bytes::Regex,
}

impl Pair {
    fn new(source: &str, multiline: bool) -> Result<Self, String> {
        let ours = Pattern::compile(source.as_bytes(), Dialect { multiline, ignore_case: false });
        let theirs = pcre2::bytes::RegexBuilder::new()
            .dotall(true)
            .multi_line(multiline)
            .jit_if_available(true)
            .build(&format!("(*NO_AUTO_POSSESS)(*NO_START_OPT){source}"));
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => Ok(Self { ours, theirs }),
            (Ok(_), Err(error)) => Err(format!("accepted, PCRE2 refuses: {error}")),
            (Err(error), Ok(_)) if error.message.contains("not supported") => Err("unsupported".to_owned()),
            (Err(error), Ok(_)) => Err(format!("refused: {error}")),
            (Err(_), Err(_)) => Err("both refuse".to_owned()),
        }
    }

    /// `None` when one of them hit its limit.
    fn spans(&self, input: &[u8]) -> Option<(Spans, Spans)> {
        let ours = self.ours.groups_at(input, 0).ok()?;
        let theirs = self.theirs.captures(input).ok()?;
        let ours = ours.map(|groups| {
            trimmed(groups.into_iter().map(|group| group.map(|range| (range.start, range.end))).collect())
        });
        let theirs = theirs.map(|captures| {
            let group = |index| captures.get(index).map(|group| (group.start(), group.end()));
            trimmed((0..captures.len()).map(group).collect())
        });
        Some((ours, theirs))
    }
}

/// Without the groups at the end that took no part: an automaton forgets a group that is repeated zero times.
fn trimmed(mut groups: Vec<Option<(usize, usize)>>) -> Vec<Option<(usize, usize)>> {
    while groups.last() == Some(&None) {
        groups.pop();
    }
    groups
}

/// xorshift64*: tests repeat themselves exactly.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).expect("31 bits") % sides
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}
