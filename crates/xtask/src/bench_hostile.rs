//! `cargo xtask bench-hostile`: what the most expensive requests cost that can be made from the rules themselves.
//!
//! The last line is `worst N ns/byte, worst value of 4096 bytes N us`. What it measures is CPU time, so a busy machine disturbs little.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use portcullis_peers::hostile::VALUE;
use serde_json::Value;

use crate::bench_peers::{
    build::{Ground, Kind},
    callgrind,
};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A release of the Core Rule Set; PORTCULLIS_DATA/crs/4.28.0 or target/data/crs/4.28.0 unless given
    #[arg(long)]
    crs: Option<PathBuf>,
    /// Prints one JSON object before the last line
    #[arg(long)]
    json: bool,
    /// Counts instructions of the worst request of each family too, by callgrind
    #[arg(long)]
    instructions: bool,
    /// Paranoia level of the rule set
    #[arg(long, default_value_t = 1)]
    level: u8,
    /// Cargo profile of our driver
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Whether it ran.
pub(crate) fn run(workspace: &Path, arguments: &Arguments) -> anyhow::Result<bool> {
    let ground = Ground::prepare(workspace, arguments.crs.as_deref(), &[arguments.level])?;
    let driver = ground.ours(&arguments.profile)?;
    let rules = ground.rules(Kind::Portcullis, arguments.level);
    let worst = ground.directory().join("hostile.bin");
    let output =
        Command::new(driver.with_file_name("portcullis-hostile")).arg(&rules).arg(&worst).output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout).context("not text")?;
    let mut lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let value = lines.pop().context("nothing measured")?;
    if arguments.instructions {
        count(&driver, &ground, &rules, &worst, &mut lines)?;
    }
    println!("paranoia {}, the most expensive request of each family", arguments.level);
    println!(
        "{:16}{:>9}{:>10}{:>12}{:>10}{:>14}  made of",
        "family", "requests", "ns/byte", "bytes", "us", "instr./byte"
    );
    for line in &lines {
        let figure = |name: &str| line[name].as_f64().map_or(String::new(), |figure| format!("{figure:.1}"));
        println!(
            "{:16}{:>9}{:>10}{:>12}{:>10}{:>14}  {}",
            line["family"].as_str().unwrap_or_default(),
            line["requests"],
            figure("ns_per_byte"),
            line["bytes"],
            figure("us"),
            figure("instructions_per_byte"),
            line["made_of"].as_str().unwrap_or_default()
        );
    }
    println!("worst value: {}, {}", value["family"], value["made_of"]);
    if arguments.json {
        println!("{}", serde_json::json!({ "families": lines, "value": value }));
    }
    let a_byte = lines.iter().filter_map(|line| line["ns_per_byte"].as_f64()).fold(0.0, f64::max);
    println!("worst {a_byte:.0} ns/byte, worst value of {VALUE} bytes {} us", value["us"]);
    Ok(true)
}

fn count(
    driver: &Path,
    ground: &Ground,
    rules: &Path,
    worst: &Path,
    lines: &mut [Value],
) -> anyhow::Result<()> {
    let names: Vec<String> =
        lines.iter().map(|line| line["family"].as_str().unwrap_or_default().replace(' ', "_")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let counts = callgrind::count(Kind::Portcullis, driver, rules, worst, &names, ground.directory())?;
    for (line, count) in lines.iter_mut().zip(counts) {
        let bytes = line["bytes"].as_f64().unwrap_or(1.0);
        line["instructions_per_byte"] = Value::from(count as f64 / bytes);
    }
    Ok(())
}
