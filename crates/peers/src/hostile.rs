//! Requests that cost an engine as much as they can, made from the very rules it runs: what a stranger who has read them would send.
//!
//! Everything comes from one seed. A family is a way to be expensive; its requests are told apart by a number.

mod bodies;
mod values;

use portcullis_waf::{
    Program,
    explain::{Make, Specimen},
};

use crate::driver::Request;

/// Bytes of a value, where a family is about one value.
pub const VALUE: usize = 4096;

/// A request that is meant to be expensive.
#[derive(Clone, Debug)]
pub struct Attack {
    /// The way in which it is.
    pub family: &'static str,
    /// What it was made of, for whoever wants to know why it was expensive.
    pub made_of: String,
    /// Whether all of it is one value of [`VALUE`] bytes, fields that every request has not counted.
    pub one_value: bool,
    /// The request.
    pub request: Request,
}

impl Attack {
    /// Bytes of target, fields and body.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let fields = self.request.headers.iter().map(|(name, value)| name.len() + value.len());
        self.request.target.len() + fields.sum::<usize>() + self.request.body.len()
    }
}

/// All families against a program.
#[must_use]
pub fn attacks(program: &Program, seed: u64) -> Vec<Attack> {
    let specimens = program.specimens(seed, 8, VALUE);
    let of = |make: Make| specimens.iter().filter(move |specimen| specimen.make == make);
    let fragments: Vec<&Specimen> = of(Make::Fragment).collect();
    let mut makers = Makers { fragments, sequence: Sequence(seed | 1) };
    let mut attacks = Vec::new();
    for (number, run) in of(Make::Run).enumerate() {
        attacks.push(posted("runs", number, format!("rule {}", run.rule), &run.value));
    }
    values::add(&mut makers, &mut attacks);
    bodies::add(&mut makers, &mut attacks);
    attacks
}

/// What attacks are made of.
struct Makers<'a> {
    fragments: Vec<&'a Specimen>,
    sequence: Sequence,
}

impl Makers<'_> {
    /// Fragments of random rules, one after the other, something harmless in between.
    fn fragments(&mut self, length: usize, between: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        while value.len() < length {
            match self.fragment() {
                [] => value.push(b'a'),
                fragment => value.extend_from_slice(fragment),
            }
            value.extend_from_slice(between);
        }
        value.truncate(length);
        value
    }

    fn fragment(&mut self) -> &[u8] {
        let at = self.sequence.below(self.fragments.len());
        self.fragments.get(at).map_or(&[], |specimen| &specimen.value)
    }
}

/// Marsaglia's xorshift with 64 bits.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0).checked_rem(bound).unwrap_or(0)
    }

    fn of(&mut self, alphabet: &[u8], length: usize) -> Vec<u8> {
        (0..length).filter_map(|_| alphabet.get(self.below(alphabet.len())).copied()).collect()
    }
}

/// One value in a form.
fn posted(family: &'static str, number: usize, made_of: String, value: &[u8]) -> Attack {
    let mut body = b"a=".to_vec();
    for byte in value {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' | b'(' | b')' | b'\'' => {
                body.push(*byte);
            }
            b' ' => body.push(b'+'),
            _ => body.extend_from_slice(format!("%{byte:02x}").as_bytes()),
        }
    }
    Attack { one_value: value.len() == VALUE, ..form(family, number, made_of, body) }
}

fn form(family: &'static str, number: usize, made_of: String, body: Vec<u8>) -> Attack {
    sent(family, number, made_of, "application/x-www-form-urlencoded", body)
}

fn sent(family: &'static str, number: usize, made_of: String, content_type: &str, body: Vec<u8>) -> Attack {
    let fields = vec![
        (b"Host".to_vec(), b"www.example.com".to_vec()),
        (b"User-Agent".to_vec(), b"acme-client/2.4.1".to_vec()),
        (b"Accept".to_vec(), b"*/*".to_vec()),
        (b"Content-Type".to_vec(), content_type.as_bytes().to_vec()),
        (b"Content-Length".to_vec(), body.len().to_string().into_bytes()),
    ];
    let request = Request::plain(&format!("{family}-{number}"), "POST", b"/post", fields, body);
    Attack { family, made_of, one_value: false, request }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ours;

    #[test]
    fn attacks_come_from_the_rules_and_are_the_same_every_time() {
        let directory = tempfile::tempdir().unwrap();
        let rules = directory.path().join("rules.conf");
        std::fs::write(&rules, "SecRule ARGS \"@rx (?i)un+ion\\s+select\" \"id:1,phase:2,pass\"\n").unwrap();
        let loaded = ours::load(&rules.to_string_lossy(), Default::default()).unwrap();
        let program = &loaded.engine.program;
        let (one, other) = (attacks(program, 7), attacks(program, 7));
        assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one.request.body, other.request.body);
            assert_eq!(one.request.headers, other.request.headers);
        }
        assert!(one.iter().any(|attack| attack.family == "runs" && attack.made_of == "rule 1"));
        let mut names: Vec<_> = one.iter().map(|attack| attack.request.name.clone()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), one.len());
    }
}
