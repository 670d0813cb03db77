//! Grades after SSL Labs' "SSL Server Rating Guide", version 2009r: three scores, a letter, and rules that cap it.
//!
//! Trust is told apart, as there: a chain that nobody knows is a T whatever the rest is, a name that does not fit an M.

use super::{
    Findings,
    renegotiation::Renegotiation,
    suites::{KeyExchange, Suite},
    wire::{SSL3, TLS10, TLS11, TLS12, TLS13},
};

/// Best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Exceptional.
    APlus,
    /// Good.
    A,
    /// Good, with something to be warned of.
    AMinus,
    /// Less and less so.
    B,
    /// See `B`.
    C,
    /// See `B`.
    D,
    /// See `B`.
    E,
    /// As good as nothing.
    F,
}

/// The three categories, each 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scores {
    /// Of the best and the worst version.
    pub protocol: u32,
    /// Of the weakest key.
    pub key_exchange: u32,
    /// Of the strongest and the weakest suite.
    pub cipher: u32,
}

/// A rule that keeps the grade down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Nothing better than this.
    pub grade: Grade,
    /// What was found.
    pub why: String,
}

/// What is to be said of a server under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// With trust left aside.
    pub grade: Grade,
    /// What it is made of.
    pub scores: Scores,
    /// Every rule that applies, worst first.
    pub caps: Vec<Cap>,
    /// Why SSL Labs would say T or M instead; nothing when it would not.
    pub trust: Option<(&'static str, String)>,
}

/// HSTS of at least this many seconds makes an A an A+.
const HSTS_SECONDS: u64 = 180 * 86_400;

impl Grade {
    /// All of them, best first.
    pub const ALL: [Self; 8] =
        [Self::APlus, Self::A, Self::AMinus, Self::B, Self::C, Self::D, Self::E, Self::F];

    /// `A+`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::APlus => "A+",
            Self::A => "A",
            Self::AMinus => "A-",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
            Self::E => "E",
            Self::F => "F",
        }
    }
}

impl Scores {
    /// The number that the letter comes from; zero when one of them is.
    #[must_use]
    pub fn total(self) -> u32 {
        match self {
            Self { protocol: 0, .. } | Self { key_exchange: 0, .. } | Self { cipher: 0, .. } => 0,
            Self { protocol, key_exchange, cipher } => {
                (protocol * 30 + key_exchange * 30 + cipher * 40) / 100
            }
        }
    }
}

/// The grade, and why it is not better.
pub(super) fn judge(found: &Findings) -> Verdict {
    let scores =
        Scores { protocol: protocol(found), key_exchange: key_exchange(found), cipher: cipher(found) };
    let mut caps = caps(found);
    caps.sort_by_key(|cap| std::cmp::Reverse(cap.grade));
    let letter = match scores.total() {
        80.. => Grade::APlus,
        65.. => Grade::B,
        50.. => Grade::C,
        35.. => Grade::D,
        20.. => Grade::E,
        _ => Grade::F,
    };
    let grade = caps.iter().map(|cap| cap.grade).chain([letter]).max().unwrap_or(Grade::F);
    Verdict { grade, scores, caps, trust: trust(found) }
}

fn protocol(found: &Findings) -> u32 {
    let score = |version: &u16| match *version {
        TLS12 | TLS13 => 100,
        TLS11 => 95,
        TLS10 => 90,
        SSL3 => 80,
        _ => 0,
    };
    middle(found.spoken().map(|version| score(&version)))
}

fn key_exchange(found: &Findings) -> u32 {
    let score = |bits: u32| match bits {
        4096.. => 100,
        2048.. => 90,
        1024.. => 80,
        512.. => 40,
        1.. => 20,
        0 => 0,
    };
    let suites = || found.suites.iter().flat_map(|(_, suites)| suites);
    if suites().any(|suite| suite.is_anonymous()) {
        return 0;
    }
    let broken = suites().any(|suite| suite.key_exchange() == KeyExchange::Broken);
    let keys = found.certificates.iter().filter_map(|shown| shown.chain.first()).map(|leaf| leaf.rsa_bits);
    let groups = found.groups.iter().flat_map(|(_, groups)| groups).map(|group| group.rsa_bits);
    let primes = found.prime_bits.and_then(|bits| u32::try_from(bits).ok());
    let exported = broken.then_some(512);
    keys.chain(groups).chain(primes).chain(exported).map(score).min().unwrap_or(0)
}

