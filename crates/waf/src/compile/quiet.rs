//! Who could notice that a link matched, other than the rule it belongs to.
//!
//! Links of a chain write `MATCHED_VAR`, captures and variables even if a later link does not match. Where no other rule looks at what they
//! write, the chain may sleep until all of its links may match.

use std::sync::Arc;

use portcullis_seclang::vocabulary::Variable;

use crate::{
    ir::{
        Disruption, Echo, Effect, Link, Names, Operation, Part, Regex, Rule, RuleId, Selector, Store, Target,
        Template,
    },
    state::Value,
};

/// What the rules of a program look at that other rules left behind.
pub(super) struct Observers {
    /// A rule may see captures of another.
    captures: bool,
    /// A rule may see `MATCHED_VAR` and its kin of another.
    matched: bool,
    /// A rule looks through all of `TX`.
    all_of_tx: bool,
    /// Rules that look through `TX` by a pattern over names.
    patterns: Vec<(RuleId, Regex)>,
}

impl Observers {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut observers = Self { captures: false, matched: false, all_of_tx: false, patterns: Vec::new() };
        for (at, rule) in rules.iter().enumerate() {
            observers.note(RuleId::new(at), rule);
        }
        observers
    }

    fn note(&mut self, id: RuleId, rule: &Rule) {
        let mut own_captures = false;
        let mut own_match = false;
        for link in &rule.links {
            let argument = link.test.as_ref().and_then(|test| test.argument.as_ref());
            self.note_targets(id, link, own_captures, own_match);
            self.note_templates(argument.into_iter(), own_captures, own_match);
            own_captures |= captures(link);
            own_match |= link.test.is_some();
            let written = link.set_vars.iter().flat_map(|set_var| {
                let value = match &set_var.operation {
                    Operation::Unset => None,
                    Operation::Set(value) | Operation::Add(value) | Operation::Subtract(value) => Some(value),
                };
                std::iter::once(&set_var.name).chain(value)
            });
            self.note_templates(written, own_captures, own_match);
            // Effects run when the whole chain matched, but what they see may be of the first link.
            self.note_templates(link.effects.iter().flat_map(templates), own_captures, own_match);
        }
        if let Disruption::Redirect(_, location) = &rule.disruption {
            self.note_templates(std::iter::once(location), own_captures, own_match);
        }
    }

    fn note_targets(&mut self, id: RuleId, link: &Link, own_captures: bool, own_match: bool) {
        for target in &link.targets {
            match (target.variable, &target.selector) {
                (Variable::Tx, None) => self.all_of_tx = true,
                (Variable::Tx, Some(Selector::Name(name))) => {
                    self.captures |= !own_captures && is_capture(name);
                }
                (Variable::Tx, Some(Selector::Regex(pattern))) => {
                    self.captures |= (b'0'..=b'9').any(|digit| pattern.is_match(&[digit]));
                    self.patterns.push((id, pattern.clone()));
                }
                (variable, _) => self.matched |= !own_match && is_matched(variable),
            }
        }
    }

    fn note_templates<'a>(
        &mut self,
        templates: impl Iterator<Item = &'a Template>,
        own_captures: bool,
        own_match: bool,
    ) {
        for part in templates.flat_map(|template| &template.parts) {
            match part {
                Part::Macro { variable: Variable::Tx, key: None } => self.all_of_tx = true,
                Part::Macro { variable: Variable::Tx, key: Some(name) } => {
                    self.captures |= !own_captures && is_capture(name);
                }
                Part::Macro { variable, .. } => self.matched |= !own_match && is_matched(*variable),
                Part::Literal(_) | Part::Unknown(_) => {}
            }
        }
    }

    /// Whether nobody but its own rule can notice that a link matched.
    pub(super) fn is_quiet(&self, link: &Link) -> bool {
        link.set_vars.is_empty() && self.is_quiet_but_for_variables(link)
    }

    fn is_quiet_but_for_variables(&self, link: &Link) -> bool {
        let decides = |link: &Link| {
            link.test.as_ref().is_some_and(|test| {
                !test.operate.acts()
                    && test.argument.is_none()
                    && test.operate.backtracking_pattern().is_none()
            })
        };
        let is_noticed = self.matched || (link.capture && self.captures);
        !is_noticed && decides(link)
    }

    /// What the head of a chain of two leaves for the second link, if all that anybody could notice is that.
    pub(super) fn echo(
        &self,
        id: RuleId,
        rule: &Rule,
        all: &[Rule],
        names: &Names,
        argument: Option<Value>,
    ) -> Option<Echo> {
        let [head, second] = rule.links.as_slice() else { return None };
        let prefix = own_prefix(second)?;
        let is_plain = head.capture
            && !head.multi_match
            && !second.multi_match
            && captures(head)
            && self.is_quiet_but_for_variables(head)
            && second.test.as_ref().is_some_and(|test| !test.operate.acts())
            && second.transformations.iter().all(|transformation| transformation.name == "lowercase");
        if !is_plain || self.all_of_tx || head.set_vars.is_empty() {
            return None;
        }
        let mut variables = Vec::new();
        for set_var in &head.set_vars {
            let Operation::Set(value) = &set_var.operation else { return None };
            let begins = starts(&set_var.name).is_some_and(|start| begins_with(start, prefix));
            let is_told = |template: &Template| template.parts.iter().all(is_literal_or_group);
            if set_var.store != Store::Tx || !begins || !is_told(&set_var.name) || !is_told(value) {
                return None;
            }
            variables.push((set_var.name.clone(), value.clone()));
        }
        // Nobody else writes variables of such names.
        let others = all.iter().enumerate().filter(|(at, _)| RuleId::new(*at) != id).map(|(_, rule)| rule);
        let mut set_vars = others
            .flat_map(|rule| &rule.links)
            .chain([second])
            .flat_map(|link| &link.set_vars)
            .filter(|set_var| set_var.store == Store::Tx);
        let meets = |name: &Template| {
            starts(name).is_none_or(|start| {
                begins_with(start, prefix) || begins_with(prefix, start) && name.as_literal().is_none()
            })
        };
        if set_vars.any(|set_var| meets(&set_var.name))
            || names.iter().any(|(name, ())| begins_with(name, prefix))
        {
            return None;
        }
        let patterns =
            self.patterns.iter().filter(|(other, _)| *other != id).map(|(_, pattern)| pattern.clone());
        Some(Echo { variables, argument, patterns: patterns.collect(), names: Arc::clone(names) })
    }
}

