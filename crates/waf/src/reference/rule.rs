//! One rule: its links in order, for each the values of its targets, for each value the transformations and the operator.

use std::sync::Arc;

use portcullis_transform::Context;

use super::{
    Run,
    expand::{expand, expanded},
    forms::{Form, Forms},
    room::{self, Buffers, Room},
};
use crate::{
    actions::{effects, setvar},
    ir::{Link, Rule, RuleId, Target, Template, Test},
    limits,
    operators::{Found, Undecided},
    state::{Match, Member, Name, State, Value},
    transaction::{MatchedRule, MatchedTarget},
    variables::{self, Exclusions},
    vm::{Sighting, Sightings},
};

impl Run {
    /// Whether the whole chain matched. If so, everything but the disruptive action has been done.
    ///
    /// Trap 2, as v3: `setvar` acts at once, for every value that matches, even if a later link fails; the rest acts only when the whole
    /// chain matched, the innermost link's first.
    ///
    /// `sightings` says which values may match at all, as far as that is known.
    pub(crate) fn evaluate(&mut self, id: RuleId, rule: &Rule, sightings: Option<&Sightings>) -> bool {
        self.state.rule = Some(id);
        self.state.matched.begin_rule();
        let mut room = room::take();
        let matched = rule.links.iter().enumerate().all(|(at, link)| {
            let known = sightings.and_then(|sightings| sightings.of(at));
            self.link(id, rule, link, known, &mut room)
        });
        if matched {
            for effect in rule.links.iter().rev().flat_map(|link| &link.effects) {
                effects::run(&mut self.state, effect);
            }
            if let Some(severity) = rule.meta.severity {
                self.state.highest_severity = self.state.highest_severity.min(severity);
            }
            self.record(rule, &mut room.told);
        }
        room::put_back(room);
        matched
    }

    fn link(
        &mut self,
        id: RuleId,
        rule: &Rule,
        link: &Link,
        known: Option<&[Sighting]>,
        room: &mut Room,
    ) -> bool {
        let Some(test) = &link.test else {
            self.act(rule, link, room);
            return true;
        };
        let mut matched = false;
        for target in &link.targets {
            let wants_groups = self.wants_groups(link);
            // The plain engine is the measure of the other: it keeps nothing.
            let forms = self.state.tx.plan().is_some().then_some(&mut self.forms);
            search(&self.state, id, link, (test, target), (known, wants_groups), forms, room);
            let mut hits = std::mem::take(&mut room.hits);
            for hit in hits.drain(..) {
                matched |= self.hit(rule, link, (test, target), hit, room);
            }
            room.hits = hits;
        }
        matched
    }

    /// Whether what a link captures may be looked at.
    fn wants_groups(&self, link: &Link) -> bool {
        link.capture && (self.keeps_values || !link.captures_unseen)
    }

    /// Tests a value that is not decided yet, with `multiMatch` in every form it takes (trap 7), and acts on every match (trap 1).
    fn hit(
        &mut self,
        rule: &Rule,
        link: &Link,
        (test, target): (&Test, &Target),
        hit: Hit,
        room: &mut Room,
    ) -> bool {
        if let Some(tested) = hit.decided {
            return self.form(rule, link, (test, target), (hit.member, hit.value, tested), room);
        }
        let forms = if link.multi_match {
            forms(&self.state, link, &hit.value)
        } else {
            vec![last_form(&self.state, link, &hit.value, &mut room.buffers)]
        };
        let mut matched = false;
        for form in forms {
            let mut found = Found::default();
            let argument =
                test.argument.as_ref().map(|template| expanded(&self.state, template, &mut room.argument));
            self.state.work.charge_value(form.len(), test.operate.weight());
            let with_groups = self.wants_groups(link);
            let hit_it = test.operate.evaluate(&form, argument, with_groups, &mut found);
            let tested = Tested { hit: hit_it, found, with_groups };
            matched |= self.form(rule, link, (test, target), (hit.member.clone(), form, tested), room);
        }
        matched
    }

    /// Acts on a form of a value, if it matches.
    fn form(
        &mut self,
        rule: &Rule,
        link: &Link,
        (test, target): (&Test, &Target),
        (member, form, tested): (Option<Value>, Value, Tested),
        room: &mut Room,
    ) -> bool {
        let Tested { hit, mut found, with_groups } = tested;
        if !self.decide(hit, rule, test, &found) {
            return false;
        }
        if !found.geo.is_empty() {
            let geo = found.geo.drain(..);
            self.state.geo =
                geo.map(|(name, value)| Member::new(name.as_bytes(), value.as_bytes())).collect();
        }
        if hit && self.wants_groups(link) && found.undecided.is_none() {
            // Groups cost several times what a verdict costs: they are asked for after a match only.
            if !with_groups {
                found.clear();
                let argument = test
                    .argument
                    .as_ref()
                    .map(|template| expanded(&self.state, template, &mut room.argument));
                self.state.work.charge_value(form.len(), test.operate.weight());
                test.operate.evaluate(&form, argument, true, &mut found);
            }
            self.capture(&found, &form);
        }
        let name = match member {
            Some(member) => Name::Member(target.variable, member),
            None => Name::Whole(Arc::clone(&target.label)),
        };
        room.told.target(&name, hit.then_some(&found));
        self.state.matched.add(Match { name, value: form });
        self.act(rule, link, room);
        true
    }