fn cipher(found: &Findings) -> u32 {
    let score = |bits: u16| match bits {
        256.. => 100,
        128.. => 80,
        1.. => 20,
        0 => 0,
    };
    middle(found.suites.iter().flat_map(|(_, suites)| suites).map(|suite| score(suite.bits())))
}

/// Between the best and the worst.
fn middle(scores: impl Iterator<Item = u32> + Clone) -> u32 {
    match (scores.clone().max(), scores.min()) {
        (Some(_), Some(0)) | (None, _) | (_, None) => 0,
        (Some(best), Some(worst)) => (best + worst) / 2,
    }
}

fn caps(found: &Findings) -> Vec<Cap> {
    let mut caps = Vec::new();
    of_versions(found, &mut caps);
    of_suites(found, &mut caps);
    of_keys(found, &mut caps);
    of_behaviour(found, &mut caps);
    of_answer(found, &mut caps);
    caps
}

fn cap(caps: &mut Vec<Cap>, holds: bool, grade: Grade, why: impl Into<String>) {
    if holds {
        caps.push(Cap { grade, why: why.into() });
    }
}

fn of_versions(found: &Findings, caps: &mut Vec<Cap>) {
    let has = |version: u16| found.spoken().any(|spoken| spoken == version);
    cap(caps, has(super::SSL2), Grade::F, "speaks SSL 2.0");
    cap(caps, has(SSL3), Grade::C, "speaks SSL 3.0 (POODLE)");
    cap(caps, has(TLS10), Grade::B, "speaks TLS 1.0");
    cap(caps, has(TLS11), Grade::B, "speaks TLS 1.1");
    cap(caps, !has(TLS12) && !has(TLS13), Grade::C, "speaks neither TLS 1.2 nor 1.3");
    cap(caps, !has(TLS13), Grade::AMinus, "does not speak TLS 1.3");
}

fn of_suites(found: &Findings, caps: &mut Vec<Cap>) {
    let all = || {
        found.suites.iter().flat_map(|(version, suites)| suites.iter().map(move |suite| (*version, *suite)))
    };
    let first = |test: &dyn Fn(u16, Suite) -> bool| {
        all().find(|(version, suite)| test(*version, *suite)).map(|(_, suite)| suite.name)
    };
    let mut none_may = |grade, what: &str, test: &dyn Fn(u16, Suite) -> bool| {
        if let Some(name) = first(test) {
            caps.push(Cap { grade, why: format!("has a suite {what}: {name}") });
        }
    };
    none_may(Grade::F, "without authentication", &|_, suite| suite.is_anonymous());
    none_may(Grade::F, "of export strength", &|_, suite| suite.key_exchange() == KeyExchange::Broken);
    none_may(Grade::F, "with less than 112 bits", &|_, suite| suite.bits() < 112);
    none_may(Grade::C, "with RC4 in a version above TLS 1.0", &|version, suite| {
        version > TLS10 && suite.is_rc4()
    });
    none_may(Grade::B, "with RC4", &|_, suite| suite.is_rc4());
    none_may(Grade::C, "with blocks of 64 bits in a version above TLS 1.0", &|version, suite| {
        version > TLS10 && suite.has_small_blocks()
    });
    cap(
        caps,
        !all().any(|(_, suite)| suite.has_forward_secrecy()),
        Grade::B,
        "has no suite with forward secrecy",
    );
    cap(caps, !all().any(|(_, suite)| suite.is_aead()), Grade::B, "has no AEAD suite");
    // Clients of today take what the server likes most, which must not be one that a stolen key opens.
    let preferred = |(version, suites): &&(u16, Vec<Suite>)| {
        *version == TLS12 && suites.first().is_some_and(|suite| !suite.has_forward_secrecy())
    };
    cap(
        caps,
        found.suites.iter().any(|held| preferred(&held)),
        Grade::B,
        "prefers a suite without forward secrecy",
    );
}

