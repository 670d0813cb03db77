//! What the rule engine does otherwise on a route or for a customer: other paranoia levels and thresholds, rules that are left out, targets
//! that rules do not look at.
//!
//! There is one program for all. Settings become a variant of it, and a detection level that is asked for gets a plan of its own, made off
//! the request path: at most three beside that of `[waf]`. Until it is there the rules run the plain way, which is slow and no less right.
//! An exclusion holds until the moment it ends, asked for each request.
//!
//! What a route asks for is checked when the configuration is read. What the register asks for a customer may come at any time: where it
//! cannot be done the customer's requests are refused, as half a policy is none ([`customers`]).

mod customers;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use portcullis_config::{Config, Route, RuleExclusion, RuleName, WafMode, WafPolicy};
use portcullis_diag::Diagnostic;
use portcullis_waf::{
    NoSetting, Program, Removal, Setting, Transaction, Variant,
    removal::{Named, NoRemoval, Part},
};

use crate::{assemble::FIRST_SETTING, clock, codes, refusal::Refusal, tls::at};

pub(crate) use customers::{CustomerOverlay, CustomerOverlays};

/// Levels and thresholds by which the rules judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Levels {
    pub(crate) paranoia: u8,
    pub(crate) detection: u8,
    pub(crate) inbound: u32,
    pub(crate) outbound: u32,
}

/// The overlays of one configuration.
#[derive(Debug)]
pub(crate) struct Overlays {
    program: Arc<Program>,
    /// Whether anything is inspected at all; if not, there are no rules to look anything up in.
    inspects: bool,
    /// As `[waf]` says; the program itself has these.
    outside: Levels,
    /// Why levels and thresholds cannot be changed, if so.
    fixed: Option<NoSetting>,
    /// Same order as the routes of the configuration.
    routes: Vec<RouteOverlay>,
    variants: Mutex<Variants>,
    /// Held while plans are made, so that none is made twice.
    planning: Mutex<()>,
}

#[derive(Debug)]
struct RouteOverlay {
    levels: Levels,
    exclusions: Vec<Arc<Exclusion>>,
}

/// Rules, or targets of rules, that are left out for a while.
#[derive(Debug)]
pub(crate) struct Exclusion {
    removal: Removal,
    /// Unix time at which it ends.
    expires: Duration,
}

/// Variants of the program that are in use.
#[derive(Debug, Default)]
struct Variants {
    /// Those with a plan of their own, by detection level.
    planned: HashMap<u8, Arc<Variant>>,
    known: HashMap<Levels, Arc<Variant>>,
}

/// Variants that are remembered. There are a handful, unless somebody gives each customer thresholds of its own.
const REMEMBERED: usize = 1024;

/// What holds for one request.
#[derive(Debug, Default)]
pub(crate) struct Applied<'a> {
    /// Absent where it is the program itself.
    variant: Option<Arc<Variant>>,
    exclusions: [&'a [Arc<Exclusion>]; 2],
}

impl From<WafPolicy> for Levels {
    fn from(policy: WafPolicy) -> Self {
        Self {
            paranoia: policy.paranoia,
            detection: policy.detection_paranoia,
            inbound: policy.inbound_threshold,
            outbound: policy.outbound_threshold,
        }
    }
}

