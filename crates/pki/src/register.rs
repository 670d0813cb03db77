//! The register as it is read: one immutable value that answers who a certificate belongs to and whether it still counts.
//!
//! On disk it is a directory:
//!
//! ```text
//! register.toml        which environment it is for; written last by `cert init`
//! ca.pem               the authority's certificate, of several the one that issues first
//! ca.key               its key (PKCS#8, mode 0600, may be encrypted); may live elsewhere, readers never need it
//! crl.pem              what it revoked, signed, with nextUpdate
//! customers/ID.toml    one customer, its policy and all its certificates
//! receipts/            what was done when a customer left
//! audit.log            who did what and when, one JSON object a line
//! .lock                held by the one process that writes
//! ```
//!
//! Each file is replaced as a whole, so a reader needs no lock. A revocation is in the customer's file before it is in `crl.pem`; a
//! certificate counts as revoked when either says so. So a reader that comes in between, and a directory that was copied file by file,
//! err on the safe side.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{
    Authority, Certificate, CertificateRecord, Crl, Customer, CustomerId, Fault, Files, PkiError, Serial,
    State, Trust,
    customer::line_of,
    identity::{check_environment, customer_of, environment_of},
    moment::serde_span,
    trust::{anchors_of, crls_of},
};

/// Says which environment a register is for.
pub const REGISTER: &str = "register.toml";
/// The authority's certificate.
pub const CA: &str = "ca.pem";
/// The authority's key.
pub const CA_KEY: &str = "ca.key";
/// The authority's revocation list.
pub const CRL: &str = "crl.pem";
/// Directory of the customers' files.
pub const CUSTOMERS: &str = "customers";

/// What `register.toml` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Version of the directory's form.
    pub format: u32,
    /// The environment that all its certificates are for.
    pub environment: String,
    /// How long a customer's certificate holds unless asked otherwise.
    #[serde(default = "Terms::certificate_lifetime", with = "serde_span")]
    pub certificate_lifetime: Duration,
    /// How long one may hold at most.
    #[serde(default = "Terms::longest_certificate", with = "serde_span")]
    pub longest_certificate: Duration,
    /// How long a key may be in use, a customer's or the authority's, over all certificates for it.
    #[serde(default = "Terms::longest_key", with = "serde_span")]
    pub longest_key: Duration,
    /// How long a CRL holds.
    #[serde(default = "Terms::crl_lifetime", with = "serde_span")]
    pub crl_lifetime: Duration,
}

impl Terms {
    fn certificate_lifetime() -> Duration {
        Duration::days(90)
    }

    fn longest_certificate() -> Duration {
        Duration::days(397)
    }

    fn longest_key() -> Duration {
        Duration::days(730)
    }

    fn crl_lifetime() -> Duration {
        Duration::days(30)
    }

    pub(crate) fn to_toml(&self) -> Result<String, PkiError> {
        toml::to_string(self).map_err(|error| PkiError::Make(error.to_string()))
    }
}

/// The form that is read and written.
pub(crate) const FORMAT: u32 = 1;

/// The whole register at one moment.
#[derive(Clone, Debug)]
pub struct Register {
    terms: Terms,
    trust: Trust,
    customers: BTreeMap<CustomerId, Customer>,
    /// Whose certificate, and which of its.
    serials: HashMap<Serial, (CustomerId, usize)>,
    /// Identities in certificates of external authorities.
    external: HashMap<String, CustomerId>,
}

/// A certificate that counts, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Identified<'a> {
    /// The customer.
    pub customer: &'a Customer,
    /// The record of the certificate; nothing where an external authority issued it.
    pub record: Option<&'a CertificateRecord>,
}

/// Why a certificate does not count. The chain up to an authority was verified before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unidentified {
    /// It names no customer, or more than one.
    #[error("the certificate names no customer")]
    Nameless,
    /// It is for another environment, or for none.
    #[error("the certificate is for environment `{theirs}`, this is `{ours}`")]
    OtherEnvironment {
        /// Of the certificate; empty when it names none or several.
        theirs: String,
        /// Of the register.
        ours: String,
    },
    /// Not for TLS clients.
    #[error("the certificate is not for TLS clients")]
    NotForClients,
    /// It does not hold yet.
    #[error("the certificate does not hold yet")]
    NotYetValid,
    /// It holds no longer.
    #[error("the certificate has expired")]
    Expired,
    /// The register's authority signed it, and the register does not have it, or has another one under its number.
    #[error("the register does not have the certificate")]
    Unregistered,
    /// It was revoked.
    #[error("the certificate was revoked")]
    Revoked,
    /// The customer it names is not in the register.
    #[error("the register does not have the customer")]
    UnknownCustomer,
    /// The customer is suspended.
    #[error("the customer is suspended")]
    Suspended,
    /// The customer is offboarded.
    #[error("the customer is offboarded")]
    Offboarded,
}