fn of_keys(found: &Findings, caps: &mut Vec<Cap>) {
    for shown in &found.certificates {
        let Some(leaf) = shown.chain.first() else { continue };
        let key = format!("the key of {} is {} {}", leaf.facts.subject, leaf.key, leaf.key_bits);
        cap(caps, leaf.rsa_bits < 1024, Grade::F, key.clone());
        cap(caps, (1024..2048).contains(&leaf.rsa_bits), Grade::B, key);
        for link in shown.chain.iter().filter(|link| link.is_signed_weakly()) {
            let why = format!("the certificate of {} is signed by {}", link.facts.subject, link.signature);
            cap(caps, true, Grade::C, why);
        }
        let incomplete = "the chain lacks a certificate, or is in the wrong order";
        cap(caps, !shown.is_complete, Grade::B, incomplete);
    }
    let prime = |bits: usize| format!("Diffie-Hellman with {bits} bits");
    if let Some(bits) = found.prime_bits {
        cap(caps, bits < 1024, Grade::F, prime(bits));
        cap(caps, (1024..2048).contains(&bits), Grade::B, prime(bits));
    }
    let weak = found.groups.iter().flat_map(|(_, groups)| groups).find(|group| group.rsa_bits < 2048);
    if let Some(group) = weak {
        cap(caps, true, Grade::B, format!("agrees on keys by {}", group.name));
    }
}

fn of_behaviour(found: &Findings, caps: &mut Vec<Cap>) {
    let behaviour = &found.behaviour;
    cap(caps, behaviour.compression == Some(true), Grade::C, "compresses before it encrypts (CRIME)");
    let insecure = behaviour.renegotiation == Some(Renegotiation::Insecure);
    cap(caps, insecure, Grade::F, "lets clients renegotiate insecurely");
    let unsafely = behaviour.secure_renegotiation == Some(false);
    cap(caps, unsafely, Grade::AMinus, "does not know secure renegotiation (RFC 5746)");
    let downgradable = found.spoken().any(|version| version < TLS12);
    let unnoticed = behaviour.fallback_scsv == Some(false) && downgradable;
    cap(caps, unnoticed, Grade::A, "does not notice clients that were pushed to a lower version (RFC 7507)");
}

fn of_answer(found: &Findings, caps: &mut Vec<Cap>) {
    let Some(answer) = &found.answer else {
        cap(caps, true, Grade::A, "no answer was seen, so no Strict-Transport-Security");
        return;
    };
    let why = match answer.max_age() {
        None if answer.hsts.is_empty() => "answers have no Strict-Transport-Security".to_owned(),
        None => "Strict-Transport-Security has no max-age".to_owned(),
        Some(seconds) if seconds < HSTS_SECONDS => {
            format!("Strict-Transport-Security holds for {} days, and 180 are wanted", seconds / 86_400)
        }
        Some(_) if answer.hsts.len() > 1 => "answers have Strict-Transport-Security twice".to_owned(),
        Some(_) => return,
    };
    cap(caps, true, Grade::A, why);
}