/// Notes the links whose captures are left for `logdata` alone, as most of them are.
pub(super) fn note_unseen_captures(rules: &mut [Rule]) {
    let observers = Observers::new(rules);
    if observers.captures || observers.all_of_tx {
        return;
    }
    for rule in rules {
        // What runs when the whole chain matched looks at the captures of its last link.
        let effects = rule.links.iter().flat_map(|link| &link.effects);
        let mut seen = effects.flat_map(templates).any(shows_capture)
            || matches!(&rule.disruption, Disruption::Redirect(_, location) if shows_capture(location));
        for link in rule.links.iter_mut().rev() {
            let argument = link.test.as_ref().and_then(|test| test.argument.as_ref());
            let written = link.set_vars.iter().flat_map(|set_var| {
                std::iter::once(&set_var.name).chain(match &set_var.operation {
                    Operation::Unset => None,
                    Operation::Set(value) | Operation::Add(value) | Operation::Subtract(value) => Some(value),
                })
            });
            // What a link behind looks at may be the captures of this one.
            seen |= written.chain(argument).any(shows_capture) || link.targets.iter().any(is_capture_itself);
            link.captures_unseen = !seen;
        }
    }
}

fn shows_capture(template: &Template) -> bool {
    template.parts.iter().any(|part| match part {
        Part::Macro { variable: Variable::Tx, key } => key.as_deref().is_none_or(is_capture),
        Part::Macro { .. } | Part::Literal(_) | Part::Unknown(_) => false,
    })
}

fn is_capture_itself(target: &Target) -> bool {
    matches!((target.variable, &target.selector), (Variable::Tx, Some(Selector::Name(name))) if is_capture(name))
}

/// Whether a match of a link replaces all captures.
fn captures(link: &Link) -> bool {
    link.capture
        && link.test.as_ref().is_some_and(|test| {
            !test.negated && test.argument.is_none() && test.operate.backtracking_pattern().is_none()
        })
}

fn is_capture(name: &[u8]) -> bool {
    matches!(name, [b'0'..=b'9'])
}

fn is_matched(variable: Variable) -> bool {
    matches!(
        variable,
        Variable::MatchedVar | Variable::MatchedVarName | Variable::MatchedVars | Variable::MatchedVarsNames
    )
}

fn is_literal_or_group(part: &Part) -> bool {
    match part {
        Part::Literal(_) | Part::Unknown(_) => true,
        Part::Macro { variable, key } => *variable == Variable::Tx && key.as_deref() == Some(&b"0"[..]),
    }
}

/// The prefix of names that a link looks through, if that is all it looks at.
fn own_prefix(link: &Link) -> Option<&[u8]> {
    match link.targets.as_slice() {
        [target] if target.variable == Variable::Tx && !target.count && link.exclusions.is_empty() => {
            match &target.selector {
                Some(Selector::Regex(pattern)) => pattern.prefix(),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What every name of a template begins with.
fn starts(template: &Template) -> Option<&[u8]> {
    match template.parts.first() {
        Some(Part::Literal(text)) => Some(text),
        _ => None,
    }
}

fn begins_with(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn templates(effect: &Effect) -> impl Iterator<Item = &Template> {
    let all = match effect {
        Effect::Control(_) | Effect::Sanitise(_) => [None, None],
        Effect::Open { key, .. } => [Some(key), None],
        Effect::Expire { name, seconds, .. } => [Some(name), Some(seconds)],
        Effect::Deprecate { name, .. } => [Some(name), None],
        Effect::SetEnv { name, value } => [Some(name), Some(value)],
    };
    all.into_iter().flatten()
}
