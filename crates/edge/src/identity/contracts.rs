//! What the register agrees on with each customer: where it may come from and how fast it may ask, in the form in which requests are
//! judged.
//!
//! Made anew whenever the register is read. What a customer has asked goes on counting while its rate stays as it was, whatever changes
//! for others; there is one count for each customer with a rate, and none for anybody the register does not know.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};

use portcullis_pki::{Customer, CustomerId, Rate, Register};
use portcullis_policy::{
    PrefixSet,
    rates::{OwnRate, Quota},
};

use crate::limits;

/// Of all customers that have one.
#[derive(Debug)]
pub(super) struct Contracts {
    /// What they were made from.
    register: Arc<Register>,
    of: HashMap<CustomerId, Arc<Contract>>,
}

/// Of one customer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contract {
    /// Where it may come from; nothing is anywhere.
    pub(crate) networks: Option<Arc<PrefixSet>>,
    /// How fast it may ask; nothing is as fast as everybody.
    pub(crate) rate: Option<Arc<OwnRate>>,
}

impl Contracts {
    /// `previous` are those in force.
    pub(super) fn new(register: &Arc<Register>, previous: Option<&Arc<Self>>) -> Arc<Self> {
        if let Some(same) = previous.filter(|previous| Arc::ptr_eq(&previous.register, register)) {
            return Arc::clone(same);
        }
        let with_any =
            register.customers().filter(|customer| !customer.allow.is_empty() || customer.rate.is_some());
        let of = with_any.map(|customer| {
            let before = previous.and_then(|previous| previous.before(customer));
            (customer.id.clone(), Arc::new(contract(customer, before)))
        });
        Arc::new(Self { register: Arc::clone(register), of: of.collect() })
    }

    /// Nothing where a customer is served as everybody is.
    pub(super) fn of(&self, customer: &CustomerId) -> Option<Arc<Contract>> {
        self.of.get(customer).map(Arc::clone)
    }

    /// The same customer's, and what the register said of it then.
    fn before(&self, customer: &Customer) -> Option<(&Customer, &Contract)> {
        Some((self.register.customer(customer.id.as_str())?, self.of.get(&customer.id)?))
    }
}

fn contract(customer: &Customer, before: Option<(&Customer, &Contract)>) -> Contract {
    let networks = (!customer.allow.is_empty()).then(|| {
        let kept = before.filter(|(before, _)| before.allow == customer.allow);
        kept.and_then(|(_, contract)| contract.networks.clone())
            .unwrap_or_else(|| Arc::new(customer.allow.iter().map(|network| network.0).collect()))
    });
    let rate = customer.rate.map(|rate| {
        let quota = quota(rate);
        let kept = before.and_then(|(_, contract)| contract.rate.clone());
        kept.filter(|kept| kept.quota() == quota)
            .unwrap_or_else(|| Arc::new(OwnRate::new(quota, limits::uptime())))
    });
    Contract { networks, rate }
}

/// The register takes no rate without a request or a time.
fn quota(rate: Rate) -> Quota {
    let requests = NonZeroU32::new(rate.requests).unwrap_or(NonZeroU32::MIN);
    let burst = rate.burst.map_or(requests, |burst| NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
    let period = Duration::from_secs(rate.per.whole_seconds().unsigned_abs());
    Quota { requests, period, burst }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use portcullis_pki::{Algorithm, Directory, NewRegister, init};
    use portcullis_policy::rates::{KeyHasher, Limits, Prefixes, Subject};
    use time::OffsetDateTime;

    use super::*;

    fn found(dir: &Path) {
        let new = NewRegister {
            environment: "test",
            algorithm: Algorithm::P256,
            lifetime: time::Duration::days(1000),
            certificate_lifetime: time::Duration::days(90),
            longest_certificate: time::Duration::days(90),
            longest_key: time::Duration::days(90),
            crl_lifetime: time::Duration::days(30),
            passphrase: None,
        };
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
        init(Directory::lock(dir).expect("locked"), None, new, "test", now).expect("a register");
    }

    fn read(dir: &Path, customers: &[(&str, &str)]) -> Arc<Register> {
        std::fs::create_dir_all(dir.join("customers")).expect("made");
        for (id, agreed) in customers {
            let head = format!(
                "id = \"{id}\"\nname = \"x\"\nstate = \"active\"\ncreated = \"2026-01-01T00:00:00Z\"\n"
            );
            std::fs::write(dir.join(format!("customers/{id}.toml")), head + agreed).expect("written");
        }
        Arc::new(Register::load(&Directory::new(dir)).expect("a register"))
    }

    fn of(contracts: &Contracts, id: &str) -> Option<Arc<Contract>> {
        contracts.of(&CustomerId::parse(id).expect("an id"))
    }

    /// So many of ten requests at once are admitted.
    fn admitted(contracts: &Contracts, id: &str) -> usize {
        let contract = of(contracts, id).expect("a contract");
        let prefixes = Prefixes { v4: 32, v6: 64 };
        let limits = Limits::new(Vec::new(), KeyHasher::new([0; 16], prefixes), limits::uptime(), None);
        let subject = Subject {
            address: "192.0.2.1".parse().expect("an address"),
            customer: Some(id),
            own_rate: contract.rate.as_deref(),
            route: "all",
            header: &|_| None,
        };
        (0..10).filter(|_| limits.take(&subject).refused.is_none()).count()
    }

    #[test]
    fn who_stays_as_it_was_goes_on_counting_and_who_changes_begins_anew() {
        let dir = tempfile::tempdir().expect("a directory");
        found(dir.path());
        let hourly = |burst| format!("rate = {{ requests = 1, per = \"1h\", burst = {burst} }}\n");
        let allow = "allow = [\"192.0.2.0/24\"]\n";
        let acme = format!("{allow}{}", hourly(3));
        let first = read(dir.path(), &[("acme", &acme), ("bolt", &hourly(2)), ("coil", ""), ("dune", allow)]);
        let before = Contracts::new(&first, None);
        assert!(of(&before, "coil").is_none());
        assert!(of(&before, "dune").is_some_and(|dune| dune.rate.is_none()));
        assert_eq!((admitted(&before, "acme"), admitted(&before, "bolt")), (3, 2));
        assert!(Arc::ptr_eq(&before, &Contracts::new(&first, Some(&before))));

        // Another customer changes, then the networks of this one, then its rate.
        let next = read(dir.path(), &[("bolt", &hourly(5)), ("dune", "")]);
        let after = Contracts::new(&next, Some(&before));
        assert_eq!((admitted(&after, "acme"), admitted(&after, "bolt")), (0, 5));
        assert!(of(&after, "dune").is_none());
        let networks = |contracts: &Contracts| of(contracts, "acme").and_then(|acme| acme.networks.clone());
        let (then, now) = (networks(&before).expect("a set"), networks(&after).expect("a set"));
        assert!(Arc::ptr_eq(&then, &now));
        let next = read(dir.path(), &[("acme", &hourly(3))]);
        let after = Contracts::new(&next, Some(&after));
        assert!(networks(&after).is_none());
        assert_eq!((admitted(&after, "acme"), admitted(&after, "bolt")), (0, 0));
        let next = read(dir.path(), &[("acme", &hourly(4))]);
        assert_eq!(admitted(&Contracts::new(&next, Some(&after)), "acme"), 4);
    }
}
