//! `portcullis rules stats`

use portcullis_waf::explain::Statistics;
use serde_json::{Value, json};

use super::chosen::Chosen;
use crate::output::{self, Exit};

#[derive(clap::Args)]
pub(crate) struct Arguments {
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
    let statistics = program.statistics();
    if arguments.json {
        output::say(&in_json(&statistics).to_string());
    } else {
        output::say(in_words(&statistics).trim_end());
    }
    Ok(Exit::Good)
}

fn in_words(statistics: &Statistics) -> String {
    let facts = &statistics.facts;
    let mut text = format!(
        "{}: {}, {}, {} of TX\n\nphase  rules  left out  ahead  asleep  run\n",
        facts.signatures.first().map_or("rules", String::as_str),
        output::number(facts.rules, "rule"),
        output::number(facts.links, "chain link"),
        output::number(statistics.variables, "variable"),
    );
    for (phase, courses) in (1..).zip(&statistics.phases) {
        text.push_str(&format!(
            "{phase:5}{:7}{:10}{:7}{:8}{:5}\n",
            courses.rules, courses.left_out, courses.ahead, courses.asleep, courses.run
        ));
    }
    text.push_str("\nsieve     mesh  links  room  sources  transformed  automata\n");
    for sieve in &statistics.sieves {
        text.push_str(&format!(
            "{:8}{:6}{:7}{:6}{:9}{:13}{:10}\n",
            sieve.name,
            sieve.mesh,
            sieve.rules,
            sieve.width,
            sieve.sources,
            sieve.nodes.saturating_sub(1),
            sieve.automata
        ));
    }
    let memory = &statistics.memory;
    text.push_str(&format!(
        "\n{}, {} that may have to backtrack\n\nKiB    sieves {}, automata built ahead {}, phrases {}, operators {}: {} in all\n",
        output::number(statistics.linear_patterns, "linear pattern"),
        statistics.backtracking_patterns,
        kib(memory.tables),
        kib(memory.automata),
        kib(memory.phrases),
        kib(memory.operators),
        kib(memory.total()),
    ));
    text
}

fn kib(bytes: usize) -> usize {
    bytes.div_ceil(1024)
}

fn in_json(statistics: &Statistics) -> Value {
    let facts = &statistics.facts;
    let memory = &statistics.memory;
    json!({
        "signatures": facts.signatures,
        "rules": facts.rules,
        "links": facts.links,
        "variables": statistics.variables,
        "phases": statistics.phases.iter().map(|courses| json!({
            "rules": courses.rules,
            "left_out": courses.left_out,
            "ahead": courses.ahead,
            "asleep": courses.asleep,
            "run": courses.run,
        })).collect::<Vec<_>>(),
        "sieves": statistics.sieves.iter().map(|sieve| json!({
            "name": sieve.name,
            "mesh": sieve.mesh,
            "links": sieve.rules,
            "room": sieve.width,
            "sources": sieve.sources,
            "nodes": sieve.nodes,
            "automata": sieve.automata,
        })).collect::<Vec<_>>(),
        "patterns": { "linear": statistics.linear_patterns, "backtracking": statistics.backtracking_patterns },
        "bytes": {
            "tables": memory.tables,
            "automata": memory.automata,
            "phrases": memory.phrases,
            "operators": memory.operators,
            "total": memory.total(),
        },
    })
}
