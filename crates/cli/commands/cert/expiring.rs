//! `portcullis cert expiring`: for a timer and for a human.

use portcullis_pki::{AgedKey, Ending, aged_keys, ending, show_moment, show_span};
use serde_json::{Value, json};
use time::Duration;

use super::init::span;
use crate::{
    commands::register::{self, Place},
    output::{self, Exit},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// How soon is soon
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = span)]
    within: Duration,
    /// Prints one JSON line for each certificate that came under 30, 15 or 5 days since the last time this was asked, each once: for
    /// a timer that tells customers. Exit 0
    #[arg(long, conflicts_with = "within")]
    events: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.events {
        return events(arguments);
    }
    let (_, read) = arguments.place.read()?;
    let now = register::now();
    let found = ending(&read, arguments.within, now);
    let unrenewed = found.iter().any(|ending| !ending.renewed);
    let authority = read.trust().anchors.iter().filter(|anchor| anchor.not_after - now <= arguments.within);
    let authority: Vec<_> = authority.collect();
    // A list is signed anew by the way long before; one with a third of its time left has been forgotten.
    let crl_left = read.fresh_until() - now;
    let crl_forgotten = crl_left * 3 < read.terms().crl_lifetime;
    let aged = aged_keys(&read, now);
    if arguments.place.json {
        let report = json!({
            "certificates": found.iter().map(entry).collect::<Vec<_>>(),
            "authority": authority.iter().map(|anchor| json!({ "subject": anchor.subject, "not_after": show_moment(anchor.not_after) })).collect::<Vec<_>>(),
            "keys": aged.iter().map(aged_entry).collect::<Vec<_>>(),
            "crl": { "next_update": show_moment(read.fresh_until()), "forgotten": crl_forgotten },
        });
        output::say(&report.to_string());
    } else {
        found.iter().for_each(|ending| output::say(&line(ending)));
        for anchor in &authority {
            output::say(&format!(
                "{}: the authority itself ends on {}",
                anchor.subject,
                anchor.not_after.date()
            ));
        }
        let longest = show_span(read.terms().longest_key);
        aged.iter().for_each(|key| output::say(&aged_line(key, &longest)));
        if crl_forgotten {
            output::say(&format!(
                "crl.pem: holds until {}; run `portcullis cert crl refresh`",
                show_moment(read.fresh_until())
            ));
        }
        if found.is_empty() && authority.is_empty() && aged.is_empty() && !crl_forgotten {
            output::complain("nothing ends soon");
        }
    }
    let findings = unrenewed || !authority.is_empty() || !aged.is_empty() || crl_forgotten;
    Ok(if findings { Exit::Findings } else { Exit::Good })
}

fn aged_entry(key: &AgedKey) -> Value {
    let customer = key.customer.as_ref().map(|customer| customer.as_str());
    json!({ "customer": customer, "serial": key.serial.as_str(), "since": show_moment(key.since) })
}

fn aged_line(key: &AgedKey, longest: &str) -> String {
    let since = key.since.date();
    match &key.customer {
        Some(customer) => format!(
            "{}  {customer}  its key is in use since {since}, and may be for {longest}; ask for a request with a new one",
            key.serial
        ),
        None => format!(
            "{}  the authority's key is in use since {since}, and may be for {longest}; make a new register with `portcullis cert init`",
            key.serial
        ),
    }
}

fn events(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut registrar = arguments.place.open()?;
    for reminder in registrar.reminders(register::now())? {
        let mut event = entry(&reminder.ending);
        if let Some(object) = event.as_object_mut() {
            object.insert(String::from("event"), json!("certificate.expiring"));
            object.insert(String::from("threshold_days"), json!(reminder.days));
        }
        output::say(&event.to_string());
    }
    Ok(Exit::Good)
}

fn entry(ending: &Ending) -> Value {
    json!({
        "customer": ending.customer.as_str(), "serial": ending.serial.as_str(), "not_after": show_moment(ending.not_after),
        "days_left": ending.days_left, "renewed": ending.renewed,
    })
}

fn line(ending: &Ending) -> String {
    let when = match ending.days_left {
        days if days < 0 => String::from("ended"),
        0 => String::from("ends within a day"),
        days => format!("ends in {}", output::number(usize::try_from(days).unwrap_or_default(), "day")),
    };
    let renewed = if ending.renewed { "; its successor is issued" } else { "" };
    format!("{}  {}  {when}, {}{renewed}", ending.serial, ending.customer, show_moment(ending.not_after))
}
