//! What ends soon: customers' certificates, the authority's, the CRL; and keys that are too old.

use time::{Duration, OffsetDateTime};

use crate::{CustomerId, PkiError, Register, Registrar, Serial, State, Store};

/// Days before its end at which a certificate is told of, once each.
pub const REMINDERS: [u16; 3] = [30, 15, 5];

/// A certificate that ends soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Whose.
    pub customer: CustomerId,
    /// Its serial number.
    pub serial: Serial,
    /// Its last moment.
    pub not_after: OffsetDateTime,
    /// Whole days until then, negative after.
    pub days_left: i64,
    /// Whether the customer has another live certificate that holds longer.
    pub renewed: bool,
}

/// Live certificates that end within this time, and those that ended without a successor as long ago at most; first those that end
/// first.
#[must_use]
pub fn ending(register: &Register, within: Duration, now: OffsetDateTime) -> Vec<Ending> {
    let mut found = Vec::new();
    for customer in register.customers().filter(|customer| customer.state != State::Offboarded) {
        for record in customer.certificates.iter().filter(|record| record.revocation.is_none()) {
            let left = record.not_after - now;
            let renewed = customer
                .certificates
                .iter()
                .any(|other| other.live(now) && other.not_after > record.not_after);
            if left <= within && (left >= Duration::ZERO || (!renewed && left >= -within)) {
                found.push(Ending {
                    customer: customer.id.clone(),
                    serial: record.serial.clone(),
                    not_after: record.not_after,
                    days_left: left.whole_seconds().div_euclid(86_400),
                    renewed,
                });
            }
        }
    }
    found.sort_by_key(|ending| ending.not_after);
    found
}

/// A key in use that is older than the register's terms want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgedKey {
    /// Whose; nothing for the authority's own.
    pub customer: Option<CustomerId>,
    /// A live certificate for it.
    pub serial: Serial,
    /// Since when it is in use.
    pub since: OffsetDateTime,
}

/// Keys of live certificates that are in use for longer than they may, the authority's first.
#[must_use]
pub fn aged_keys(register: &Register, now: OffsetDateTime) -> Vec<AgedKey> {
    let longest = register.terms().longest_key;
    let authorities = register
        .trust()
        .anchors
        .iter()
        .filter(|anchor| now <= anchor.not_after)
        .map(|anchor| AgedKey { customer: None, serial: anchor.serial.clone(), since: anchor.not_before });
    let customers = register.customers().filter(|customer| customer.state != State::Offboarded);
    let customers = customers.flat_map(|customer| {
        customer.certificates.iter().filter(|record| record.live(now)).map(|record| {
            let same = customer.certificates.iter().filter(|other| {
                other.serial == record.serial
                    || (!other.key_sha256.is_empty() && other.key_sha256 == record.key_sha256)
            });
            AgedKey {
                customer: Some(customer.id.clone()),
                serial: record.serial.clone(),
                since: same.map(|other| other.issued).min().unwrap_or(record.issued),
            }
        })
    });
    authorities.chain(customers).filter(|key| now - key.since > longest).collect()
}

/// A certificate that came under one of the [`REMINDERS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminder {
    /// The certificate.
    pub ending: Ending,
    /// Which of them, in days.
    pub days: u16,
}

impl<S: Store> Registrar<S> {
    /// Reminders that are due and were not given before. Each is noted before it is given back, so that no two runs give the same one.
    ///
    /// # Errors
    /// A customer's file cannot be written.
    pub fn reminders(&mut self, now: OffsetDateTime) -> Result<Vec<Reminder>, PkiError> {
        let mut due = Vec::new();
        let furthest = REMINDERS.into_iter().max().map_or(Duration::ZERO, |days| Duration::days(days.into()));
        for ending in ending(self.register(), furthest, now) {
            let reached = REMINDERS.into_iter().filter(|days| ending.days_left < i64::from(*days)).min();
            let given = self.register().certificate(&ending.serial).and_then(|(_, record)| record.reminded);
            let Some(days) =
                reached.filter(|days| !ending.renewed && given.is_none_or(|given| given > *days))
            else {
                continue;
            };
            let serial = ending.serial.clone();
            self.change(&ending.customer.clone(), "certificate.remind", |customer| {
                for record in customer.certificates.iter_mut().filter(|record| record.serial == serial) {
                    record.reminded = Some(days);
                }
            })?;
            due.push(Reminder { ending, days });
        }
        Ok(due)
    }
}
