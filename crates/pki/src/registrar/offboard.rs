//! When a customer leaves: all its certificates are revoked, its data is erased, and a receipt says so.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::{
    Authority, Customer, CustomerId, Fault, Files, Moment, PkiError, Reason, Register, Registrar, Revocation,
    Secrecy, Serial, State, Store, moment::serde_moment, serial::hex,
};

/// Directory of the receipts, one file for each customer that left.
pub const RECEIPTS: &str = "receipts";

/// What was done when a customer left. Its file ends with the SHA-256 of all its other lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Who left.
    pub customer: CustomerId,
    /// Where from.
    pub environment: String,
    /// When.
    #[serde(with = "serde_moment")]
    pub offboarded: OffsetDateTime,
    /// By whom it was done.
    pub by: String,
    /// Every certificate it ever had; none of them counts any more.
    pub certificates: Vec<Serial>,
    /// What was erased.
    pub erased: Vec<String>,
    /// What became of private keys.
    pub private_keys: String,
    /// SHA-256 of the CRL (DER) that lists those certificates which have not expired.
    pub crl_sha256: String,
}

const MARK: &str = "# SHA-256 of the lines above: ";

impl<S: Store> Registrar<S> {
    /// Offboards a customer. May be called again: what a killed process left undone is then done.
    ///
    /// # Errors
    /// There is no such customer, or the register, the list or the receipt cannot be written.
    pub fn offboard(&mut self, id: &CustomerId, authority: &Authority) -> Result<Receipt, PkiError> {
        self.register.check_authority(authority).map_err(|problem| {
            PkiError::refused(problem, "name the key of this register's authority with --ca-key")
        })?;
        let mut customer = self.known(id)?.clone();
        if customer.state != State::Offboarded {
            self.leave(&mut customer);
            self.commit("customer.offboard", customer.clone(), &[])?;
        }
        if !self.register.unlisted(self.now).is_empty() {
            self.publish(authority)?;
        }
        match read_receipt(&self.store, id)? {
            Some(receipt) => Ok(receipt),
            None => self.write_receipt(&customer),
        }
    }

    fn leave(&self, customer: &mut Customer) {
        let gone = Revocation { at: self.now, reason: Reason::CessationOfOperation };
        for record in &mut customer.certificates {
            record.revocation.get_or_insert(gone);
        }
        let left = Customer::new(customer.id.clone(), "", customer.created);
        let certificates = std::mem::take(&mut customer.certificates);
        *customer =
            Customer { state: State::Offboarded, offboarded: Some(Moment(self.now)), certificates, ..left };
    }

    fn write_receipt(&mut self, customer: &Customer) -> Result<Receipt, PkiError> {
        let receipt = Receipt {
            customer: customer.id.clone(),
            environment: self.register.environment().to_owned(),
            offboarded: customer.offboarded.map_or(self.now, |moment| moment.0),
            by: self.who.clone(),
            certificates: customer.certificates.iter().map(|record| record.serial.clone()).collect(),
            erased: ["name", "allow", "identities", "rate", "waf"].map(String::from).to_vec(),
            private_keys: String::from("the register never kept any"),
            crl_sha256: self.register.crl().map(|list| hex(&Sha256::digest(&list.der))).unwrap_or_default(),
        };
        let body = toml::to_string(&receipt).map_err(|error| PkiError::Make(error.to_string()))?;
        let text = format!("{body}{MARK}{}\n", hex(&Sha256::digest(&body)));
        let step = self.begin("customer.receipt", &[("customer", customer.id.as_str())])?;
        self.store.write(&receipt_file(&customer.id), &text, Secrecy::Public)?;
        self.done(step)?;
        Ok(receipt)
    }
}

/// Whether nothing is left of a customer: what still is, one line each.
///
/// # Errors
/// The receipt cannot be read, or there is no such customer.
pub fn verify_offboarded(
    files: &dyn Files,
    register: &Register,
    id: &CustomerId,
    now: OffsetDateTime,
) -> Result<Vec<String>, PkiError> {
    let customer = register.customer(id.as_str()).ok_or_else(|| super::unknown(id.as_str()))?;
    let mut left = Vec::new();
    if customer.state != State::Offboarded {
        left.push(format!("its state is `{}`", customer.state.as_str()));
    }
    for record in &customer.certificates {
        if record.revocation.is_none() {
            left.push(format!("certificate {} is not revoked", record.serial));
        } else if now <= record.not_after && !register.trust().lists(&record.serial) {
            left.push(format!("certificate {} is not in crl.pem", record.serial));
        }
    }
    let empty = Customer {
        state: customer.state,
        offboarded: customer.offboarded,
        certificates: customer.certificates.clone(),
        ..Customer::new(customer.id.clone(), "", customer.created)
    };
    if *customer != empty {
        left.push(String::from("its file holds more than its id and its certificates"));
    }
    match read_receipt(files, id)? {
        None => left.push(String::from("there is no receipt")),
        Some(receipt) => {
            let missing = |record: &&crate::CertificateRecord| !receipt.certificates.contains(&record.serial);
            left.extend(
                customer
                    .certificates
                    .iter()
                    .filter(missing)
                    .map(|record| format!("the receipt does not name certificate {}", record.serial)),
            );
        }
    }
    Ok(left)
}

fn receipt_file(id: &CustomerId) -> String {
    format!("{RECEIPTS}/{id}.toml")
}

fn read_receipt(files: &dyn Files, id: &CustomerId) -> Result<Option<Receipt>, PkiError> {
    let name = receipt_file(id);
    let Some(text) = files.read(&name)? else { return Ok(None) };
    let wrong = |problem: &str| {
        Fault::new(files.place(&name), problem)
            .remedy("put the receipt back from a backup, or remove it and offboard again")
    };
    let (body, sum) = text.split_once(MARK).ok_or_else(|| wrong("has no SHA-256 at its end"))?;
    if sum.trim_end() != hex(&Sha256::digest(body)) {
        return Err(wrong("was changed: its SHA-256 is another one").into());
    }
    let receipt: Receipt = toml::from_str(body).map_err(|error| wrong(error.message()))?;
    if receipt.customer != *id {
        return Err(wrong("is about another customer").into());
    }
    Ok(Some(receipt))
}
