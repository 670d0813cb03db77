//! What a report says about one name, in words and in JSON.

use std::fmt::Write as _;

use portcullis_edge::report::{Behaviour, Findings, Link, Renegotiation, Sheet, Shown, Suite, version_name};
use portcullis_pki::show_moment;
use serde_json::{Value, json};

use crate::output::number;

/// A sheet of some twenty lines.
pub(super) fn in_words(sheet: &Sheet) -> String {
    let (found, verdict) = (&sheet.findings, &sheet.verdict);
    let name = if found.name.is_empty() { "(no name)" } else { &found.name };
    let mut text = format!("{name}: grade {}", verdict.grade.as_str());
    if let Some((letter, why)) = &verdict.trust {
        let _ = write!(text, ", trust of the chain ignored; with it SSL Labs says {letter}: {why}");
    }
    let scores = verdict.scores;
    let _ = writeln!(
        text,
        "\n  protocol {}, key exchange {}, cipher {}: {} of 100",
        scores.protocol,
        scores.key_exchange,
        scores.cipher,
        scores.total()
    );
    for cap in &verdict.caps {
        let _ = writeln!(text, "  not above {}: {}", cap.grade.as_str(), cap.why);
    }
    text.push('\n');
    for (topic, lines) in topics(found) {
        let mut topic = topic;
        for line in lines {
            let _ = writeln!(text, "  {topic:14}{line}");
            topic = "";
        }
    }
    text
}

fn topics(found: &Findings) -> Vec<(&'static str, Vec<String>)> {
    let names = |spoken: bool| {
        let names = found.versions.iter().filter(|(_, is)| *is == spoken);
        names.map(|(version, _)| version_name(*version)).collect::<Vec<_>>().join(" ")
    };
    let suites = |(version, suites): &(u16, Vec<Suite>)| {
        suites.iter().map(|suite| suite_line(*version, *suite)).collect::<Vec<_>>()
    };
    let groups = found.groups.iter().map(|(version, groups)| {
        let names: Vec<_> = groups.iter().map(|group| group.name).collect();
        format!("{}  {}", version_name(*version), names.join(" "))
    });
    let mut topics = vec![
        ("versions", vec![names(true), format!("not {}", names(false))]),
        ("suites", found.suites.iter().rev().flat_map(suites).collect()),
        ("order", vec![if found.own_order { "the server's" } else { "the client's" }.to_owned()]),
        ("groups", groups.collect()),
        ("certificates", found.certificates.iter().flat_map(chain_lines).collect()),
    ];
    topics.extend(behaviour(&found.behaviour));
    let hsts = match &found.answer {
        None => "no answer".to_owned(),
        Some(answer) if answer.hsts.is_empty() => format!("none on an answer of {}", answer.status),
        Some(answer) => answer.hsts.join(" and "),
    };
    topics.push(("HSTS", vec![hsts]));
    topics
}

fn suite_line(version: u16, suite: Suite) -> String {
    let secrecy = if suite.has_forward_secrecy() { "forward secrecy" } else { "no forward secrecy" };
    let kind = if suite.is_aead() { "AEAD" } else { "not AEAD" };
    format!("{}  {:48}{:3} bits, {secrecy}, {kind}", version_name(version), suite.name, suite.bits())
}

fn chain_lines(shown: &Shown) -> Vec<String> {
    let link = |link: &Link| {
        let facts = &link.facts;
        format!(
            "{}: {} {}, signed by {} with {}, until {}",
            facts.subject,
            link.key,
            link.key_bits,
            facts.issuer,
            link.signature,
            facts.not_after.date()
        )
    };
    let mut lines: Vec<String> = shown.chain.iter().map(link).collect();
    lines.push(format!(
        "{}, {}, {}, for {}",
        number(shown.chain.len(), "certificate"),
        if shown.is_complete { "complete" } else { "not complete" },
        if shown.in_dates { "valid now" } else { "not valid now" },
        shown.names().join(" ")
    ));
    lines
}

