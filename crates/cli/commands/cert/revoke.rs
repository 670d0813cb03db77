//! `portcullis cert revoke`.

use portcullis_pki::{CustomerId, LockedDirectory, Reason, Registrar, Serial};
use serde_json::json;

use crate::{
    commands::register::{self, Key, Place},
    output::{self, Exit},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A serial number in hexadecimal, or a customer's id for all its certificates
    #[arg(value_name = "SERIAL|ID")]
    which: String,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    key: Key,
    /// Why: unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation or privilegeWithdrawn
    #[arg(long, value_name = "REASON", default_value = "unspecified", value_parser = reason)]
    reason: Reason,
}

fn reason(text: &str) -> Result<Reason, String> {
    let plain = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
    let known = Reason::ALL.iter().find(|reason| plain(reason.as_str()) == plain(text));
    known.copied().ok_or_else(|| {
        let all: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("one of {} is", all.join(", "))
    })
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut registrar = arguments.place.open()?;
    let (id, serials) = chosen(&registrar, &arguments.which)?;
    let revoked = registrar.revoke(&id, &serials, arguments.reason)?;
    // It counts already. The list must tell others of it, which needs the key.
    let published = match arguments.key.authority(&arguments.place.directory()?) {
        Ok(authority) if !revoked.is_empty() => registrar.publish(&authority).map_err(Into::into),
        Ok(authority) => registrar.publish_if_behind(&authority).map(drop).map_err(Into::into),
        Err(error) => Err(error),
    };
    let listed: Vec<_> = revoked.iter().map(Serial::as_str).collect();
    if arguments.place.json {
        let done = json!({ "customer": id.as_str(), "revoked": listed, "reason": arguments.reason.as_str(), "crl_published": published.is_ok() });
        output::say(&done.to_string());
    } else if listed.is_empty() {
        output::say(&format!("customer `{id}`: nothing to revoke, it was revoked before"));
    } else {
        listed
            .iter()
            .for_each(|serial| output::say(&format!("{serial}: revoked, {}", arguments.reason.as_str())));
    }
    if let Err(error) = published {
        output::complain(&format!(
            "error: the register has it and the edge refuses it; crl.pem could not be signed: {error:#}"
        ));
        output::complain("  = help: run `portcullis cert crl refresh` where the authority's key is");
        return Ok(Exit::Findings);
    }
    Ok(Exit::Good)
}

fn chosen(registrar: &Registrar<LockedDirectory>, which: &str) -> anyhow::Result<(CustomerId, Vec<Serial>)> {
    let register = registrar.register();
    if let Some(customer) = register.customer(which) {
        let all = customer.certificates.iter().filter(|record| record.live(register::now()));
        return Ok((customer.id.clone(), all.map(|record| record.serial.clone()).collect()));
    }
    let serial = Serial::parse(which).ok();
    match serial
        .and_then(|serial| register.certificate(&serial).map(|(customer, _)| (customer.id.clone(), serial)))
    {
        Some((id, serial)) => Ok((id, vec![serial])),
        None => Err(register::refusal(
            format!("`{which}` is neither the serial number of a certificate nor the id of a customer"),
            "see `portcullis cert list`",
        )),
    }
}
