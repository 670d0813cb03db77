//! `portcullis customer offboard` and `customer verify-offboarded`.

use portcullis_pki::{RECEIPTS, Serial, show_moment, verify_offboarded};
use serde_json::json;

use super::One;
use crate::{
    commands::register::{self, Key},
    output::{self, Exit},
};

#[derive(clap::Args)]
pub(crate) struct Offboard {
    #[command(flatten)]
    pub(super) one: One,
    #[command(flatten)]
    key: Key,
}

pub(super) fn offboard(offboard: &Offboard) -> anyhow::Result<Exit> {
    let One { id, place } = &offboard.one;
    let mut registrar = place.open()?;
    let directory = place.directory()?;
    let authority = offboard.key.authority(&directory)?;
    let receipt = registrar.offboard(id, &authority)?;
    let file = directory.join(RECEIPTS).join(format!("{id}.toml")).display().to_string();
    if place.json {
        let certificates: Vec<_> = receipt.certificates.iter().map(Serial::as_str).collect();
        let done = json!({
            "customer": id.as_str(), "offboarded": show_moment(receipt.offboarded), "certificates": certificates,
            "erased": receipt.erased, "receipt": file,
        });
        output::say(&done.to_string());
    } else {
        let certificates = output::number(receipt.certificates.len(), "certificate");
        output::say(&format!(
            "customer `{id}`: offboarded; none of its {certificates} counts any more, its data is erased"
        ));
        output::say(&format!("{file}: the receipt"));
    }
    Ok(Exit::Good)
}

pub(super) fn verify(one: &One) -> anyhow::Result<Exit> {
    let (directory, read) = one.place.read()?;
    let left = verify_offboarded(&directory, &read, &one.id, register::now())?;
    if one.place.json {
        output::say(
            &json!({ "customer": one.id.as_str(), "offboarded": left.is_empty(), "left": left }).to_string(),
        );
    } else if left.is_empty() {
        output::say(&format!("customer `{}`: offboarded, nothing is left", one.id));
    } else {
        left.iter().for_each(|line| output::say(&format!("customer `{}`: {line}", one.id)));
    }
    Ok(if left.is_empty() { Exit::Good } else { Exit::Findings })
}
