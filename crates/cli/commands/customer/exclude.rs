//! `portcullis customer exclude`: what the rule engine leaves out for a customer, why, by whose word and until when.

use portcullis_pki::Exclusion;
use serde_json::json;
use time::{Date, OffsetDateTime, format_description::well_known::Iso8601};

use super::One;
use crate::{
    commands::register,
    output::{self, Exit},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) one: One,
    /// Ids of rules
    #[arg(long, value_name = "RULE", value_delimiter = ',', required_unless_present = "clear")]
    rule: Vec<u64>,
    /// Targets in SecLang's words (ARGS:comment); without any the rules are left out whole
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    target: Vec<String>,
    /// Why
    #[arg(long, required_unless_present = "clear")]
    reason: Option<String>,
    /// Who answers for it
    #[arg(long, required_unless_present = "clear")]
    owner: Option<String>,
    /// The day on which it ends, at its first moment in UTC
    #[arg(long, value_name = "YYYY-MM-DD", required_unless_present = "clear", value_parser = day)]
    expires: Option<OffsetDateTime>,
    /// Takes all exclusions back
    #[arg(long, conflicts_with_all = ["rule", "target", "reason", "owner", "expires"])]
    clear: bool,
}

fn day(text: &str) -> Result<OffsetDateTime, String> {
    let date =
        Date::parse(text, &Iso8601::DATE).map_err(|_| format!("`{text}` is no day; write 2027-02-22"))?;
    Ok(date.midnight().assume_utc())
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let given = (&arguments.reason, &arguments.owner, arguments.expires);
    let exclusion = if let (Some(reason), Some(owner), Some(expires)) = given {
        if expires <= register::now() {
            return Err(register::refusal(
                "the exclusion would have ended already",
                "choose a later day with --expires",
            ));
        }
        let (rules, targets) = (arguments.rule.clone(), arguments.target.clone());
        Some(Exclusion { rules, targets, reason: reason.clone(), owner: owner.clone(), expires })
    } else {
        None
    };
    let mut registrar = arguments.one.place.open()?;
    let id = &arguments.one.id;
    registrar.change(id, "customer.exclude", |customer| match exclusion {
        Some(exclusion) => customer.waf.exclusions.push(exclusion),
        None => customer.waf.exclusions.clear(),
    })?;
    let count =
        registrar.register().customer(id.as_str()).map_or(0, |customer| customer.waf.exclusions.len());
    match arguments.one.place.json {
        true => output::say(&json!({ "customer": id.as_str(), "exclusions": count }).to_string()),
        false => output::say(&format!("customer `{id}`: {}", output::number(count, "exclusion"))),
    }
    Ok(Exit::Good)
}
