//! `portcullis customer`: who is served, and how.

mod exclude;
mod leave;
mod policy;
mod show;

use portcullis_pki::{CustomerId, State};
use serde_json::json;

use self::policy::Policy;
use crate::{
    commands::register::{self, Place, conclude},
    output::{self, Exit},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Adds a customer
    Add(Add),
    /// Lists customers
    List(show::List),
    /// Shows a customer
    Show(One),
    /// Changes what a customer may do
    Set(Set),
    /// Leaves rules, or targets of them, out for a customer, for a time
    Exclude(exclude::Arguments),
    /// Refuses a customer for now; its certificates stay
    Suspend(One),
    /// Serves a suspended customer again
    Resume(One),
    /// Revokes all certificates of a customer, erases its data and writes a receipt
    Offboard(leave::Offboard),
    /// Checks that nothing is left of an offboarded customer; exit 1 when something is
    VerifyOffboarded(One),
}

/// A command about one customer.
#[derive(clap::Args)]
struct One {
    /// The customer
    #[arg(value_parser = register::id)]
    id: CustomerId,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
struct Add {
    #[command(flatten)]
    one: One,
    /// Its name for humans
    #[arg(long)]
    name: String,
    #[command(flatten)]
    policy: Policy,
}

#[derive(clap::Args)]
struct Set {
    #[command(flatten)]
    one: One,
    /// Its name for humans
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    policy: Policy,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Add(add) => conclude(add.one.place.json, self::add(add)),
        Command::List(list) => conclude(list.place.json, show::list(list)),
        Command::Show(one) => conclude(one.place.json, show::show(one)),
        Command::Set(set) => conclude(set.one.place.json, self::set(set)),
        Command::Exclude(exclude) => conclude(exclude.one.place.json, exclude::run(exclude)),
        Command::Suspend(one) => conclude(one.place.json, state(one, "customer.suspend", State::Suspended)),
        Command::Resume(one) => conclude(one.place.json, state(one, "customer.resume", State::Active)),
        Command::Offboard(offboard) => conclude(offboard.one.place.json, leave::offboard(offboard)),
        Command::VerifyOffboarded(one) => conclude(one.place.json, leave::verify(one)),
    }
}

fn add(add: &Add) -> anyhow::Result<Exit> {
    let mut registrar = add.one.place.open()?;
    registrar.add(add.one.id.clone(), &add.name, |customer| add.policy.apply(customer))?;
    tell(&add.one, "added")
}

fn set(set: &Set) -> anyhow::Result<Exit> {
    if set.name.is_none() && set.policy.is_empty() {
        return Err(register::refusal("nothing to set", "see `portcullis customer set --help`"));
    }
    let mut registrar = set.one.place.open()?;
    registrar.change(&set.one.id, "customer.set", |customer| {
        if let Some(name) = &set.name {
            customer.name.clone_from(name);
        }
        set.policy.apply(customer);
    })?;
    tell(&set.one, "set")
}

fn state(one: &One, what: &str, state: State) -> anyhow::Result<Exit> {
    let mut registrar = one.place.open()?;
    registrar.change(&one.id, what, |customer| customer.state = state)?;
    tell(one, state.as_str())
}

fn tell(one: &One, done: &str) -> anyhow::Result<Exit> {
    match one.place.json {
        true => output::say(&json!({ "customer": one.id.as_str(), "done": done }).to_string()),
        false => output::say(&format!("customer `{}`: {done}", one.id)),
    }
    Ok(Exit::Good)
}
