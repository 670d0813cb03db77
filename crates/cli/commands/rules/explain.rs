//! `portcullis rules explain ID`

use portcullis_waf::explain::{Clause, Confirmation, ExplainedLink, Explanation, Sifted};
use serde_json::{Value, json};

use super::chosen::Chosen;
use crate::output::{self, Exit};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The rule's `id`
    id: u64,
    #[command(flatten)]
    chosen: Chosen,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let program = match arguments.chosen.program() {
        Ok(program) => program,
        Err(exit) => return Ok(exit),
    };
    let Some(rule) = program.explain(arguments.id) else {
        output::complain(&format!("no rule has the id {}", arguments.id));
        return Ok(Exit::Findings);
    };
    if arguments.json {
        output::say(&in_json(&rule).to_string());
    } else {
        output::say(in_words(&rule).trim_end());
    }
    Ok(Exit::Good)
}

fn in_words(rule: &Explanation) -> String {
    let mut text = format!("{}: phase {}, {}:{}\n", rule.id, rule.phase, rule.place.file, rule.place.line);
    if !rule.message.is_empty() {
        text.push_str(&format!("  {}\n", rule.message));
    }
    let mut line = |name: &str, what: &str| text.push_str(&format!("  {name:11}{what}\n"));
    line("course", &in_course(rule));
    if !rule.rests_on.is_empty() {
        line("rests on", &rule.rests_on.join(" "));
    }
    for link in &rule.links {
        line("looks at", &targets(link));
        if !link.transformations.is_empty() {
            let multi = if link.multi_match { ", tested after each" } else { "" };
            line("after", &format!("{}{multi}", link.transformations.join(", ")));
        }
        if let Some(operator) = &link.operator {
            line("asks", &asks(operator, link));
        }
    }
    for sifted in &rule.sifted {
        line("sieve", &in_sieve(rule, sifted));
        if sifted.shortest > 0 {
            line("", &format!("at least {}", output::number(sifted.shortest, "byte")));
        }
        if sifted.phrases > 0 {
            let wanted = if sifted.lacks_phrases { "none" } else { "one" };
            line("", &format!("{wanted} of {}", output::number(sifted.phrases, "phrase")));
        }
        if !sifted.literals.is_empty() {
            line("", &in_literals(&sifted.literals));
        }
        for clause in &sifted.clauses {
            line("", &in_clause(clause));
        }
        for chain in &sifted.chains {
            line("", &format!("tested: {chain}"));
        }
        line("confirmed", &confirmed(sifted.confirmed_by));
    }
    text
}

fn in_sieve(rule: &Explanation, sifted: &Sifted) -> String {
    let mut text = format!("{}, mesh {}, bit {}", sifted.sieve, sifted.mesh, sifted.bit);
    if rule.links.len() > 1 {
        text.push_str(&format!(", link {} of the chain", sifted.link + 1));
    }
    text
}

/// Literals that are shown.
const SHOWN: usize = 12;

fn in_literals(literals: &[String]) -> String {
    let shown: Vec<&str> = literals.iter().take(SHOWN).map(String::as_str).collect();
    let more = if literals.len() > SHOWN { ", .." } else { "" };
    format!("one of {}: \"{}\"{more}", output::number(literals.len(), "literal"), shown.join("\", \""))
}

fn in_course(rule: &Explanation) -> String {
    let expected = if rule.expected { "; it matches in every request that does not change that" } else { "" };
    match rule.course {
        Some("ahead") => format!("ahead: decided when rules were compiled{expected}"),
        Some("asleep") => "asleep: evaluated when something wakes it".to_owned(),
        Some(_) => "run: evaluated in every request".to_owned(),
        None => "left out: the set-up skips it (paranoia level, or a skip that always happens)".to_owned(),
    }
}

fn targets(link: &ExplainedLink) -> String {
    if link.targets.is_empty() { "nothing: it matches always".to_owned() } else { link.targets.join(" ") }
}

fn asks(operator: &str, link: &ExplainedLink) -> String {
    let mut text = operator.to_owned();
    if let Some(phrases) = link.phrases {
        text.push_str(&format!(", {}", output::number(phrases, "phrase")));
    }
    if link.bytes > 0 {
        text.push_str(&format!(", {} KiB", link.bytes.div_ceil(1024)));
    }
    text.push_str(&format!(", {} of work a byte", output::number(link.units_per_byte as usize, "unit")));
    for (is_so, what) in [
        (link.has_macros, ", macros expanded for every value"),
        (link.backtracks, ", may have to backtrack, bounded in steps"),
        (link.capture, ", captures after a match"),
    ] {
        text.push_str(if is_so { what } else { "" });
    }
    text
}

fn in_clause(clause: &Clause) -> String {
    match clause.pairs {
        0 => "no pair of bytes is required".to_owned(),
        pairs => format!("one of {}: {}", output::number(pairs, "pair"), clause.shown.join(" ")),
    }
}

fn confirmed(by: Confirmation) -> String {
    match by {
        Confirmation::Phrases => "by the pass that looks for all phrases of all rules".to_owned(),
        Confirmation::Echo => "by what it would write for the next link".to_owned(),
        Confirmation::Automaton(bytes) => format!("by an automaton of {} KiB", bytes.div_ceil(1024)),
        Confirmation::Beginning(bytes) => {
            let size = bytes.div_ceil(1024);
            format!("by an automaton of {size} KiB for how a match begins, then by the operator itself")
        }
        Confirmation::Operator => "by the operator itself".to_owned(),
    }
}

fn in_json(rule: &Explanation) -> Value {
    json!({
        "id": rule.id,
        "phase": rule.phase,
        "file": &*rule.place.file,
        "line": rule.place.line,
        "message": rule.message,
        "course": rule.course,
        "expected": rule.expected,
        "rests_on": rule.rests_on,
        "links": rule.links.iter().map(|link| json!({
            "operator": link.operator,
            "macros": link.has_macros,
            "backtracks": link.backtracks,
            "bytes": link.bytes,
            "phrases": link.phrases,
            "units_per_byte": link.units_per_byte,
            "targets": link.targets,
            "transformations": link.transformations,
            "multi_match": link.multi_match,
            "capture": link.capture,
            "set_vars": link.set_vars,
        })).collect::<Vec<_>>(),
        "sieves": rule.sifted.iter().map(sieve).collect::<Vec<_>>(),
    })
}

fn sieve(sifted: &Sifted) -> Value {
    json!({
        "name": sifted.sieve,
        "mesh": sifted.mesh,
        "bit": sifted.bit,
        "link": sifted.link,
        "shortest": sifted.shortest,
        "phrases": sifted.phrases,
        "lacks_phrases": sifted.lacks_phrases,
        "literals": sifted.literals,
        "clauses": sifted.clauses.iter().map(|clause| json!({
            "pairs": clause.pairs,
            "shown": clause.shown,
        })).collect::<Vec<_>>(),
        "automaton_bytes": match sifted.confirmed_by {
            Confirmation::Automaton(bytes) | Confirmation::Beginning(bytes) => Some(bytes),
            Confirmation::Phrases | Confirmation::Echo | Confirmation::Operator => None,
        },
        "chains": sifted.chains,
    })
}