impl Unidentified {
    /// A short word for records and metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Nameless => "nameless",
            Self::OtherEnvironment { .. } => "other_environment",
            Self::NotForClients => "not_for_clients",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Unregistered => "unregistered",
            Self::Revoked => "revoked",
            Self::UnknownCustomer => "unknown_customer",
            Self::Suspended => "suspended",
            Self::Offboarded => "offboarded",
        }
    }
}

impl Register {
    /// Reads a whole register.
    ///
    /// # Errors
    /// The first file that is missing or wrong. Nothing of a register counts unless all of it can be read.
    pub fn load(files: &dyn Files) -> Result<Self, PkiError> {
        let terms = read_terms(files)?;
        let anchors = anchors_of(files, CA)?;
        let lists = crls_of(files, CRL, &anchors)?;
        let trust = Trust::new(anchors, lists).map_err(|problem| {
            Fault::new(files.place(CRL), problem).remedy("run `portcullis cert crl refresh`")
        })?;
        Self::with_customers(files, terms, trust)
    }

    /// Reads all but the list, to make that anew: what it has revoked counts in the customers' files.
    pub(crate) fn load_without_crl(files: &dyn Files) -> Result<Self, PkiError> {
        let terms = read_terms(files)?;
        let anchors = anchors_of(files, CA)?;
        let crls = crls_of(files, CRL, &anchors).unwrap_or_default();
        Self::with_customers(files, terms, Trust { anchors, crls })
    }

    /// The environment of a register, of which nothing else is read.
    ///
    /// # Errors
    /// There is none, or its `register.toml` is wrong.
    pub fn environment_of(files: &dyn Files) -> Result<String, PkiError> {
        read_terms(files).map(|terms| terms.environment)
    }

    fn with_customers(files: &dyn Files, terms: Terms, trust: Trust) -> Result<Self, PkiError> {
        let mut register = Self {
            terms,
            trust,
            customers: BTreeMap::new(),
            serials: HashMap::new(),
            external: HashMap::new(),
        };
        for name in files.list(CUSTOMERS)? {
            let file = format!("{CUSTOMERS}/{name}");
            // A file that went away between the two looks is no customer.
            let Some(text) = files.read(&file)? else { continue };
            register.take(files.place(&file), &name, &text)?;
        }
        Ok(register)
    }

    fn take(&mut self, place: String, name: &str, text: &str) -> Result<(), PkiError> {
        let customer = Customer::from_toml(&place, text)?;
        if name.strip_suffix(".toml") != Some(customer.id.as_str()) {
            let problem = format!("is the file of customer `{}`", customer.id);
            return Err(Fault::new(place, problem).remedy("name it after its customer, ID.toml").into());
        }
        for record in &customer.certificates {
            if let Some((other, _)) = self.certificate(&record.serial) {
                let problem =
                    format!("certificate {} is in the file of customer `{}` too", record.serial, other.id);
                return Err(Fault::new(place, problem).remedy("keep it where it belongs").into());
            }
        }
        if let Err(problem) = self.check_identities(&customer) {
            return Err(Fault::new(place, problem).remedy("an identity stands for one customer").into());
        }
        self.replace(customer);
        Ok(())
    }

    /// Whether an external identity stands for somebody else already.
    pub(crate) fn check_identities(&self, customer: &Customer) -> Result<(), String> {
        for identity in &customer.identities {
            if let Some(other) = self.external.get(identity).filter(|other| **other != customer.id) {
                return Err(format!("identity `{identity}` stands for customer `{other}` too"));
            }
        }
        Ok(())
    }

    /// Takes a customer as it is now.
    pub(crate) fn replace(&mut self, customer: Customer) {
        for (index, record) in customer.certificates.iter().enumerate() {
            self.serials.insert(record.serial.clone(), (customer.id.clone(), index));
        }
        self.external.retain(|_, id| *id != customer.id);
        for identity in &customer.identities {
            self.external.insert(identity.clone(), customer.id.clone());
        }
        self.customers.insert(customer.id.clone(), customer);
    }

    /// What it was made for.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Revoked certificates that have not expired and that `crl.pem` does not list yet: it is behind, and `cert crl refresh` is due.
    #[must_use]
    pub fn unlisted(&self, now: OffsetDateTime) -> Vec<Serial> {
        let records = self.customers.values().flat_map(|customer| &customer.certificates);
        let behind = records.filter(|record| {
            record.revocation.is_some() && now <= record.not_after && !self.trust.lists(&record.serial)
        });
        behind.map(|record| record.serial.clone()).collect()
    }

    /// Whether an authority is the one that issues for this register.
    pub(crate) fn check_authority(&self, authority: &Authority) -> Result<(), String> {
        match self.trust.anchors.first() {
            Some(ours) if ours == authority.certificate() => Ok(()),
            _ => Err(format!("`{}` is not the authority of this register", authority.certificate().subject)),
        }
    }