fn behaviour(seen: &Behaviour) -> Vec<(&'static str, Vec<String>)> {
    let told = |value: Option<bool>| match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not asked",
    };
    let line = |text: String| vec![text];
    let renegotiation = seen.renegotiation.map_or("not asked", renegotiation_word);
    vec![
        ("compression", line(told(seen.compression).to_owned())),
        (
            "renegotiation",
            line(format!(
                "by a client: {renegotiation}; RFC 5746 known: {}",
                told(seen.secure_renegotiation)
            )),
        ),
        (
            "downgrade",
            line(format!(
                "told to clients (RFC 8446, 4.1.3): {}; TLS_FALLBACK_SCSV: {}",
                told(seen.downgrade_sentinel),
                told(seen.fallback_scsv)
            )),
        ),
        (
            "sessions",
            line(format!(
                "resumed in TLSv1.2: {}, in TLSv1.3: {}; early data: {}; extended master secret: {}",
                told(seen.resumes_tls12),
                told(seen.resumes_tls13),
                told(seen.early_data),
                told(seen.extended_master_secret)
            )),
        ),
        ("ALPN", line(if seen.alpn.is_empty() { "none".to_owned() } else { seen.alpn.join(" ") })),
    ]
}

fn renegotiation_word(what: Renegotiation) -> &'static str {
    match what {
        Renegotiation::Refused => "refused",
        Renegotiation::Tied => "only with proof",
        Renegotiation::Insecure => "insecure",
    }
}

/// The same for programs.
pub(super) fn in_json(sheet: &Sheet) -> Value {
    let (found, verdict) = (&sheet.findings, &sheet.verdict);
    let versions: serde_json::Map<_, _> = found
        .versions
        .iter()
        .map(|(version, spoken)| (version_name(*version).to_owned(), json!(spoken)))
        .collect();
    let suites: serde_json::Map<_, _> = found
        .suites
        .iter()
        .map(|(version, suites)| (version_name(*version).to_owned(), suites.iter().map(suite_json).collect()))
        .collect();
    let groups: serde_json::Map<_, _> = found
        .groups
        .iter()
        .map(|(version, groups)| {
            let names: Value = groups.iter().map(|group| group.name).collect();
            (version_name(*version).to_owned(), names)
        })
        .collect();
    let scores = verdict.scores;
    json!({
        "name": found.name,
        "grade": verdict.grade.as_str(),
        "trust": verdict.trust.as_ref().map(|(letter, why)| json!({ "grade": letter, "why": why })),
        "scores": {
            "protocol": scores.protocol,
            "key_exchange": scores.key_exchange,
            "cipher": scores.cipher,
            "total": scores.total(),
        },
        "caps": verdict.caps.iter().map(|cap| json!({ "grade": cap.grade.as_str(), "why": cap.why })).collect::<Vec<_>>(),
        "versions": versions,
        "suites": suites,
        "order": if found.own_order { "server" } else { "client" },
        "groups": groups,
        "prime_bits": found.prime_bits,
        "certificates": found.certificates.iter().map(chain_json).collect::<Vec<_>>(),
        "behaviour": behaviour_json(&found.behaviour),
        "hsts": found.answer.as_ref().map(|answer| json!({
            "status": answer.status,
            "fields": answer.hsts,
            "max_age": answer.max_age(),
        })),
    })
}

fn suite_json(suite: &Suite) -> Value {
    json!({
        "name": suite.name,
        "code": suite.code,
        "bits": suite.bits(),
        "forward_secrecy": suite.has_forward_secrecy(),
        "aead": suite.is_aead(),
    })
}

fn chain_json(shown: &Shown) -> Value {
    let link = |link: &Link| {
        json!({
            "subject": link.facts.subject,
            "issuer": link.facts.issuer,
            "sha256": link.facts.sha256,
            "not_before": show_moment(link.facts.not_before),
            "not_after": show_moment(link.facts.not_after),
            "key": link.key,
            "key_bits": link.key_bits,
            "signature": link.signature,
        })
    };
    json!({
        "chain": shown.chain.iter().map(link).collect::<Vec<_>>(),
        "names": shown.names(),
        "complete": shown.is_complete,
        "fits_name": shown.fits_name,
        "in_dates": shown.in_dates,
        "distrust": shown.distrust,
    })
}

fn behaviour_json(seen: &Behaviour) -> Value {
    json!({
        "compression": seen.compression,
        "secure_renegotiation": seen.secure_renegotiation,
        "renegotiation": seen.renegotiation.map(renegotiation_word),
        "fallback_scsv": seen.fallback_scsv,
        "downgrade_sentinel": seen.downgrade_sentinel,
        "extended_master_secret": seen.extended_master_secret,
        "resumes_tls12": seen.resumes_tls12,
        "resumes_tls13": seen.resumes_tls13,
        "early_data": seen.early_data,
        "alpn": seen.alpn,
    })
}
