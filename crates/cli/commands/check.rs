//! `portcullis check` and `portcullis -t`: reads a configuration and everything it names, and tells all problems at once.

use std::path::PathBuf;

use serde_json::json;

use crate::output::{self, Exit};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value_os_t = crate::default_config())]
    config: PathBuf,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let (sources, diagnostics) = portcullis_edge::check(&arguments.config);
    let (errors, warnings) = output::count(&diagnostics);
    let good = errors == 0;
    if arguments.json {
        let report = json!({
            "config": arguments.config.display().to_string(),
            "ok": good,
            "errors": errors,
            "warnings": warnings,
            "diagnostics": output::list(&sources, &diagnostics),
        });
        output::say(&report.to_string());
    } else {
        output::draw(&sources, &diagnostics);
        if good {
            output::say(&format!("{}: good", arguments.config.display()));
        }
    }
    Ok(if good { Exit::Good } else { Exit::Config })
}