fn trust(found: &Findings) -> Option<(&'static str, String)> {
    if found.certificates.is_empty() {
        return Some(("T", String::from("no certificate was seen")));
    }
    let problem = |shown: &super::Shown| {
        let name = |shown: &super::Shown| {
            shown.chain.first().map_or("?", |leaf| leaf.facts.issuer.as_str()).to_owned()
        };
        match &shown.distrust {
            _ if !shown.fits_name => Some(("M", format!("the certificate does not hold `{}`", found.name))),
            Some(why) => Some(("T", format!("issued by {}: {why}", name(shown)))),
            None => None,
        }
    };
    found.certificates.iter().find_map(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::report::{Answer, Behaviour, Group};

    fn suites(codes: &[u16]) -> Vec<Suite> {
        codes.iter().filter_map(|code| Suite::of(*code)).collect()
    }

    /// A server as ours: what can be judged without a certificate.
    fn good() -> Findings {
        Findings {
            name: "a.test".to_owned(),
            versions: vec![(SSL3, false), (TLS11, false), (TLS12, true), (TLS13, true)],
            suites: vec![(TLS12, suites(&[0xc02c, 0xc02b])), (TLS13, suites(&[0x1302, 0x1301]))],
            own_order: true,
            groups: vec![(TLS13, vec![Group::of(29).unwrap(), Group::of(23).unwrap()])],
            behaviour: Behaviour {
                compression: Some(false),
                secure_renegotiation: Some(true),
                renegotiation: Some(Renegotiation::Refused),
                fallback_scsv: Some(false),
                ..Behaviour::default()
            },
            answer: Some(Answer { status: 200, hsts: vec!["max-age=31536000".to_owned()] }),
            ..Findings::default()
        }
    }

    #[test]
    fn a_good_server_is_exceptional() {
        let verdict = judge(&good());
        assert_eq!((verdict.grade, verdict.caps), (Grade::APlus, Vec::new()));
        assert_eq!(verdict.scores, Scores { protocol: 100, key_exchange: 90, cipher: 90 });
        assert_eq!(verdict.scores.total(), 93);
        assert_eq!(verdict.trust.map(|(letter, _)| letter), Some("T"), "nobody has seen a certificate");
    }

    #[test]
    fn each_weakness_keeps_the_grade_down() {
        type Change = fn(&mut Findings);
        let cases: &[(&str, Grade, Change)] = &[
            ("no HSTS", Grade::A, |found| found.answer = Some(Answer { status: 200, hsts: Vec::new() })),
            ("no answer", Grade::A, |found| found.answer = None),
            ("short HSTS", Grade::A, |found| {
                found.answer = Some(Answer { status: 200, hsts: vec!["max-age=86400".to_owned()] });
            }),
            ("no TLS 1.3", Grade::AMinus, |found| {
                found.versions.pop();
                found.suites.pop();
            }),
            ("no RFC 5746", Grade::AMinus, |found| found.behaviour.secure_renegotiation = Some(false)),
            ("TLS 1.1", Grade::B, |found| {
                found.versions[1].1 = true;
                found.suites.push((TLS11, suites(&[0xc009])));
            }),
            ("RC4", Grade::C, |found| found.suites[0].1.extend(suites(&[0xc007]))),
            ("3DES", Grade::C, |found| found.suites[0].1.extend(suites(&[0xc008]))),
            ("SSL 3.0", Grade::C, |found| found.versions[0].1 = true),
            ("no AEAD", Grade::B, |found| {
                found.suites = vec![(TLS12, suites(&[0xc009])), (TLS13, Vec::new())];
            }),
            ("no forward secrecy", Grade::B, |found| found.suites = vec![(TLS12, suites(&[0x009c]))]),
            ("RSA first", Grade::B, |found| found.suites[0].1.insert(0, suites(&[0x009c])[0])),
            ("a small prime", Grade::B, |found| found.prime_bits = Some(1024)),
            ("a tiny prime", Grade::F, |found| found.prime_bits = Some(768)),
            ("a weak group", Grade::B, |found| found.groups[0].1.extend(Group::of(19))),
            ("compression", Grade::C, |found| found.behaviour.compression = Some(true)),
            ("renegotiation", Grade::F, |found| {
                found.behaviour.renegotiation = Some(Renegotiation::Insecure);
            }),
            ("anonymous", Grade::F, |found| found.suites[0].1.extend(suites(&[0x0034]))),
            ("export", Grade::F, |found| found.suites[0].1.extend(suites(&[0x0003]))),
            ("no encryption", Grade::F, |found| found.suites[0].1.extend(suites(&[0x003b]))),
        ];
        for (what, grade, change) in cases {
            let mut found = good();
            change(&mut found);
            let verdict = judge(&found);
            assert_eq!(verdict.grade, *grade, "{what}: {:?}", verdict.caps);
            assert!(verdict.caps.iter().any(|cap| cap.grade == *grade), "{what} is not told");
        }
    }

    #[test]
    fn nothing_spoken_is_nothing_worth() {
        assert_eq!(judge(&Findings::default()).grade, Grade::F);
    }
}