impl Levels {
    /// The variables of the Core Rule Set that hold them; CRS 3 calls its paranoia level otherwise.
    pub(crate) fn values(self) -> [(&'static str, u32); 6] {
        [
            ("blocking_paranoia_level", u32::from(self.paranoia)),
            ("detection_paranoia_level", u32::from(self.detection)),
            ("paranoia_level", u32::from(self.paranoia)),
            ("executing_paranoia_level", u32::from(self.detection)),
            ("inbound_anomaly_score_threshold", self.inbound),
            ("outbound_anomaly_score_threshold", self.outbound),
        ]
    }
}

impl Overlays {
    /// Looks up in the rules what the configuration asks for. What cannot be found, and what has ended, is told.
    pub(crate) fn read(
        config: &Config,
        program: &Arc<Program>,
        inspects: bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let outside = Levels::from(config.waf.policy());
        let mut overlays = Self {
            program: Arc::clone(program),
            inspects,
            outside,
            fixed: None,
            routes: Vec::new(),
            variants: Mutex::default(),
            planning: Mutex::default(),
        };
        overlays.fixed = overlays.make(outside, None).err().filter(|_| inspects);
        let now = clock::unix_time();
        let mut exclusions = Vec::new();
        for written in config.rule_exclusions.iter().filter(|_| inspects) {
            // Of what has ended it does not matter any more whether the rules are there.
            if written.expires <= now {
                diagnostics.push(ended(written));
                continue;
            }
            match exclusion(program, written) {
                Ok(exclusion) => exclusions.push((written, Arc::new(exclusion))),
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        for route in &config.routes {
            let levels = Levels::from(route.waf);
            diagnostics.extend(
                overlays.fixed.as_ref().filter(|_| levels != outside).map(|problem| fixed(route, problem)),
            );
            let holds =
                |written: &RuleExclusion| written.routes.is_empty() || written.routes.contains(&route.id);
            let own = exclusions.iter().filter(|(written, _)| holds(written));
            let exclusions = own.map(|(_, exclusion)| Arc::clone(exclusion)).collect();
            overlays.routes.push(RouteOverlay { levels, exclusions });
        }
        overlays
    }

    /// The program they are over.
    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Makes the plans that the routes and these customers need. Takes seconds where there are several to be made.
    pub(crate) fn plan(&self, customers: &CustomerOverlays) {
        if !self.inspects || self.fixed.is_some() {
            return;
        }
        let _alone = self.planning.lock().unwrap_or_else(PoisonError::into_inner);
        for level in self.detection_levels(customers) {
            let siblings: Vec<Arc<Variant>> = self.variants().planned.values().cloned().collect();
            let levels =
                Levels { detection: level, paranoia: self.outside.paranoia.min(level), ..self.outside };
            let Ok(variant) = self.make(levels, None) else { continue };
            let variant = variant.planned(&siblings.iter().map(|sibling| &**sibling).collect::<Vec<_>>());
            let mut variants = self.variants();
            variants.planned.insert(level, Arc::new(variant));
            variants.known.retain(|levels, _| levels.detection != level);
        }
    }

    /// Whether [`Self::plan`] has anything to do.
    pub(crate) fn lacks_plans(&self, customers: &CustomerOverlays) -> bool {
        self.inspects && self.fixed.is_none() && !self.detection_levels(customers).is_empty()
    }

    /// What holds for a request.
    ///
    /// # Errors
    /// The rules do not let levels be set that are asked for.
    pub(crate) fn applied<'a>(
        &'a self,
        route: Option<usize>,
        customer: Option<&'a CustomerOverlay>,
    ) -> Result<Applied<'a>, Refusal> {
        if !self.inspects {
            return Ok(Applied::default());
        }
        let route = route.and_then(|index| self.routes.get(index));
        let levels = route.map_or(self.outside, |route| route.levels);
        let levels = customer.map_or(levels, |customer| customer.over(levels));
        Ok(Applied {
            variant: self.variant(levels).map_err(|_| Refusal::CustomerPolicy)?,
            exclusions: [
                route.map_or(&[], |route| &route.exclusions),
                customer.map_or(&[], CustomerOverlay::exclusions),
            ],
        })
    }

    /// Detection levels that are asked for and have no plan.
    fn detection_levels(&self, customers: &CustomerOverlays) -> BTreeSet<u8> {
        let of_routes: HashSet<Levels> = self.routes.iter().map(|route| route.levels).collect();
        let mut needed: BTreeSet<u8> = of_routes.iter().map(|levels| levels.detection).collect();
        for customer in customers.iter() {
            needed.extend(of_routes.iter().map(|levels| customer.over(*levels).detection));
        }
        let planned = &self.variants().planned;
        needed.retain(|level| *level != self.outside.detection && !planned.contains_key(level));
        needed
    }

