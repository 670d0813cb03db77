//! `portcullis customer list` and `customer show`.

use portcullis_pki::{Customer, show_moment, show_span};
use serde_json::{Value, json};

use super::One;
use crate::{
    commands::register::{self, Place},
    output::{self, Exit},
};

#[derive(clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(super) place: Place,
}

pub(super) fn list(list: &List) -> anyhow::Result<Exit> {
    let (_, read) = list.place.read()?;
    if list.place.json {
        let all: Vec<_> = read.customers().map(facts).collect();
        output::say(&json!(all).to_string());
        return Ok(Exit::Good);
    }
    let width = read.customers().map(|customer| customer.id.as_str().len()).max().unwrap_or_default();
    for customer in read.customers() {
        let live = customer.certificates.iter().filter(|record| record.live(register::now())).count();
        let id = customer.id.as_str();
        let certificates = output::number(live, "live certificate");
        output::say(&format!(
            "{id:<width$}  {:<10}  {certificates}  {}",
            customer.state.as_str(),
            customer.name
        ));
    }
    if read.customers().next().is_none() {
        output::complain("no customers");
    }
    Ok(Exit::Good)
}

pub(super) fn show(one: &One) -> anyhow::Result<Exit> {
    let (_, read) = one.place.read()?;
    let Some(customer) = read.customer(one.id.as_str()) else {
        return Err(register::refusal(
            format!("there is no customer `{}`", one.id),
            "see `portcullis customer list`",
        ));
    };
    if one.place.json {
        output::say(&facts(customer).to_string());
        return Ok(Exit::Good);
    }
    let say = |name: &str, value: &str| output::say(&format!("{name:<13} {value}"));
    say("id", customer.id.as_str());
    say("name", &customer.name);
    say("state", customer.state.as_str());
    say("added", &show_moment(customer.created));
    say("mtls only", if customer.mtls_only { "yes" } else { "no" });
    say("may come from", &listed(&networks(customer), "anywhere"));
    say("identities", &listed(&customer.identities, "none of external authorities"));
    let rate = customer.rate.map(|rate| {
        let burst = rate.burst.unwrap_or(rate.requests);
        format!(
            "{} in {}, at once {burst}",
            output::number(rate.requests as usize, "request"),
            show_span(rate.per)
        )
    });
    say("rate", rate.as_deref().unwrap_or("as everybody"));
    say("rule engine", if customer.waf.is_empty() { "as the route says" } else { "differs, see --json" });
    for record in &customer.certificates {
        let until = show_moment(record.not_after);
        say("certificate", &format!("{}  {}  until {until}", record.serial, register::state(record)));
    }
    Ok(Exit::Good)
}

fn listed(list: &[String], none: &str) -> String {
    if list.is_empty() { none.to_owned() } else { list.join(", ") }
}

fn networks(customer: &Customer) -> Vec<String> {
    customer.allow.iter().map(|network| network.0.to_string()).collect()
}

fn facts(customer: &Customer) -> Value {
    let id = customer.id.as_str();
    let rate = customer
        .rate
        .map(|rate| json!({ "requests": rate.requests, "per": show_span(rate.per), "burst": rate.burst }));
    json!({
        "id": id,
        "name": customer.name,
        "state": customer.state.as_str(),
        "created": show_moment(customer.created),
        "offboarded": customer.offboarded.map(|moment| show_moment(moment.0)),
        "mtls_only": customer.mtls_only,
        "allow": networks(customer),
        "identities": customer.identities,
        "rate": rate,
        "waf": customer.waf,
        "certificates": customer.certificates.iter().map(|record| register::record(id, record)).collect::<Vec<_>>(),
    })
}