    /// Takes negation and operators that gave up into account. One that gave up fails closed: it matches, negated or not, unless a match
    /// would let something through. It is noted where ModSecurity's recommended rule looks: `TX:/^MSC_/ "!@streq 0"`.
    fn decide(&mut self, hit: bool, rule: &Rule, test: &Test, found: &Found) -> bool {
        let noted: &[u8] = match found.undecided {
            None => return hit != test.negated,
            Some(Undecided::LimitExceeded) => {
                self.state.pattern_limits = true;
                b"MSC_PCRE_LIMITS_EXCEEDED"
            }
            Some(Undecided::InvalidPattern) => {
                self.state.pattern_error = true;
                b"MSC_PCRE_ERROR"
            }
        };
        self.state.tx.set(noted, Value::fixed(b"1"));
        !rule.lets_through()
    }

    /// Trap 8: a match that captures forgets all of `TX.0` to `TX.9` first, as v2 does, so that a group that took no part never shows
    /// what another match left behind (v3's stale captures were CVE-2026-21876).
    fn capture(&mut self, found: &Found, form: &Value) {
        // Their numbers are their digits.
        const NAMES: [&[u8]; 10] = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"];
        for (position, name) in NAMES.iter().enumerate() {
            match found.captures.get(position) {
                Some(Some(capture)) => {
                    let text = capture.of(form);
                    // What matched as a whole is shared, not copied.
                    let value = if text.len() == form.len() && std::ptr::eq(text, &**form) {
                        Value::clone(form)
                    } else {
                        Value::from(text)
                    };
                    self.state.tx.set_known(Some(position), name, value);
                }
                _ => self.state.tx.unset(Some(position), name),
            }
        }
    }

    /// What happens for every match of a link.
    fn act(&mut self, rule: &Rule, link: &Link, room: &mut Room) {
        for set_var in &link.set_vars {
            setvar::run(&mut self.state, set_var, &mut room.texts);
        }
        if self.keeps_values {
            room.told.message = Some(self.shown(&rule.meta.message_template));
            room.told.log_data = rule.meta.log_data.as_ref().map(|template| self.shown(template));
        }
    }

    fn shown(&self, template: &Template) -> Vec<u8> {
        let text = expand(&self.state, template);
        text.get(..limits::VALUE_IN_REPORT).unwrap_or(&text).to_vec()
    }

    fn record(&mut self, rule: &Rule, told: &mut Told) {
        self.audited |= rule.meta.audit;
        self.matched.push(MatchedRule {
            id: rule.id,
            phase: rule.phase,
            severity: rule.meta.severity,
            message: Arc::clone(&rule.meta.message),
            tags: Arc::clone(&rule.meta.tags),
            targets: told.targets.drain(..).collect(),
            logged: rule.meta.log,
            audited: rule.meta.audit,
            log_data: told.log_data.take(),
            expanded_message: told.message.take(),
        });
    }
}

/// A value that matches, or that is not decided yet.
pub(super) struct Hit {
    /// Its name within its collection; none for a single value or a count.
    member: Option<Value>,
    /// As the link sees it; as it came if it is not decided.
    value: Value,
    decided: Option<Tested>,
}

/// What an operator said of a value.
struct Tested {
    hit: bool,
    found: Found,
    /// It was asked for groups.
    with_groups: bool,
}

