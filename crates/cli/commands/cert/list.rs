//! `portcullis cert list`.

use portcullis_pki::{CustomerId, show_moment};
use serde_json::json;
use time::Duration;

use super::init::span;
use crate::{
    commands::register::{self, Place},
    output::{self, Exit},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Of this customer only
    #[arg(value_parser = register::id)]
    id: Option<CustomerId>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Only live ones that end within this time (30d)
    #[arg(long, value_name = "TIME", value_parser = span)]
    expiring: Option<Duration>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let (_, read) = arguments.place.read()?;
    if let Some(id) = &arguments.id
        && read.customer(id.as_str()).is_none()
    {
        return Err(register::refusal(
            format!("there is no customer `{id}`"),
            "see `portcullis customer list`",
        ));
    }
    let now = register::now();
    let wanted =
        read.customers().filter(|customer| arguments.id.as_ref().is_none_or(|id| *id == customer.id));
    let records =
        wanted.flat_map(|customer| customer.certificates.iter().map(move |record| (customer, record)));
    let listed: Vec<_> = records
        .filter(|(_, record)| {
            arguments.expiring.is_none_or(|within| record.live(now) && record.not_after - now <= within)
        })
        .collect();
    if arguments.place.json {
        let list: Vec<_> =
            listed.iter().map(|(customer, record)| register::record(customer.id.as_str(), record)).collect();
        output::say(&json!(list).to_string());
        return Ok(Exit::Good);
    }
    for (customer, record) in &listed {
        let why = record
            .revocation
            .map(|revocation| format!(", {}", revocation.reason.as_str()))
            .unwrap_or_default();
        let until = show_moment(record.not_after);
        output::say(&format!(
            "{}  {:<7}  until {until}  {}{why}",
            record.serial,
            register::state(record),
            customer.id
        ));
    }
    if listed.is_empty() {
        output::complain("no certificates");
    }
    Ok(Exit::Good)
}
