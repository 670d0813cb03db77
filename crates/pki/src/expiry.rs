//! What ends soon: customers' certificates, the authority's, the CRL.

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