    /// The environment that it is for.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.terms.environment
    }

    /// The register's authority: certificates and revocation lists.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// All customers, by id.
    pub fn customers(&self) -> impl Iterator<Item = &Customer> {
        self.customers.values()
    }

    /// One customer.
    #[must_use]
    pub fn customer(&self, id: &str) -> Option<&Customer> {
        self.customers.get(&CustomerId::parse(id).ok()?)
    }

    /// The record of a certificate that the register's authority issued, and whose it is.
    #[must_use]
    pub fn certificate(&self, serial: &Serial) -> Option<(&Customer, &CertificateRecord)> {
        let (id, index) = self.serials.get(serial)?;
        let customer = self.customers.get(id)?;
        Some((customer, customer.certificates.get(*index)?))
    }

    /// Whether a certificate of the register's authority is revoked, by its customer's file or by the CRL.
    #[must_use]
    pub fn is_revoked(&self, serial: &Serial) -> bool {
        self.trust.lists(serial)
            || self.certificate(serial).is_some_and(|(_, record)| record.revocation.is_some())
    }

    /// The moment from which the CRL is stale: the next one should have been there.
    #[must_use]
    pub fn fresh_until(&self) -> OffsetDateTime {
        self.trust.fresh_until().unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The CRL of the authority that issues.
    #[must_use]
    pub fn crl(&self) -> Option<&Crl> {
        let active = self.trust.anchors.first()?;
        self.trust.crls.iter().find(|list| list.authority == active.key_id)
    }

    /// Whose a leaf certificate is, whose chain was verified up to an authority of this register's [`trust`](Self::trust) or up to an
    /// external one. To be asked for every request: a connection lives longer than a certificate may.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn identify(&self, leaf: &Certificate, now: OffsetDateTime) -> Result<Identified<'_>, Unidentified> {
        if now < leaf.not_before {
            return Err(Unidentified::NotYetValid);
        }
        if now > leaf.not_after {
            return Err(Unidentified::Expired);
        }
        if !leaf.client_auth || leaf.is_authority {
            return Err(Unidentified::NotForClients);
        }
        let identified = match self.trust.issuer_of(leaf) {
            Some(_) => self.identify_own(leaf)?,
            None => self.identify_external(leaf)?,
        };
        match identified.customer.state {
            State::Active => Ok(identified),
            State::Suspended => Err(Unidentified::Suspended),
            State::Offboarded => Err(Unidentified::Offboarded),
        }
    }

    fn identify_own(&self, leaf: &Certificate) -> Result<Identified<'_>, Unidentified> {
        let theirs = environment_of(&leaf.uris).unwrap_or_default();
        if theirs != self.terms.environment {
            return Err(Unidentified::OtherEnvironment {
                theirs: theirs.to_owned(),
                ours: self.terms.environment.clone(),
            });
        }
        let named = customer_of(&leaf.uris).ok_or(Unidentified::Nameless)?;
        if self.is_revoked(&leaf.serial) {
            return Err(Unidentified::Revoked);
        }
        let customer = self.customers.get(&named).ok_or(Unidentified::UnknownCustomer)?;
        let (owner, record) = self.certificate(&leaf.serial).ok_or(Unidentified::Unregistered)?;
        if owner.id != named || record.sha256 != leaf.sha256 {
            return Err(Unidentified::Unregistered);
        }
        Ok(Identified { customer, record: Some(record) })
    }

    fn identify_external(&self, leaf: &Certificate) -> Result<Identified<'_>, Unidentified> {
        let names = leaf.uris.iter().map(String::as_str).chain(leaf.dns_names());
        let mut found = None;
        for id in names.filter_map(|name| self.external.get(name)) {
            if found.replace(id).is_some_and(|other| other != id) {
                return Err(Unidentified::Nameless);
            }
        }
        let id = found.ok_or(Unidentified::Nameless)?;
        let customer = self.customers.get(id).ok_or(Unidentified::UnknownCustomer)?;
        Ok(Identified { customer, record: None })
    }
}

/// What a register was made for.
fn read_terms(files: &dyn Files) -> Result<Terms, PkiError> {
    let place = files.place(REGISTER);
    let Some(text) = files.read(REGISTER)? else {
        let remedy = "make a register with `portcullis cert init`, or name the one that is there";
        return Err(Fault::new(place, "is not there").remedy(remedy).into());
    };
    let terms: Terms = toml::from_str(&text).map_err(|error| {
        let line = error.span().map(|span| line_of(&text, span.start));
        Fault::new(place.as_str(), error.message()).line(line).remedy("set it back from a backup")
    })?;
    if terms.format != FORMAT {
        let problem = format!("has form {}, and only form {FORMAT} can be read", terms.format);
        return Err(Fault::new(place, problem)
            .remedy("use the version of portcullis that wrote it, or a later one")
            .into());
    }
    if let Err(problem) = check_environment(&terms.environment) {
        return Err(Fault::new(place, format!("`environment` {problem}")).into());
    }
    Ok(terms)
}
