//! `portcullis cert crl`.

use std::path::PathBuf;

use portcullis_pki::{CRL, Files as _, Register, repair_crl, show_moment};
use serde_json::json;

use super::handover::Handover;
use crate::{
    commands::register::{self, Key, Place},
    output::{self, Exit},
};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Where the list goes, replacing what is there; standard output unless given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Signs the list anew, also where it is missing or damaged; for a timer, well before `nextUpdate`
    Refresh(Refresh),
}

#[derive(clap::Args)]
struct Refresh {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    key: Key,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    if let Some(Command::Refresh(refresh)) = &arguments.command {
        return register::conclude(refresh.place.json, self::refresh(refresh));
    }
    let (directory, read) = arguments.place.read()?;
    let text = directory.read(CRL)?.unwrap_or_default();
    if let Some(file) = &arguments.out {
        Handover::write(file, text.as_bytes(), false, true)?.put()?;
        report(&arguments.place, &read, &file.display().to_string());
    } else if arguments.place.json {
        report(&arguments.place, &read, &directory.place(CRL));
    } else {
        output::say(text.trim_end());
    }
    Ok(Exit::Good)
}

fn refresh(refresh: &Refresh) -> anyhow::Result<Exit> {
    let mut store = refresh.place.lock()?;
    let authority = refresh.key.authority(&refresh.place.directory()?)?;
    repair_crl(&mut store, &authority, &register::who(), register::now())?;
    drop(store);
    let (directory, read) = refresh.place.read()?;
    report(&refresh.place, &read, &directory.place(CRL));
    Ok(Exit::Good)
}

fn report(place: &Place, read: &Register, file: &str) {
    let Some(list) = read.crl() else { return };
    let until = show_moment(list.next_update);
    if place.json {
        let facts = json!({ "file": file, "issuer": list.issuer, "this_update": show_moment(list.this_update), "next_update": until, "revoked": list.len() });
        output::say(&facts.to_string());
    } else {
        output::say(&format!(
            "{file}: {}, good until {until}",
            output::number(list.len(), "revoked certificate")
        ));
    }
}
