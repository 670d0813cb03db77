//! What `ctl` has changed for this transaction.

use std::sync::Arc;

use super::Processor;
use crate::{
    ir::{AuditEngine, Control, Exclusion, RuleId, RuleSet, Settings},
    limits,
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
    excluded: Vec<(Arc<RuleSet>, Arc<Exclusion>)>,
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
            excluded: Vec::new(),
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
                if self.excluded.len() < limits::TARGET_EXCLUSIONS && !self.excluded.iter().any(known) {
                    self.excluded.push((Arc::clone(rules), Arc::clone(exclusion)));
                }
            }
        }
    }

    /// Whether `ctl:ruleRemove*` took a rule away. Checked before each head, so a rule that is running is not stopped (trap 33).
    pub(crate) fn removes(&self, rule: RuleId) -> bool {
        self.removed.contains(rule)
    }

    /// Whether what was removed changes what rules do that look at nothing of the request: one of them is gone, or its target.
    pub(crate) fn spoils(&self, relied: &RuleSet) -> bool {
        self.removed.meets(relied) || self.excluded.iter().any(|(_, exclusion)| exclusion.is_of_tx())
    }

    /// What `ctl:ruleRemoveTarget*` took away, each from a set of rules (trap 32).
    pub(crate) fn excluded(&self) -> &[(Arc<RuleSet>, Arc<Exclusion>)] {
        &self.excluded
    }
}
