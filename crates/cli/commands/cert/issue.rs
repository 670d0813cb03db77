//! `portcullis cert issue` and `cert renew`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use portcullis_pki::{
    Algorithm, ClientKey, CustomerId, Fault, LockedDirectory, PkiError, Prepared, Registrar, passphrase,
    pkcs12, show_moment,
};
use serde_json::json;
use time::Duration;

use super::handover::{Handover, refuse_taken};
use crate::{
    commands::register::{self, Key, Place},
    output::{self, Exit},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The customer
    #[arg(value_parser = register::id)]
    id: CustomerId,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    key: Key,
    /// The customer's request for a certificate (PKCS#10, PEM or DER), signed with its key; without one a key is made
    #[arg(long, value_name = "FILE", conflicts_with = "pkcs12")]
    csr: Option<PathBuf>,
    /// Where the certificate goes as PEM, with the key where one is made; - is standard output
    #[arg(long, value_name = "OUT", required_unless_present = "pkcs12", conflicts_with = "pkcs12")]
    pem: Option<PathBuf>,
    /// Where key and certificate go as PKCS#12, encrypted with a passphrase that is made for it
    #[arg(long, value_name = "OUT")]
    pkcs12: Option<PathBuf>,
    /// Where the passphrase goes; OUT.passphrase unless given
    #[arg(long, value_name = "FILE", requires = "pkcs12")]
    passphrase_file: Option<PathBuf>,
    /// Prints the passphrase instead
    #[arg(long, requires = "pkcs12", conflicts_with = "passphrase_file")]
    show_passphrase: bool,
    /// How many days it holds
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    days: Option<u16>,
    /// Replaces files that are there
    #[arg(long)]
    force: bool,
}

pub(super) fn issue(arguments: &Arguments) -> anyhow::Result<Exit> {
    let registrar = arguments.place.open()?;
    hand_over(arguments, registrar)
}

pub(super) fn renew(arguments: &Arguments) -> anyhow::Result<Exit> {
    let registrar = arguments.place.open()?;
    let customer = registrar.register().customer(arguments.id.as_str());
    if customer.is_some_and(|customer| customer.certificates.is_empty()) {
        let remedy = format!("issue the first with `portcullis cert issue {}`", arguments.id);
        return Err(register::refusal(
            format!("customer `{}` has no certificate to renew", arguments.id),
            remedy,
        ));
    }
    hand_over(arguments, registrar)
}

/// What goes where.
struct Outputs {
    files: Vec<Handover>,
    print: Option<String>,
    passphrase: Option<String>,
    passphrase_file: Option<PathBuf>,
}

fn hand_over(arguments: &Arguments, mut registrar: Registrar<LockedDirectory>) -> anyhow::Result<Exit> {
    let authority = arguments.key.authority(&arguments.place.directory()?)?;
    for target in [arguments.pem.as_deref(), arguments.pkcs12.as_deref()]
        .into_iter()
        .flatten()
        .filter(|path| !stdout(path))
    {
        refuse_taken(target, arguments.force)?;
    }
    let key = match &arguments.csr {
        Some(file) => ClientKey::from_request(&register::read_file(file)?).map_err(|problem| {
            let remedy = "ask the customer for `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout KEY -out CSR`";
            PkiError::from(Fault::told(file.display().to_string(), problem, remedy))
        })?,
        None => ClientKey::generate(Algorithm::P256)?,
    };
    let lifetime = arguments.days.map(|days| Duration::days(days.into()));
    let prepared = registrar.prepare(&arguments.id, key, lifetime, &authority)?;
    let outputs = outputs(arguments, &prepared, authority.certificate())?;
    registrar.record(&prepared)?;
    // The list is made anew by the way when half of its time is over, so that issuing keeps it fresh.
    registrar.publish_if_behind(&authority)?;
    for file in outputs.files {
        let lost = || {
            let serial = &prepared.certificate.serial;
            format!(
                "certificate {serial} counts and was not handed out; revoke it with `portcullis cert revoke {serial}`"
            )
        };
        file.put().with_context(lost)?;
    }
    if let Some(text) = &outputs.print {
        output::say(text.trim_end());
    }
    report(arguments, &prepared, outputs.passphrase.as_deref(), outputs.passphrase_file.as_deref());
    Ok(Exit::Good)
}

fn outputs(
    arguments: &Arguments,
    prepared: &Prepared,
    authority: &portcullis_pki::Certificate,
) -> anyhow::Result<Outputs> {
    let mut outputs = Outputs { files: Vec::new(), print: None, passphrase: None, passphrase_file: None };
    let force = arguments.force;
    if let (Some(target), Some(key)) = (&arguments.pkcs12, prepared.key.private_der()) {
        let secret = passphrase()?;
        let package = pkcs12(arguments.id.as_str(), key, &prepared.certificate, authority, &secret)?;
        if arguments.show_passphrase {
            outputs.passphrase = Some(secret.to_string());
        } else {
            let beside = PathBuf::from(format!("{}.passphrase", target.display()));
            let file = arguments.passphrase_file.clone().unwrap_or(beside);
            outputs.files.push(Handover::write(
                &file,
                format!("{}\n", secret.as_str()).as_bytes(),
                true,
                force,
            )?);
            outputs.passphrase_file = Some(file);
        }
        outputs.files.push(Handover::write(target, &package, true, force)?);
    } else if let Some(target) = &arguments.pem {
        let key = prepared.key.private_pem();
        let text = format!("{}{}", key.unwrap_or_default(), prepared.chain_pem());
        if stdout(target) {
            outputs.print = Some(text);
        } else {
            outputs.files.push(Handover::write(target, text.as_bytes(), key.is_some(), force)?);
        }
    }
    Ok(outputs)
}

fn report(arguments: &Arguments, prepared: &Prepared, secret: Option<&str>, secret_file: Option<&Path>) {
    let certificate = &prepared.certificate;
    let until = show_moment(certificate.not_after);
    let file = arguments.pkcs12.as_ref().or(arguments.pem.as_ref()).map(|path| path.display().to_string());
    if arguments.place.json {
        let mut made = json!({
            "customer": arguments.id.as_str(), "serial": certificate.serial.as_str(), "not_before": show_moment(certificate.not_before),
            "not_after": until, "sha256": certificate.sha256, "uris": certificate.uris, "file": file,
        });
        if let Some(object) = made.as_object_mut() {
            object.extend(
                secret_file.map(|file| (String::from("passphrase_file"), json!(file.display().to_string()))),
            );
            object.extend(secret.map(|secret| (String::from("passphrase"), json!(secret))));
        }
        // With the certificate itself on standard output there is no room for a report.
        if !arguments.pem.as_deref().is_some_and(stdout) {
            output::say(&made.to_string());
        }
        return;
    }
    let note = |line: &str| {
        if arguments.pem.as_deref().is_some_and(stdout) { output::complain(line) } else { output::say(line) }
    };
    note(&format!(
        "{}: certificate {} of customer `{}`, good until {until}",
        file.unwrap_or_default(),
        certificate.serial,
        arguments.id
    ));
    if let Some(file) = secret_file {
        note(&format!("{}: its passphrase; send it by another way than the file", file.display()));
    }
    if let Some(secret) = secret {
        note(secret);
    }
}

fn stdout(path: &Path) -> bool {
    path == Path::new("-")
}
