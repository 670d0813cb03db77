//! Issuing: first made, then recorded, then handed out.

use time::Duration;

use crate::{
    Authority, Certificate, CertificateRecord, ClientKey, CustomerId, PkiError, Reason, Registrar, Serial,
    State, Store, authority::ClientProfile, random, serial::hex, show_span,
};

/// So many live certificates a customer has at most: one in use, and its successor.
pub const LIVE_AT_MOST: usize = 2;

/// A certificate that is made and counts for nothing until it is recorded.
#[derive(Debug)]
pub struct Prepared {
    /// The certificate.
    pub certificate: Certificate,
    /// Its key.
    pub key: ClientKey,
    id: CustomerId,
    authority: String,
}

impl Prepared {
    /// The certificate as PEM.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.certificate.to_pem()
    }
}

impl<S: Store> Registrar<S> {
    /// Makes a certificate for a customer. It is not in the register yet: whoever has it gets in nowhere.
    ///
    /// # Errors
    /// The customer is not active or has two live certificates, the key is another customer's, was compromised or is too old, or the
    /// certificate would hold longer than one may.
    pub fn prepare(
        &self,
        id: &CustomerId,
        key: ClientKey,
        lifetime: Option<Duration>,
        authority: &Authority,
    ) -> Result<Prepared, PkiError> {
        self.may_have_another(id)?;
        self.may_use(id, &key)?;
        let lifetime = self.lifetime(lifetime, authority)?;
        let serial = self.new_serial()?;
        let environment = self.register.environment();
        let profile = ClientProfile { id, environment, serial, key: &key.public, now: self.now, lifetime };
        let certificate = authority.issue_client(&profile)?;
        let authority = hex(authority.certificate().key_id.as_deref().unwrap_or_default());
        Ok(Prepared { certificate, key, id: id.clone(), authority })
    }

    /// Puts a certificate into the register. From here on it counts.
    ///
    /// # Errors
    /// The customer's file cannot be written; then the certificate counts for nothing.
    pub fn record(&mut self, prepared: &Prepared) -> Result<(), PkiError> {
        let Prepared { certificate, key, id, authority } = prepared;
        let mut customer = self.served(id)?.clone();
        customer.certificates.push(CertificateRecord {
            serial: certificate.serial.clone(),
            identity: id.uri(),
            environment: self.register.environment().to_owned(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            sha256: certificate.sha256.clone(),
            authority: authority.clone(),
            key: key.origin,
            key_sha256: key.sha256.clone(),
            issued: self.now,
            reminded: None,
            revocation: None,
        });
        let until = certificate.not_after.date().to_string();
        let facts = [("serial", certificate.serial.as_str()), ("not_after", until.as_str())];
        self.commit("certificate.issue", customer, &facts)
    }

    fn may_have_another(&self, id: &CustomerId) -> Result<(), PkiError> {
        let customer = self.served(id)?;
        if customer.state == State::Suspended {
            let remedy = format!("run `portcullis customer resume {id}` first");
            return Err(PkiError::refused(format!("customer `{id}` is suspended"), remedy));
        }
        let live: Vec<_> = customer.certificates.iter().filter(|record| record.live(self.now)).collect();
        if live.len() < LIVE_AT_MOST {
            return Ok(());
        }
        let listed: Vec<_> = live
            .iter()
            .map(|record| format!("{} (until {})", record.serial, record.not_after.date()))
            .collect();
        let problem = format!(
            "customer `{id}` has {} live certificates, and may have {LIVE_AT_MOST}: {}",
            live.len(),
            listed.join(", ")
        );
        Err(PkiError::refused(
            problem,
            "revoke the one that is not used any more: `portcullis cert revoke SERIAL --reason superseded`",
        ))
    }

    /// A key identifies one customer, and one that somebody else may have identifies nobody.
    fn may_use(&self, id: &CustomerId, key: &ClientKey) -> Result<(), PkiError> {
        for customer in self.register.customers() {
            for record in customer.certificates.iter().filter(|record| record.key_sha256 == key.sha256) {
                let compromised =
                    record.revocation.is_some_and(|revocation| revocation.reason == Reason::KeyCompromise);
                let aged = self.now - record.issued > self.register.terms().longest_key;
                let problem = match (customer.id == *id, compromised) {
                    (_, true) => {
                        format!("this key was compromised: certificate {} was revoked for it", record.serial)
                    }
                    (false, false) => format!(
                        "this key is customer `{}`'s: certificate {} is for it",
                        customer.id, record.serial
                    ),
                    (true, false) if aged => format!(
                        "this key is in use since {}, and may be for {}",
                        record.issued.date(),
                        show_span(self.register.terms().longest_key)
                    ),
                    (true, false) => continue,
                };
                return Err(PkiError::refused(problem, "ask the customer for a request with a new key"));
            }
        }
        Ok(())
    }

    fn lifetime(&self, asked: Option<Duration>, authority: &Authority) -> Result<Duration, PkiError> {
        let terms = self.register.terms();
        let lifetime = asked.unwrap_or(terms.certificate_lifetime);
        let longest = terms.longest_certificate;
        if lifetime > longest || lifetime < Duration::SECOND {
            let problem =
                format!("a certificate may hold up to {}, not {}", show_span(longest), show_span(lifetime));
            return Err(PkiError::refused(
                problem,
                "ask for less with --days; `longest_certificate` in register.toml is the bound",
            ));
        }
        let end = authority.certificate().not_after;
        if self.now >= end {
            return Err(PkiError::refused(
                format!("the authority ended on {}", end.date()),
                "make a new register with `portcullis cert init`",
            ));
        }
        Ok(lifetime)
    }

    /// 128 random bits that no certificate has yet.
    fn new_serial(&self) -> Result<[u8; 16], PkiError> {
        for _ in 0..8 {
            let bytes = random::<16>().map_err(PkiError::Make)?;
            if bytes != [0; 16] && self.register.certificate(&Serial::from_bytes(&bytes)).is_none() {
                return Ok(bytes);
            }
        }
        Err(PkiError::Make(String::from("the system's random numbers repeat")))
    }
}
