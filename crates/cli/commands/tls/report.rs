//! `portcullis tls report`.

use std::path::PathBuf;

use portcullis_edge::{
    StartError,
    report::{Grade, Report, ReportOptions, tls_report},
};
use serde_json::json;

use super::sheet;
use crate::output::{self, Exit};

/// Without --connect a listener is started on a free port of 127.0.0.1, with the certificates and TLS settings of the configuration:
/// nothing needs to run. The grade leaves trust aside, as a certificate for development is one that nobody knows; whether the chain is
/// trusted stands beside it, and --trusted makes it count.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value_os_t = crate::default_config())]
    config: PathBuf,
    /// Asks a server that runs, instead of a listener of its own
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "config")]
    connect: Option<String>,
    /// A name to ask for, may be given several times; else one of each certificate, or the host of --connect
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Authorities that clients know beside those that this machine knows
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Exit 1 when the grade is worse
    #[arg(long, value_name = "GRADE", default_value = "A", value_parser = grade)]
    least: Grade,
    /// Exit 1 when clients would not trust the chain, or it does not hold the name
    #[arg(long)]
    trusted: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let options = ReportOptions {
        config_path: arguments.config.clone(),
        connect: arguments.connect.clone(),
        names: arguments.names.clone(),
        authorities: arguments.ca.clone(),
    };
    let report = match tls_report(&options) {
        Ok(report) => report,
        Err(StartError::Config { sources, diagnostics }) => {
            output::draw(&sources, &diagnostics);
            return Ok(Exit::Config);
        }
        Err(error) => return Err(error.into()),
    };
    if arguments.json {
        output::say(&in_json(&report).to_string());
    } else {
        output::say(in_words(&report).trim_end());
    }
    let good = report.grade() <= arguments.least && (report.is_trusted() || !arguments.trusted);
    Ok(if good { Exit::Good } else { Exit::Findings })
}

fn grade(text: &str) -> Result<Grade, String> {
    Grade::ALL.into_iter().find(|grade| grade.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
        let all: Vec<_> = Grade::ALL.iter().map(|grade| grade.as_str()).collect();
        format!("one of {}", all.join(", "))
    })
}

fn in_words(report: &Report) -> String {
    let whose = if report.is_own { "a listener of its own" } else { "as it runs" };
    let mut text = format!("{} ({whose})\n", report.address);
    for held in &report.sheets {
        text.push('\n');
        text.push_str(&sheet::in_words(held));
    }
    text
}

fn in_json(report: &Report) -> serde_json::Value {
    json!({
        "address": report.address.to_string(),
        "own_listener": report.is_own,
        "guide": "SSL Labs SSL Server Rating Guide 2009r",
        "grade": report.grade().as_str(),
        "trusted": report.is_trusted(),
        "names": report.sheets.iter().map(sheet::in_json).collect::<Vec<_>>(),
    })
}