    /// The variant for some levels; none where it is the program itself.
    fn variant(&self, levels: Levels) -> Result<Option<Arc<Variant>>, NoSetting> {
        if levels == self.outside {
            return Ok(None);
        }
        let mut variants = self.variants();
        if let Some(known) = variants.known.get(&levels) {
            return Ok(Some(Arc::clone(known)));
        }
        let like = variants.planned.get(&levels.detection).cloned();
        let variant = Arc::new(self.make(levels, like.as_deref())?);
        if variants.known.len() >= REMEMBERED {
            variants.known.clear();
        }
        variants.known.insert(levels, Arc::clone(&variant));
        Ok(Some(variant))
    }

    fn make(&self, levels: Levels, like: Option<&Variant>) -> Result<Variant, NoSetting> {
        let values = levels.values().map(|(variable, value)| (variable, value.to_string()));
        let settings = (FIRST_SETTING..).zip(&values);
        let settings: Vec<Setting<'_>> =
            settings.map(|(rule, (variable, value))| Setting { rule, variable, value }).collect();
        Variant::new(&self.program, &settings, like)
    }

    fn variants(&self) -> MutexGuard<'_, Variants> {
        self.variants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Applied<'_> {
    /// The variant by which a transaction begins.
    pub(crate) fn variant(&self) -> Option<&Arc<Variant>> {
        self.variant.as_ref()
    }

    /// Leaves out what is left out at this moment.
    pub(crate) fn leave_out(&self, transaction: &mut Transaction) {
        let mut exclusions = self.exclusions.iter().copied().flatten().peekable();
        if exclusions.peek().is_none() {
            return;
        }
        let now = clock::unix_time();
        for exclusion in exclusions.filter(|exclusion| now < exclusion.expires) {
            transaction.leave_out(&exclusion.removal);
        }
    }
}

fn exclusion(program: &Arc<Program>, written: &RuleExclusion) -> Result<Exclusion, Diagnostic> {
    let rules: Vec<Named> = written.rules.iter().map(|(rule, _)| named(rule)).collect();
    let targets: Vec<String> = written.targets.iter().map(|(target, _)| target.clone()).collect();
    match Removal::new(program, &rules, &targets) {
        Ok(removal) => Ok(Exclusion { removal, expires: written.expires }),
        Err(NoRemoval { part, problem }) => {
            let (span, help) = match part {
                Part::Rules(at) => {
                    let help = "name rules of the rule set in force, or remove the exclusion";
                    (written.rules.get(at).and_then(|(_, span)| *span), help)
                }
                Part::Target(at) => {
                    let help = "`portcullis rules explain ID` tells what a rule looks at";
                    (written.targets.get(at).and_then(|(_, span)| *span), help)
                }
            };
            let message = format!("this exclusion would leave nothing out: {problem}");
            Err(at(Diagnostic::error(codes::EMPTY_EXCLUSION, message).help(help), span))
        }
    }
}

fn named(rule: &RuleName) -> Named {
    match rule {
        RuleName::Ids(from, to) => Named::Ids(*from..=*to),
        RuleName::Tag(tag) => Named::Tag(tag.clone()),
    }
}

fn fixed(route: &Route, problem: &NoSetting) -> Diagnostic {
    let message = format!(
        "route `{}` has levels or thresholds of its own, and the rules do not let them be set: {problem}",
        route.id
    );
    let help = "leave the rules alone that are made from the settings of config.toml";
    Diagnostic::error(codes::FIXED_SETTING, message).help(help)
}

fn ended(written: &RuleExclusion) -> Diagnostic {
    let message = format!("this exclusion (owner: {}) has ended and leaves nothing out", written.owner);
    let help = "remove it; if it is still needed, let its owner say until when";
    at(Diagnostic::warning(codes::EXCLUSION_ENDED, message).help(help), written.expires_span)
}

/// Whether a mode inspects.
pub(crate) fn inspects(mode: Option<WafMode>) -> bool {
    matches!(mode, Some(WafMode::Block | WafMode::Detect))
}
