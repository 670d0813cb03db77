//! The one who writes the register.
//!
//! Whoever holds a [`Registrar`] holds the lock of its store, so what it read is what is there. Each change is one write of one
//! customer's file: before it nothing has changed, after it everything has. `crl.pem` follows; a process that is killed in between
//! leaves a list that is behind, which readers make up for, and which the next [`publish`](Registrar::publish) repairs. A certificate is
//! in the register before anybody is handed it.

mod init;
mod issue;
mod offboard;
mod revoke;

use time::OffsetDateTime;

use crate::{
    Customer, CustomerId, Fault, PkiError, Register, Secrecy, State, Store,
    moment::whole,
    register::CUSTOMERS,
    trail::{self, Step},
};

pub use init::{NewRegister, init};
pub use issue::{LIVE_AT_MOST, Prepared};
pub use offboard::{RECEIPTS, Receipt, verify_offboarded};
pub use revoke::repair_crl;

/// A register that is open for change.
#[derive(Debug)]
pub struct Registrar<S: Store> {
    store: S,
    register: Register,
    who: String,
    now: OffsetDateTime,
}

impl<S: Store> Registrar<S> {
    /// Opens a register. `who` goes into the trail.
    ///
    /// # Errors
    /// The register cannot be read.
    pub fn open(store: S, who: &str, now: OffsetDateTime) -> Result<Self, PkiError> {
        let register = Register::load(&store)?;
        Ok(Self { store, register, who: who.to_owned(), now: whole(now) })
    }

    /// The register as it is now.
    #[must_use]
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// Adds a customer, active and without certificates.
    ///
    /// # Errors
    /// There is one of this id, or was: ids are not given twice.
    pub fn add(
        &mut self,
        id: CustomerId,
        name: &str,
        change: impl FnOnce(&mut Customer),
    ) -> Result<(), PkiError> {
        if let Some(other) = self.register.customer(id.as_str()) {
            let problem = match other.state {
                State::Offboarded => format!("`{id}` was a customer and is offboarded"),
                _ => format!("customer `{id}` is there already"),
            };
            return Err(PkiError::refused(
                problem,
                "choose another id; `portcullis customer set` changes a customer",
            ));
        }
        let mut customer = Customer::new(id, name, self.now);
        change(&mut customer);
        self.commit("customer.add", customer, &[])
    }

    /// Changes what a customer may do.
    ///
    /// # Errors
    /// There is no such customer, it is offboarded, or the change would break a rule of its file.
    pub fn change(
        &mut self,
        id: &CustomerId,
        what: &str,
        change: impl FnOnce(&mut Customer),
    ) -> Result<(), PkiError> {
        let mut customer = self.served(id)?.clone();
        change(&mut customer);
        if customer == *self.served(id)? {
            return Ok(());
        }
        self.commit(what, customer, &[])
    }

    /// A customer that is not offboarded.
    fn served(&self, id: &CustomerId) -> Result<&Customer, PkiError> {
        let customer = self.known(id)?;
        match customer.state {
            State::Offboarded => Err(PkiError::refused(
                format!("customer `{id}` is offboarded"),
                "add a new customer under another id",
            )),
            State::Active | State::Suspended => Ok(customer),
        }
    }

    fn known(&self, id: &CustomerId) -> Result<&Customer, PkiError> {
        self.register.customer(id.as_str()).ok_or_else(|| unknown(id.as_str()))
    }

    /// The one way a customer's file changes.
    fn commit(&mut self, what: &str, customer: Customer, facts: &[(&str, &str)]) -> Result<(), PkiError> {
        let file = file_of(&customer.id);
        let wrong =
            |problem: String| Fault::new(self.store.place(&file), problem).remedy("nothing was changed");
        let text = customer.to_toml().map_err(wrong)?;
        self.register.check_identities(&customer).map_err(wrong)?;
        let id = customer.id.clone();
        let step = self.begin(what, &[&[("customer", id.as_str())], facts].concat())?;
        self.store.write(&file, &text, Secrecy::Public)?;
        self.register.replace(customer);
        self.done(step)
    }

    fn begin(&mut self, what: &str, facts: &[(&str, &str)]) -> Result<Step, PkiError> {
        trail::begin(&mut self.store, &self.who, self.now, what, facts)
    }

    fn done(&mut self, step: Step) -> Result<(), PkiError> {
        trail::done(&mut self.store, step)
    }
}

/// The file of a customer.
pub(crate) fn file_of(id: &CustomerId) -> String {
    format!("{CUSTOMERS}/{id}.toml")
}

pub(crate) fn unknown(id: &str) -> PkiError {
    PkiError::refused(
        format!("there is no customer `{id}`"),
        "see `portcullis customer list`, or add it with `portcullis customer add`",
    )
}
