//! A rule: one chain with what it says about itself.

use std::sync::Arc;

use super::{Control, Disruption, Effect, Exclusion, MarkerId, SetVar, Target, Template};
use crate::{operators::Operate, transaction::Mode};

/// Where a rule was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Rule file.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
}

/// A rule, head and links together. The disruptive action belongs to the whole.
#[derive(Debug)]
pub struct Rule {
    /// `id`
    pub id: u64,
    /// 1 to 5
    pub phase: u8,
    /// Where the head was written.
    pub place: Place,
    /// What it says about itself.
    pub meta: Meta,
    /// Head first.
    pub links: Vec<Link>,
    /// What stops a request.
    pub disruption: Disruption,
    /// Where evaluation goes on after a match.
    pub skip: Option<Skip>,
}

impl Rule {
    /// Whether a match makes the engine look at less: `allow`, a skip, or a `ctl` that takes something away. Such a rule must not match
    /// because its operator gave up.
    #[must_use]
    pub fn lets_through(&self) -> bool {
        let effects = self.links.iter().flat_map(|link| &link.effects);
        matches!(self.disruption, Disruption::Allow(_))
            || self.skip.is_some()
            || effects.into_iter().any(|effect| {
                matches!(
                    effect,
                    Effect::Control(
                        Control::Engine(Mode::Detect | Mode::Off)
                            | Control::RequestBodyAccess(false)
                            | Control::ResponseBodyAccess(false)
                            | Control::RemoveRules(_)
                            | Control::RemoveTargets(..)
                    )
                )
            })
    }
}

/// `skip` and `skipAfter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// `skip:2`: the next rules of this phase, a chain being one.
    Rules(u32),
    /// `skipAfter:X`
    After(MarkerId),
}

/// What a rule says about itself.
#[derive(Clone, Debug)]
pub struct Meta {
    /// `severity`, 0 to 7
    pub severity: Option<u8>,
    /// `msg` as written
    pub message: Arc<str>,
    /// `msg` to be expanded
    pub message_template: Template,
    /// `logdata`
    pub log_data: Option<Template>,
    /// `tag`s as written
    pub tags: Arc<[Box<str>]>,
    /// `rev`
    pub revision: Option<Box<str>>,
    /// `ver`
    pub version: Option<Box<str>>,
    /// `maturity`, 1 to 9
    pub maturity: Option<u8>,
    /// `accuracy`, 1 to 9
    pub accuracy: Option<u8>,
    /// `log` or `nolog`
    pub log: bool,
    /// `auditlog` or `noauditlog`
    pub audit: bool,
}

/// One `SecRule` or `SecAction` of a chain.
#[derive(Debug)]
pub struct Link {
    /// What is looked at.
    pub targets: Vec<Target>,
    /// What is not.
    pub exclusions: Vec<Exclusion>,
    /// In order, everything before the last `t:none` dropped.
    pub transformations: Vec<&'static portcullis_transform::Transformation>,
    /// Tests the value as it came and after every transformation that changed it.
    pub multi_match: bool,
    /// `capture`
    pub capture: bool,
    /// What it captures is looked at by nobody but a report with values.
    pub(crate) captures_unseen: bool,
    /// Absent in `SecAction`, which always matches, once.
    pub test: Option<Test>,
    /// `setvar`s
    pub set_vars: Vec<SetVar>,
    /// What runs after the whole chain matched.
    pub effects: Vec<Effect>,
}

/// The operator of a rule.
#[derive(Debug)]
pub struct Test {
    /// `!@op`
    pub negated: bool,
    /// `rx`
    pub operator: &'static str,
    /// The operator.
    pub operate: Box<dyn Operate>,
    /// Its argument, if it holds macros.
    pub argument: Option<Template>,
}
