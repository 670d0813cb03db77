//! Which addresses may come in: allow and deny lists for everybody and for a route, the networks of a customer; and who comes in although
//! they say no.
//!
//! A deny list wins over an allow list. Where there are allow lists an address must be on one of them. A break-glass entry lets named
//! addresses past all of that for a while: it is looked for only when the lists have said no, so a use of one is always a use that
//! mattered. The networks of a customer are what was agreed on with it, so an entry has to name the customer to let anybody past them.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use crate::PrefixSet;

/// Lists that hold for one scope. One list may stand in many scopes.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Who may come in; everybody where there is none.
    pub allow: Vec<Arc<PrefixSet>>,
    /// Who may not.
    pub deny: Vec<Arc<PrefixSet>>,
}

/// Why an address does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// It is on a deny list.
    Denied,
    /// It is on none of the allow lists.
    NotAllowed,
    /// It is in none of the customer's networks.
    NotOfCustomer,
}

/// An exception for a while.
#[derive(Clone, Debug)]
pub struct BreakGlass {
    /// Whom it lets in.
    pub prefixes: PrefixSet,
    /// Ids of the routes it holds for; none for all.
    pub routes: Vec<String>,
    /// Ids of the customers whose networks it lets past as well; none for nobody's.
    pub customers: Vec<String>,
    /// Unix time from which it holds no more.
    pub expires: Duration,
}

/// By what right an address comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// The lists have nothing against it.
    ByLists,
    /// They have, but the break-glass entry of this index lets it in.
    ByBreakGlass(usize),
}

/// Where a customer may come from.
#[derive(Clone, Copy, Debug)]
pub struct Customer<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its networks.
    pub networks: &'a PrefixSet,
}

/// All lists of an edge.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// For everybody.
    pub everybody: Lists,
    /// For routes, by their id.
    pub routes: HashMap<String, Lists>,
    /// Exceptions.
    pub break_glass: Vec<BreakGlass>,
}

impl Access {
    /// Before anything but the address is known. A break-glass entry for some route is enough to get as far as naming one.
    ///
    /// # Errors
    /// The address may not come in.
    pub fn connection(
        &self,
        address: IpAddr,
        now: impl FnOnce() -> Duration,
    ) -> Result<Admitted, NotAdmitted> {
        self.everybody.judge(address).or_else(|reason| self.exception(address, None, None, now).ok_or(reason))
    }

    /// With everything known. `customer` is one that may not come from everywhere; `now` is asked for the Unix time only when the lists
    /// have said no.
    ///
    /// # Errors
    /// The address may not come in, not here or not as this customer.
    pub fn request(
        &self,
        address: IpAddr,
        route: &str,
        customer: Option<Customer<'_>>,
        now: impl FnOnce() -> Duration,
    ) -> Result<Admitted, NotAdmitted> {
        let of_route = self.routes.get(route);
        let judged = std::iter::once(&self.everybody)
            .chain(of_route)
            .try_for_each(|lists| lists.judge(address).map(drop));
        let stranger = customer.filter(|customer| !customer.networks.holds(address));
        let refused = match (judged, stranger) {
            (Ok(()), None) => return Ok(Admitted::ByLists),
            (Ok(()), Some(_)) => NotAdmitted::NotOfCustomer,
            (Err(reason), _) => reason,
        };
        self.exception(address, Some(route), stranger.map(|customer| customer.id), now).ok_or(refused)
    }

    fn exception(
        &self,
        address: IpAddr,
        route: Option<&str>,
        customer: Option<&str>,
        now: impl FnOnce() -> Duration,
    ) -> Option<Admitted> {
        if self.break_glass.is_empty() {
            return None;
        }
        let now = now();
        let holds = |entry: &BreakGlass| {
            let here = entry.routes.is_empty()
                || route.is_none_or(|route| entry.routes.iter().any(|id| id == route));
            let of_customer = customer.is_none_or(|customer| entry.customers.iter().any(|id| id == customer));
            here && of_customer && now < entry.expires && entry.prefixes.holds(address)
        };
        self.break_glass.iter().position(holds).map(Admitted::ByBreakGlass)
    }
}

