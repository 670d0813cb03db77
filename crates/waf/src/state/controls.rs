//! What `ctl` has changed for this transaction.

use std::sync::Arc;

use super::Processor;
use crate::{
    ir::{AuditEngine, Control, Exclusion, RuleId, RuleSet, Settings},
    limits,
    removal::Removal,
    transaction::Mode,
};

#[derive(Debug)]
pub(crate) struct Controls {
    pub(crate) engine: Mode,
    pub(crate) audit_engine: AuditEngine,
    pub(crate) request_body_access: bool,
    pub(crate) response_body_access: bool,
    /// `ctl:requestBodyProcessor`, stronger than the content type.
    pub(crate) processor: Option<Processor>,
    /// `ctl:forceRequestBodyVariable`
    pub(crate) forces_request_body: bool,
    removed: RuleSet,
    /// Rules that were left out before the first one ran.
    absent: RuleSet,
    /// The first of them were there before the first rule ran.
    excluded: Vec<(Arc<RuleSet>, Arc<Exclusion>)>,
    given: usize,
}

impl Controls {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            engine: settings.engine,
            audit_engine: settings.audit_engine,
            request_body_access: settings.request_body_access,
            response_body_access: settings.response_body_access,
            processor: None,
            forces_request_body: false,
            removed: RuleSet::default(),
            absent: RuleSet::default(),
            excluded: Vec::new(),
            given: 0,
        }
    }

    pub(crate) fn apply(&mut self, control: &Control) {
        match control {
            Control::Engine(mode) => self.engine = *mode,
            Control::AuditEngine(engine) => self.audit_engine = *engine,
            Control::RequestBodyAccess(on) => self.request_body_access = *on,
            Control::ResponseBodyAccess(on) => self.response_body_access = *on,
            Control::BodyProcessor(processor) => self.processor = Some(*processor),
            Control::ForceRequestBody(on) => self.forces_request_body = *on,
            Control::RemoveRules(rules) => self.removed.extend(rules),
            // Beyond the bound an exclusion has no effect: the rule inspects more, never less.
            Control::RemoveTargets(rules, exclusion) => {
                let known = |(_, present): &(_, Arc<Exclusion>)| Arc::ptr_eq(present, exclusion);
                if self.excluded.len() - self.given < limits::TARGET_EXCLUSIONS
                    && !self.excluded.iter().any(known)
                {
                    self.excluded.push((Arc::clone(rules), Arc::clone(exclusion)));
                }
            }
        }
    }

    /// Leaves out before the first rule runs.
    pub(crate) fn leave_out(&mut self, removal: &Removal) {
        if removal.targets.is_empty() {
            self.absent.extend(&removal.rules);
        }
        let targets = removal.targets.iter();
        self.excluded.extend(targets.map(|target| (Arc::clone(&removal.rules), Arc::clone(target))));
        self.given = self.excluded.len();
    }

    /// Whether a rule is left out, from the start or since `ctl:ruleRemove*` took it away. Checked before each head, so a rule that is
    /// running is not stopped (trap 33).
    pub(crate) fn removes(&self, rule: RuleId) -> bool {
        self.removed.contains(rule) || self.absent.contains(rule)
    }

    /// Whether what `ctl` took away changes what rules do that look at nothing of the request: one of them is gone, or its target.
    pub(crate) fn spoils(&self, relied: &RuleSet) -> bool {
        let mut since = self.excluded.iter().skip(self.given);
        self.removed.meets(relied) || since.any(|(_, exclusion)| exclusion.is_of_tx())
    }

    /// Rules that do otherwise than if nothing had been left out from the start, as far as they do anything before a value of the request
    /// is looked at: those of a plan that relies on them, and all that a part of `TX` is hidden from.
    pub(crate) fn otherwise(&self, relied: &RuleSet) -> impl Iterator<Item = RuleId> {
        let absent = Some(&self.absent).filter(|absent| absent.meets(relied));
        let gone = absent.into_iter().flat_map(RuleSet::iter).filter(|id| relied.contains(*id));
        let given = self.excluded.iter().take(self.given);
        let hidden = given.filter(|(_, exclusion)| exclusion.is_of_tx()).flat_map(|(rules, _)| rules.iter());
        gone.chain(hidden)
    }

    /// What `ctl:ruleRemoveTarget*` took away, each from a set of rules (trap 32).
    pub(crate) fn excluded(&self) -> &[(Arc<RuleSet>, Arc<Exclusion>)] {
        &self.excluded
    }
}
