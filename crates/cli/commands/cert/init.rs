//! `portcullis cert init`: a new register and its authority.

use portcullis_pki::{Algorithm, Directory, NewRegister, Store, init, parse_span, show_moment};
use serde_json::json;
use time::Duration;

use crate::{
    commands::register::{self, Key, Place},
    output::{self, Exit},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    key: Key,
    /// Environment that all certificates are for (production, integration); that of --config unless given
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Kind of the authority's key
    #[arg(long, value_enum, default_value = "p256")]
    algorithm: Kind,
    /// How long the authority holds
    #[arg(long, value_name = "TIME", default_value = "1825d", value_parser = span)]
    lifetime: Duration,
    /// How long a customer's certificate holds unless asked otherwise
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = span)]
    certificate_lifetime: Duration,
    /// How long a customer's certificate may hold at most
    #[arg(long, value_name = "TIME", default_value = "397d", value_parser = span)]
    longest_certificate: Duration,
    /// How long a key may be in use before `cert issue` wants a new one and `cert expiring` tells of it
    #[arg(long, value_name = "TIME", default_value = "730d", value_parser = span)]
    longest_key: Duration,
    /// How long a revocation list holds; it is signed anew by every change, and by `cert crl refresh`
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = span)]
    crl_lifetime: Duration,
    /// Encrypts the authority's key with the passphrase given
    #[arg(long)]
    encrypt_key: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    P256,
    P384,
}

pub(super) fn span(text: &str) -> Result<Duration, String> {
    parse_span(text).map_err(|problem| format!("`{text}` {problem}"))
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let directory = arguments.place.directory()?;
    let configured = arguments.place.environment()?;
    let environment = match (&arguments.env, &configured) {
        (Some(env), Some(config)) if env != config => {
            let problem = format!("--env says `{env}`, the configuration `{config}`");
            return Err(register::refusal(problem, "make one register for each environment"));
        }
        (Some(env), _) | (None, Some(env)) => env,
        (None, None) => {
            return Err(register::refusal(
                "which environment the certificates are for is not said",
                "name it with --env, or name a configuration",
            ));
        }
    };
    let passphrase = if arguments.encrypt_key { arguments.key.passphrase()? } else { None };
    if arguments.encrypt_key && passphrase.is_none() {
        let remedy = "give one by --passphrase-fd, the systemd credential portcullis-ca-passphrase or PORTCULLIS_CA_PASSPHRASE";
        return Err(register::refusal("--encrypt-key needs a passphrase", remedy));
    }
    let founding = NewRegister {
        environment,
        algorithm: match arguments.algorithm {
            Kind::P256 => Algorithm::P256,
            Kind::P384 => Algorithm::P384,
        },
        lifetime: arguments.lifetime,
        certificate_lifetime: arguments.certificate_lifetime,
        longest_certificate: arguments.longest_certificate,
        longest_key: arguments.longest_key,
        crl_lifetime: arguments.crl_lifetime,
        passphrase: passphrase.as_deref(),
    };
    let (mut keys, name) = arguments.key.store(&directory)?;
    let apart = arguments.key.ca_key.as_ref().map(|_| (&mut keys as &mut dyn Store, name.as_str()));
    let authority = init(Directory::lock(&directory)?, apart, founding, &register::who(), register::now())?;
    let key = arguments.key.ca_key.clone().unwrap_or_else(|| directory.join(name.as_str()));
    let until = show_moment(authority.not_after);
    if arguments.place.json {
        let made = json!({
            "register": directory.display().to_string(), "environment": environment, "authority": authority.subject,
            "not_after": until, "certificate": directory.join("ca.pem").display().to_string(), "key": key.display().to_string(),
        });
        output::say(&made.to_string());
    } else {
        output::say(&format!("{}: a register for environment `{environment}`", directory.display()));
        output::say(&format!(
            "{}: {}, good until {until}",
            directory.join("ca.pem").display(),
            authority.subject
        ));
        output::say(&format!(
            "{}: its key; keep a copy of it and of the register in a safe place",
            key.display()
        ));
    }
    Ok(Exit::Good)
}
