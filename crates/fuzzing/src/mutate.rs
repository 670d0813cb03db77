//! Deterministic mutations: what a fuzzer without feedback tries. The same case gives the same bytes on every machine.

use crate::Target;

/// Longest mutation in bytes.
const LONGEST: usize = 4096;

/// The mutation with this number, made of the target's seeds and pieces.
#[must_use]
pub fn mutation(target: &Target, case: u64) -> Vec<u8> {
    let mut random = Random(case.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut input = random.one_of(target.seeds).to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(input.len() + 1);
        let end = (at + random.below(12)).min(input.len());
        match random.below(8) {
            0 => input.truncate(at.max(1)),
            1 => drop(input.drain(at..end)),
            2 => {
                let from = random.below(input.len() + 1);
                let copy = input[from..(from + random.below(60)).min(input.len())].to_vec();
                drop(input.splice(at..at, copy));
            }
            3 => {
                // The head of one seed and the tail of another.
                let other = random.one_of(target.seeds);
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            4 => {
                let byte = random.byte();
                if let Some(place) = input.get_mut(at) {
                    *place = byte;
                }
            }
            5 => {
                let piece = random.one_of(target.pieces).repeat(random.below(40) + 1);
                drop(input.splice(at..at, piece));
            }
            _ => drop(input.splice(at..end, random.one_of(target.pieces).iter().copied())),
        }
    }
    input.truncate(LONGEST);
    input
}

/// xorshift64*: it needs no crate and gives the same numbers for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn one_of(&mut self, all: &[&'static [u8]]) -> &'static [u8] {
        all.get(self.below(all.len())).copied().unwrap_or_default()
    }
}
