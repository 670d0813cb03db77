//! Revoking, and the list that tells of it.

use time::{Duration, OffsetDateTime};

use crate::{
    Authority, CustomerId, Fault, PkiError, Reason, Register, Registrar, Revocation, Secrecy, Serial, Store,
    moment::whole, register::CRL, serial::hex, trail,
};

/// An expired certificate stays on the list a little, for those whose clock is late.
const AFTER_EXPIRY: Duration = Duration::days(1);

impl<S: Store> Registrar<S> {
    /// Revokes certificates of one customer, all in one write. It counts from here on; `crl.pem` follows by
    /// [`publish`](Self::publish).
    ///
    /// Those revoked before stay as they are. Gives back those that were live.
    ///
    /// # Errors
    /// There is no such customer, or the certificate is not its.
    pub fn revoke(
        &mut self,
        id: &CustomerId,
        serials: &[Serial],
        reason: Reason,
    ) -> Result<Vec<Serial>, PkiError> {
        let mut customer = self.known(id)?.clone();
        let mut revoked = Vec::new();
        for serial in serials {
            let record = customer.certificates.iter_mut().find(|record| record.serial == *serial);
            let Some(record) = record else {
                let problem = format!("customer `{id}` has no certificate {serial}");
                return Err(PkiError::refused(problem, "see `portcullis cert list`"));
            };
            if record.revocation.is_none() {
                record.revocation = Some(Revocation { at: self.now, reason });
                revoked.push(serial.clone());
            }
        }
        if !revoked.is_empty() {
            let listed: Vec<_> = revoked.iter().map(Serial::as_str).collect();
            let facts = [("serial", listed.join(" ")), ("reason", reason.as_str().to_owned())];
            let facts: Vec<_> = facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
            self.commit("certificate.revoke", customer, &facts)?;
        }
        Ok(revoked)
    }

    /// Signs the list anew: what is revoked and not long expired, with a higher number and a new `nextUpdate`.
    ///
    /// # Errors
    /// It cannot be signed or written, or the authority is not this register's.
    pub fn publish(&mut self, authority: &Authority) -> Result<(), PkiError> {
        let step = self.begin("crl.publish", &[])?;
        write_list(&mut self.store, &self.register, authority, self.now)?;
        self.register = Register::load(&self.store)?;
        self.done(step)
    }

    /// The same, unless the list tells all there is to tell and is far from stale.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn publish_if_behind(&mut self, authority: &Authority) -> Result<bool, PkiError> {
        let left = self.register.fresh_until() - self.now;
        let behind =
            !self.register.unlisted(self.now).is_empty() || left * 2 < self.register.terms().crl_lifetime;
        if behind {
            self.publish(authority)?;
        }
        Ok(behind)
    }
}

/// Makes `crl.pem` anew in a register whose list is missing, torn or forged: the customers' files have all that it tells.
///
/// # Errors
/// Another file cannot be read, or the list cannot be signed or written.
pub fn repair_crl(
    store: &mut dyn Store,
    authority: &Authority,
    who: &str,
    now: OffsetDateTime,
) -> Result<(), PkiError> {
    let now = whole(now);
    let register = Register::load_without_crl(store)?;
    let step = trail::begin(store, who, now, "crl.repair", &[])?;
    write_list(store, &register, authority, now)?;
    trail::done(store, step)
}

fn write_list(
    store: &mut dyn Store,
    register: &Register,
    authority: &Authority,
    now: OffsetDateTime,
) -> Result<(), PkiError> {
    register.check_authority(authority).map_err(|problem| {
        Fault::new(store.place(CRL), problem)
            .remedy("name the key of this register's authority with --ca-key")
    })?;
    let key_id = hex(authority.certificate().key_id.as_deref().unwrap_or_default());
    let revoked = register.customers().flat_map(|customer| &customer.certificates).filter_map(|record| {
        let counts = record.authority == key_id && now <= record.not_after + AFTER_EXPIRY;
        record.revocation.filter(|_| counts).map(|revocation| (record.serial.clone(), revocation))
    });
    // The time as the number keeps rising even when the list before was lost (RFC 5280, section 5.2.3).
    let clock = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    let before = register.crl().map_or(0, |list| number_of(&list.number));
    let number = clock.max(before.saturating_add(1));
    let list = authority.sign_crl(number, (now, now + register.terms().crl_lifetime), revoked)?;
    store.write(CRL, &list, Secrecy::Public)
}

/// Ours fit eight bytes.
fn number_of(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