/// Puts the values of a target that may match into `room.hits`. Nearly none does: what does not match is only looked at.
///
/// What depends on the order of events is left undecided: behind a match, an argument with macros may be another.
fn search(
    state: &State,
    id: RuleId,
    link: &Link,
    (test, target): (&Test, &Target),
    (known, wants_groups): (Option<&[Sighting]>, bool),
    mut forms: Option<&mut Forms>,
    room: &mut Room,
) {
    if known.is_some_and(|known| !known.iter().any(|sighting| sighting.reaches(target.variable))) {
        return;
    }
    let Room { hits, argument, buffers, .. } = room;
    let argument = test.argument.as_ref().map(|template| expanded(state, template, argument));
    let context = Context { unicode_map: state.program.settings().unicode_map.as_ref() };
    let exclusions = Exclusions::of(&link.exclusions, &state.controls, id, target.variable);
    let weight = test.operate.weight() + transforms(link);
    let mut question = Question { test, argument, wants_groups, found: Found::default() };
    variables::visit(state, target, &exclusions, &mut |member, value| {
        let sighting =
            known.map(|known| known.iter().find(|sighting| sighting.is_of(member.is_some(), value)));
        match sighting {
            Some(None) => return,
            Some(Some(sighting)) if sighting.is_decided() => {
                // Negated, and nothing of what it names is there.
                let decided = Some(Tested { hit: false, found: Found::default(), with_groups: false });
                hits.push(Hit { member: member.cloned(), value: Value::clone(value), decided });
                return;
            }
            _ => {}
        }
        if state.work.is_spent() {
            return;
        }
        state.work.charge_value(value.len(), weight);
        let behind_a_match = test.argument.is_some() && !hits.is_empty();
        if behind_a_match || link.multi_match {
            let chain = link.transformations.as_slice();
            if behind_a_match
                || sighting.is_some()
                || buffers.any_form(chain, value, &context, |form| question.ask(form, false).is_some())
            {
                hits.push(Hit { member: member.cloned(), value: Value::clone(value), decided: None });
            }
            return;
        }
        let form = Form::of(&link.transformations, value, &context, forms.as_deref_mut(), buffers);
        if let Some(decided) = question.ask(form.bytes(value), sighting.is_some()) {
            let value = form.into_value(value);
            hits.push(Hit { member: member.cloned(), value, decided: Some(decided) });
        }
    });
}

/// What the operator of a link is asked of one value after the other.
struct Question<'a> {
    test: &'a Test,
    argument: Option<&'a [u8]>,
    wants_groups: bool,
    found: Found,
}

impl Question<'_> {
    /// What it says, if that is a match. A value that was sighted matches, but for what came in between: its groups are asked for at once.
    fn ask(&mut self, seen: &[u8], sighted: bool) -> Option<Tested> {
        let Self { test, argument, wants_groups, found } = self;
        if !sighted && test.operate.matches(seen) == Some(test.negated) {
            return None;
        }
        let with_groups = sighted && *wants_groups;
        let hit = test.operate.evaluate(seen, *argument, with_groups, found);
        if hit != test.negated || found.undecided.is_some() {
            return Some(Tested { hit, found: std::mem::take(found), with_groups });
        }
        if hit {
            found.clear();
        }
        None
    }
}

/// Whether a link matches as things stand; nothing is done about it.
pub(crate) fn would_match(state: &State, link: &Link) -> bool {
    let Some(test) = &link.test else { return true };
    let mut matches = false;
    for target in &link.targets {
        let exclusions = Exclusions::written(&link.exclusions, target.variable);
        variables::visit(state, target, &exclusions, &mut |_, value| {
            matches |= forms(state, link, value).iter().any(|form| {
                let argument = test.argument.as_ref().map(|template| expand(state, template));
                let mut found = Found::default();
                let hit = test.operate.evaluate(form, argument.as_deref(), false, &mut found);
                hit != test.negated || found.undecided.is_some()
            });
        });
    }
    matches
}

/// What a rule will say about its match.
#[derive(Debug, Default)]
pub(super) struct Told {
    targets: Vec<MatchedTarget>,
    message: Option<Vec<u8>>,
    log_data: Option<Vec<u8>>,
}

impl Told {
    pub(super) fn clear(&mut self) {
        self.targets.clear();
        self.message = None;
        self.log_data = None;
    }

    fn target(&mut self, name: &Name, found: Option<&Found>) {
        if self.targets.len() < limits::MATCHED_TARGETS {
            self.targets.push(MatchedTarget {
                name: name.clone(),
                offset: found.map_or(0, |found| found.offset),
                length: found.map_or(0, |found| found.length),
            });
        }
    }
}

/// Units of work that the transformations of a link cost for a byte.
fn transforms(link: &Link) -> u32 {
    u32::try_from(link.transformations.len()).unwrap_or(u32::MAX)
}

/// What a link's transformations make of a value.
fn last_form(state: &State, link: &Link, value: &Value, buffers: &mut Buffers) -> Value {
    let context = Context { unicode_map: state.program.settings().unicode_map.as_ref() };
    let form = buffers.transform(&link.transformations, value, &context);
    // What no transformation changed is shared, not copied.
    form.map_or_else(|| Value::clone(value), Value::from)
}

/// The forms that `multiMatch` tests: the original and what each transformation made of it, if that changed it.
fn forms(state: &State, link: &Link, value: &Value) -> Vec<Value> {
    let context = Context { unicode_map: state.program.settings().unicode_map.as_ref() };
    state.work.charge_value(value.len(), transforms(link));
    let mut buffers = Buffers::default();
    let mut forms = vec![Value::clone(value)];
    let mut current = Value::clone(value);
    for transformation in &link.transformations {
        let changed =
            buffers.transform(std::slice::from_ref(transformation), &current, &context).map(Value::from);
        if let Some(changed) = changed {
            forms.push(Value::clone(&changed));
            current = changed;
        }
    }
    forms
}
