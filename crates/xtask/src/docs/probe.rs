//! Tries a name of the language: compiles the smallest rule that has it and puts the compiler's word into one cell.

use portcullis_diag::{Diagnostic, Sources};
use portcullis_seclang::{
    MemoryLoader, parse,
    vocabulary::{Action, ActionArgument, Operator, Parameter, Setting},
};
use portcullis_waf::compile;

/// What the compiler says of a text: `Ok` with its warnings.
fn compiled(text: &str) -> Result<Vec<Diagnostic>, Diagnostic> {
    let loader = MemoryLoader::new()
        .with("list", "127.0.0.1\n")
        .with("unicode.mapping", "20127 (US-ASCII)\n00a0:20\n");
    let mut sources = Sources::new();
    let parsed = parse("probe.conf", text.as_bytes(), &loader, &mut sources);
    let compiled = compile(&parsed.document, &sources, &loader);
    let mut said = parsed.diagnostics;
    said.extend(compiled.diagnostics);
    match said.iter().position(Diagnostic::is_error) {
        Some(error) => Err(said.swap_remove(error)),
        None => Ok(said),
    }
}

fn cell(text: &str) -> String {
    match compiled(text) {
        Ok(warnings) => match warnings.first() {
            None => "**yes**".to_owned(),
            Some(warning) => format!("**no effect**: {}", said(warning)),
        },
        Err(error) => format!("**refused**: {}", said(&error)),
    }
}

fn said(diagnostic: &Diagnostic) -> String {
    let help: String = diagnostic.help.iter().map(|help| format!("; {help}")).collect();
    format!("{} ({}){help}", diagnostic.message, diagnostic.code.0)
}

pub(crate) fn operator(operator: Operator) -> String {
    let name = operator.name();
    let argument = match (operator.parameter(), name) {
        (Parameter::Absent, _) => "",
        (_, "eq" | "ge" | "gt" | "le" | "lt") => "1",
        (_, "ipMatch") => "127.0.0.1",
        (_, "pmFromFile" | "pmf" | "ipMatchFromFile" | "ipMatchF") => "list",
        (_, "validateByteRange") => "32-126",
        _ => "x",
    };
    cell(&format!("SecRule ARGS \"@{name} {argument}\" \"id:1,phase:2,pass\"\n"))
}

pub(crate) fn transformation(name: &str) -> String {
    cell(&format!("SecRule ARGS \"@contains x\" \"id:1,phase:2,pass,t:{name}\"\n"))
}

pub(crate) fn variable(name: &str) -> String {
    let selectors: &[&str] = match name {
        "XML" => &[":/*"],
        "RULE" => &[":id"],
        _ => &["", ":x"],
    };
    let rule =
        |selector: &&str| cell(&format!("SecRule {name}{selector} \"@contains x\" \"id:1,phase:2,pass\"\n"));
    best(selectors.iter().map(rule))
}

pub(crate) fn action(action: Action) -> String {
    let name = action.name();
    let arguments: &[&str] = match name {
        "id" => return "**yes**".to_owned(),
        "accuracy" | "maturity" | "skip" => &["1"],
        "ctl" => &["ruleEngine=On"],
        "deprecatevar" => &["ip.x=1/60"],
        "expirevar" => &["ip.x=60"],
        "initcol" => &["ip=x"],
        "phase" | "severity" => &["2"],
        "redirect" => &["https://example.com/"],
        "setenv" | "setvar" => &["tx.x=1"],
        "skipAfter" => &["END"],
        "status" => &["403"],
        "t" => &["lowercase"],
        "xmlns" => &["a=b"],
        _ => &["x"],
    };
    let written = match action.argument() {
        ActionArgument::Absent | ActionArgument::Optional => vec![name.to_owned()],
        ActionArgument::Required => arguments.iter().map(|argument| format!("{name}:{argument}")).collect(),
    };
    best(written.iter().map(|written| {
        let phase = if name == "phase" { "" } else { ",phase:2" };
        let link = if name == "chain" { "SecRule ARGS \"@contains x\"\n" } else { "" };
        cell(&format!("SecRule ARGS \"@contains x\" \"id:1{phase},{written}\"\n{link}SecMarker END\n"))
    }))
}

pub(crate) fn ctl(name: &str) -> String {
    // Options that take rules away need one to take away.
    let rule = "SecRule ARGS \"@contains x\" \"id:1,phase:2,pass,msg:'x',tag:'x'\"\n";
    let tried = |value| cell(&format!("{rule}SecAction \"id:2,phase:1,pass,nolog,ctl:{name}={value}\"\n"));
    best(["On", "1", "x", "JSON", "+E", "1;ARGS:x", "x;ARGS:x"].into_iter().map(tried))
}

pub(crate) fn setting(setting: Setting) -> String {
    let name = setting.name();
    // There is no database to try it with.
    if setting == Setting::SecGeoLookupDb {
        return "**yes**, a MaxMind database (GeoIP2 or GeoLite2, City or Country)".to_owned();
    }
    let arguments = [
        "",
        "On",
        "Off",
        "1",
        "0",
        "&",
        ";",
        "Reject",
        "Abort",
        "1 1",
        "unicode.mapping 20127",
        "x",
        "x x",
        "x x x",
    ];
    let tried = |argument: &str| cell(&format!("{name} {argument}\n"));
    if tried("Off") == "**yes**" && tried("On").starts_with("**refused**") {
        return format!("`Off` only: {}", tried("On"));
    }
    best(arguments.into_iter().map(tried))
}

/// The kindest of several answers: a name works when one way of writing it does.
fn best(cells: impl Iterator<Item = String>) -> String {
    let rank = |cell: &String| match cell {
        cell if cell.starts_with("**yes**") => 0,
        cell if cell.starts_with("**no effect**") => 1,
        // A refusal for the number of arguments says least.
        cell if !cell.contains("E0103") => 2,
        _ => 3,
    };
    cells.min_by_key(rank).unwrap_or_default()
}
