//! Overlays of customers, looked up in the rules whenever the register changes, before anybody is judged by the new state of it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use portcullis_config::WafMode;
use portcullis_diag::Diagnostic;
use portcullis_pki::{Exclusion as Written, Mode, Overlay, Register};
use portcullis_waf::{Removal, removal::Named};

use super::{Exclusion, Levels, Overlays, inspects};
use crate::codes;

/// Those of one state of the register, by the id of the customer; who has none is not there.
#[derive(Debug, Default)]
pub(crate) struct CustomerOverlays {
    all: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    written: Overlay,
    made: Result<Arc<CustomerOverlay>, String>,
}

/// What is otherwise for one customer. What it does not say is as the route says.
#[derive(Debug)]
pub(crate) struct CustomerOverlay {
    mode: Option<WafMode>,
    paranoia: Option<u8>,
    detection: Option<u8>,
    inbound: Option<u32>,
    outbound: Option<u32>,
    exclusions: Vec<Arc<Exclusion>>,
}

impl CustomerOverlays {
    /// Of a register. What has not changed since `before` is taken over.
    pub(crate) fn of(register: &Register, overlays: &Overlays, before: &Self, now: Duration) -> Self {
        let differing = register.customers().filter(|customer| !customer.waf.is_empty());
        let all = differing.map(|customer| {
            let known = before.all.get(customer.id.as_str());
            let made = match known.filter(|known| known.written == customer.waf) {
                Some(known) => known.made.clone(),
                None => CustomerOverlay::of(&customer.waf, overlays, now).map(Arc::new),
            };
            (customer.id.as_str().to_owned(), Entry { written: customer.waf.clone(), made })
        });
        Self { all: all.collect() }
    }

    /// Of a customer, if it has one.
    ///
    /// # Errors
    /// It has one that cannot be had.
    pub(crate) fn get(&self, customer: &str) -> Result<Option<Arc<CustomerOverlay>>, ()> {
        match self.all.get(customer).map(|entry| &entry.made) {
            None => Ok(None),
            Some(Ok(overlay)) => Ok(Some(Arc::clone(overlay))),
            Some(Err(_)) => Err(()),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &CustomerOverlay> {
        self.all.values().filter_map(|entry| entry.made.as_deref().ok())
    }

    /// Customers whose overlay cannot be had, and why, in the order of their ids.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let faulty = |(id, entry): (&String, &Entry)| Some((id.clone(), entry.made.as_ref().err()?.clone()));
        let mut faults: Vec<_> = self.all.iter().filter_map(faulty).collect();
        faults.sort();
        faults
    }

    /// What is to be told of them when a configuration is read.
    pub(crate) fn diagnostics(&self, now: Duration) -> Vec<Diagnostic> {
        let mut told: Vec<Diagnostic> = self
            .faults()
            .iter()
            .map(|(id, problem)| {
                let message = format!("customer `{id}`: {problem}; its requests will be refused");
                let help = "change it with `portcullis customer set` or `portcullis customer exclude`";
                Diagnostic::warning(codes::CUSTOMER_POLICY, message).help(help)
            })
            .collect();
        let mut all: Vec<(&String, &Entry)> = self.all.iter().collect();
        all.sort_by_key(|(id, _)| *id);
        for (id, entry) in all {
            for exclusion in entry.written.exclusions.iter().filter(|written| end(written) <= now) {
                let message = format!(
                    "customer `{id}`: an exclusion (owner: {}) has ended and leaves nothing out",
                    exclusion.owner
                );
                let help = "remove it; if it is still needed, let its owner say until when";
                told.push(Diagnostic::warning(codes::EXCLUSION_ENDED, message).help(help));
            }
        }
        told
    }
}

impl CustomerOverlay {
    fn of(written: &Overlay, overlays: &Overlays, now: Duration) -> Result<Self, String> {
        let mode = written.mode.map(|mode| match mode {
            Mode::Block => WafMode::Block,
            Mode::Detect => WafMode::Detect,
            Mode::Off => WafMode::Off,
        });
        if !overlays.inspects && inspects(mode) {
            return Err("it is to be inspected, and this edge inspects nothing".to_owned());
        }
        let Overlay { paranoia, detection_paranoia, inbound_threshold, outbound_threshold, .. } = written;
        let changes = paranoia.is_some()
            || detection_paranoia.is_some()
            || inbound_threshold.is_some()
            || outbound_threshold.is_some();
        if let Some(problem) = overlays.fixed.as_ref().filter(|_| changes) {
            return Err(format!("the rules do not let levels and thresholds be set: {problem}"));
        }
        let mut exclusions = Vec::new();
        // Of what has ended it does not matter any more whether the rules are there.
        let lasting = written.exclusions.iter().filter(|written| overlays.inspects && now < end(written));
        for written in lasting {
            let rules: Vec<Named> = written.rules.iter().map(|id| Named::Ids(*id..=*id)).collect();
            let removal = Removal::new(&overlays.program, &rules, &written.targets)
                .map_err(|problem| format!("an exclusion would leave nothing out: {problem}"))?;
            exclusions.push(Arc::new(Exclusion { removal, expires: end(written) }));
        }
        Ok(Self {
            mode,
            paranoia: *paranoia,
            detection: *detection_paranoia,
            inbound: *inbound_threshold,
            outbound: *outbound_threshold,
            exclusions,
        })
    }

    /// What happens to the customer's requests, if the register says so.
    pub(crate) fn mode(&self) -> Option<WafMode> {
        self.mode
    }

    /// Rules must run to block: the level that is recorded is at least the one that blocks.
    pub(super) fn over(&self, route: Levels) -> Levels {
        let paranoia = self.paranoia.unwrap_or(route.paranoia);
        Levels {
            paranoia,
            detection: self.detection.unwrap_or(route.detection).max(paranoia),
            inbound: self.inbound.unwrap_or(route.inbound),
            outbound: self.outbound.unwrap_or(route.outbound),
        }
    }

    pub(super) fn exclusions(&self) -> &[Arc<Exclusion>] {
        &self.exclusions
    }
}

fn end(written: &Written) -> Duration {
    Duration::from_secs(u64::try_from(written.expires.unix_timestamp()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_goes_over_the_route_and_what_blocks_is_run() {
        let route = Levels { paranoia: 2, detection: 3, inbound: 5, outbound: 4 };
        let over = |paranoia, detection, inbound| {
            let overlay = CustomerOverlay {
                mode: None,
                paranoia,
                detection,
                inbound,
                outbound: None,
                exclusions: Vec::new(),
            };
            let Levels { paranoia, detection, inbound, outbound } = overlay.over(route);
            (paranoia, detection, inbound, outbound)
        };
        assert_eq!(over(None, None, None), (2, 3, 5, 4));
        assert_eq!(over(Some(1), None, Some(9)), (1, 3, 9, 4));
        assert_eq!(over(Some(4), None, None), (4, 4, 5, 4));
        assert_eq!(over(None, Some(1), None), (2, 2, 5, 4));
        assert_eq!(over(Some(1), Some(1), None), (1, 1, 5, 4));
    }
}