impl Lists {
    fn judge(&self, address: IpAddr) -> Result<Admitted, NotAdmitted> {
        if self.deny.iter().any(|list| list.holds(address)) {
            return Err(NotAdmitted::Denied);
        }
        if !self.allow.is_empty() && !self.allow.iter().any(|list| list.holds(address)) {
            return Err(NotAdmitted::NotAllowed);
        }
        Ok(Admitted::ByLists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(prefixes: &[&str]) -> PrefixSet {
        prefixes.iter().map(|text| text.parse::<ipnet::IpNet>().unwrap()).collect()
    }

    fn lists(allow: &[&str], deny: &[&str]) -> Lists {
        let list = |prefixes: &[&str]| match prefixes {
            [] => Vec::new(),
            prefixes => vec![Arc::new(set(prefixes))],
        };
        Lists { allow: list(allow), deny: list(deny) }
    }

    fn access() -> Access {
        Access {
            everybody: lists(&[], &["192.0.2.0/24"]),
            routes: HashMap::from([(
                "admin".to_owned(),
                lists(&["10.0.0.0/8", "2001:db8::/32"], &["10.9.0.0/16"]),
            )]),
            break_glass: Vec::new(),
        }
    }

    fn at(seconds: u64) -> impl FnOnce() -> Duration {
        move || Duration::from_secs(seconds)
    }

    #[test]
    fn every_scope_has_its_say() {
        let access = access();
        let networks = set(&["10.1.0.0/16", "203.0.113.0/24"]);
        let acme = Some(Customer { id: "acme", networks: &networks });
        for (address, route, customer, expected) in [
            ("203.0.113.1", "open", None, Ok(Admitted::ByLists)),
            ("192.0.2.1", "open", None, Err(NotAdmitted::Denied)),
            ("203.0.113.1", "admin", None, Err(NotAdmitted::NotAllowed)),
            ("10.1.0.1", "admin", None, Ok(Admitted::ByLists)),
            ("::ffff:10.1.0.1", "admin", None, Ok(Admitted::ByLists)),
            ("10.9.0.1", "admin", None, Err(NotAdmitted::Denied)),
            ("10.1.0.1", "admin", acme, Ok(Admitted::ByLists)),
            ("::ffff:10.1.0.1", "admin", acme, Ok(Admitted::ByLists)),
            ("10.2.0.1", "admin", acme, Err(NotAdmitted::NotOfCustomer)),
            ("10.2.0.1", "open", acme, Err(NotAdmitted::NotOfCustomer)),
            ("203.0.113.1", "admin", acme, Err(NotAdmitted::NotAllowed)),
            ("10.2.0.1", "open", None, Ok(Admitted::ByLists)),
        ] {
            let judged = access.request(address.parse().unwrap(), route, customer, at(0));
            assert_eq!(judged, expected, "{address} {route} {customer:?}");
        }
        assert_eq!(access.connection("10.9.0.1".parse().unwrap(), at(0)), Ok(Admitted::ByLists));
        assert_eq!(access.connection("192.0.2.1".parse().unwrap(), at(0)), Err(NotAdmitted::Denied));
    }

    #[test]
    fn an_exception_holds_for_its_time_and_its_routes() {
        let mut access = access();
        let entry = |prefixes: &[&str], routes: &[&str], expires| BreakGlass {
            prefixes: set(prefixes),
            routes: routes.iter().map(ToString::to_string).collect(),
            customers: Vec::new(),
            expires: Duration::from_secs(expires),
        };
        access.break_glass =
            vec![entry(&["192.0.2.7/32"], &["admin"], 100), entry(&["203.0.113.0/24"], &[], 200)];
        let by = |address: &str, route, now| access.request(address.parse().unwrap(), route, None, at(now));
        assert_eq!(by("192.0.2.7", "admin", 99), Ok(Admitted::ByBreakGlass(0)));
        assert_eq!(by("192.0.2.7", "admin", 100), Err(NotAdmitted::Denied));
        assert_eq!(by("192.0.2.7", "open", 99), Err(NotAdmitted::Denied));
        assert_eq!(by("192.0.2.8", "admin", 99), Err(NotAdmitted::Denied));
        assert_eq!(by("203.0.113.5", "admin", 150), Ok(Admitted::ByBreakGlass(1)));
        assert_eq!(by("203.0.113.5", "admin", 200), Err(NotAdmitted::NotAllowed));
        assert_eq!(by("203.0.113.5", "open", 150), Ok(Admitted::ByLists), "nobody needed it");
        let connection = access.connection("192.0.2.7".parse().unwrap(), at(99));
        assert_eq!(connection, Ok(Admitted::ByBreakGlass(0)));
    }
    #[test]
    fn only_an_exception_that_names_the_customer_lets_past_its_networks() {
        let mut access = access();
        let entry = |customers: &[&str]| BreakGlass {
            prefixes: set(&["192.0.2.7/32", "198.51.100.7/32"]),
            routes: Vec::new(),
            customers: customers.iter().map(ToString::to_string).collect(),
            expires: Duration::from_secs(100),
        };
        access.break_glass = vec![entry(&[]), entry(&["acme"])];
        let networks = set(&["10.1.0.0/16"]);
        let by = |address: &str, id, now| {
            let customer = Some(Customer { id, networks: &networks });
            access.request(address.parse().unwrap(), "open", customer, at(now))
        };
        assert_eq!(by("198.51.100.7", "acme", 99), Ok(Admitted::ByBreakGlass(1)));
        assert_eq!(by("198.51.100.7", "acme", 100), Err(NotAdmitted::NotOfCustomer));
        assert_eq!(by("198.51.100.7", "bolt", 99), Err(NotAdmitted::NotOfCustomer));
        // Denied for everybody and of no network of its own: one entry has to let past both.
        assert_eq!(by("192.0.2.7", "acme", 99), Ok(Admitted::ByBreakGlass(1)));
        assert_eq!(by("192.0.2.7", "bolt", 99), Err(NotAdmitted::Denied));
        let nobody = access.request("192.0.2.7".parse().unwrap(), "open", None, at(99));
        assert_eq!(nobody, Ok(Admitted::ByBreakGlass(0)));
    }
}
