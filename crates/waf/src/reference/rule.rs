//! One rule: its links in order, for each the values of its targets, for each value the transformations and the operator.

use std::{cell::Cell, sync::Arc};

use portcullis_transform::{Context, Transformation};

use super::{Run, expand};
use crate::{
    actions::{effects, setvar},
    ir::{Exclusion, Link, Rule, RuleId, Target, Template, Test},
    limits,
    operators::{Found, Undecided},
    state::{Member, State, Value},
    transaction::{MatchedRule, MatchedTarget},
    variables::{self, Exclusions, Item},
};

impl Run {
    /// Whether the whole chain matched. If so, everything but the disruptive action has been done.
    ///
    /// Trap 2, as v3: `setvar` acts at once, for every value that matches, even if a later link fails; the rest acts only when the whole
    /// chain matched, the innermost link's first.
    pub(crate) fn evaluate(&mut self, id: RuleId, rule: &Rule) -> bool {
        self.state.rule = Some(id);
        self.state.matched.begin_rule();
        let excluded = self.state.controls.excluded(id);
        let mut told = Told::default();
        for link in &rule.links {
            if !self.link(rule, link, &excluded, &mut told) {
                return false;
            }
        }
        for effect in rule.links.iter().rev().flat_map(|link| &link.effects) {
            effects::run(&mut self.state, effect);
        }
        if let Some(severity) = rule.meta.severity {
            self.state.highest_severity = self.state.highest_severity.min(severity);
        }
        self.record(rule, told);
        true
    }

    fn link(&mut self, rule: &Rule, link: &Link, excluded: &[Arc<Exclusion>], told: &mut Told) -> bool {
        let Some(test) = &link.test else {
            self.act(rule, link, told);
            return true;
        };
        let mut matched = false;
        let mut items = Vec::new();
        let mut decided: Vec<(bool, Found)> = Vec::new();
        let exclusions = Exclusions { own: &link.exclusions, by_ctl: excluded };
        for target in &link.targets {
            items.clear();
            decided.clear();
            // Nearly no value matches: those that do not are left where they are. What depends on the order of events is not decided
            // here: an argument with macros may change with every match.
            let mut buffers = BUFFERS.take();
            let mut wanted = |value: &[u8]| {
                if link.multi_match || test.argument.is_some() {
                    return true;
                }
                let (hit, found) = evaluated(&self.state, link, test, value, &mut buffers);
                let may_match = hit != test.negated || found.undecided.is_some();
                if may_match {
                    decided.push((hit, found));
                }
                may_match
            };
            variables::collect(&self.state, target, &exclusions, &mut wanted, &mut items);
            BUFFERS.set(buffers.kept());
            let mut decided = decided.drain(..);
            for item in items.drain(..) {
                matched |= self.value(rule, link, (test, target), (&item, decided.next()), told);
            }
        }
        matched
    }

    /// Tests one value, with `multiMatch` in every form it takes (trap 7), and acts on every match (trap 1).
    fn value(
        &mut self,
        rule: &Rule,
        link: &Link,
        (test, target): (&Test, &Target),
        (item, decided): (&Item, Option<(bool, Found)>),
        told: &mut Told,
    ) -> bool {
        if link.multi_match {
            let mut matched = false;
            for form in forms(&self.state, link, &item.value) {
                matched |= self.form(rule, link, (test, target), (item, &form, None), told);
            }
            return matched;
        }
        if link.transformations.is_empty() {
            return self.form(rule, link, (test, target), (item, &item.value, decided), told);
        }
        let mut buffers = BUFFERS.take();
        let context = Context { unicode_map: self.state.program.settings().unicode_map.as_ref() };
        let form = buffers.transform(&link.transformations, &item.value, &context);
        let form = form.unwrap_or(&item.value);
        let matched = self.form(rule, link, (test, target), (item, form, decided), told);
        BUFFERS.set(buffers.kept());
        matched
    }

    /// Tests one form of a value.
    fn form(
        &mut self,
        rule: &Rule,
        link: &Link,
        (test, target): (&Test, &Target),
        (item, form, decided): (&Item, &[u8], Option<(bool, Found)>),
        told: &mut Told,
    ) -> bool {
        let expanded = test.argument.as_ref().map(|template| expand(&self.state, template));
        let (hit, mut found) = decided.unwrap_or_else(|| {
            let mut found = Found::default();
            let hit = test.operate.evaluate(form, expanded.as_deref(), false, &mut found);
            (hit, found)
        });
        if !self.decide(hit, rule, test, &found) {
            return false;
        }
        if !found.geo.is_empty() {
            let geo = found.geo.drain(..);
            self.state.geo =
                geo.map(|(name, value)| Member::new(name.as_bytes(), value.as_bytes())).collect();
        }
        if hit && link.capture && found.undecided.is_none() {
            // Groups cost several times what a verdict costs: they are asked for after a match only.
            found = Found::default();
            test.operate.evaluate(form, expanded.as_deref(), true, &mut found);
            self.capture(&found);
        }
        let name = item.name(target);
        told.target(&name, hit.then_some(&found));
        // What no transformation changed is shared, not copied.
        let value =
            if std::ptr::eq(form, &*item.value) { Value::clone(&item.value) } else { Value::from(form) };
        self.state.matched.add(name, value);
        self.act(rule, link, told);
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
    fn capture(&mut self, found: &Found) {
        const NAMES: [&[u8]; 10] = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"];
        for (position, name) in NAMES.iter().enumerate() {
            match found.captures.get(position) {
                Some(Some(text)) => self.state.tx.set(name, Value::from(text.as_slice())),
                _ => self.state.tx.unset(name),
            }
        }
    }

    /// What happens for every match of a link.
    fn act(&mut self, rule: &Rule, link: &Link, told: &mut Told) {
        for set_var in &link.set_vars {
            setvar::run(&mut self.state, set_var);
        }
        if self.keeps_values {
            told.message = Some(self.shown(&rule.meta.message_template));
            told.log_data = rule.meta.log_data.as_ref().map(|template| self.shown(template));
        }
    }

    fn shown(&self, template: &Template) -> Vec<u8> {
        let text = expand(&self.state, template);
        text.get(..limits::VALUE_IN_REPORT).unwrap_or(&text).to_vec()
    }

    fn record(&mut self, rule: &Rule, told: Told) {
        self.audited |= rule.meta.audit;
        self.matched.push(MatchedRule {
            id: rule.id,
            phase: rule.phase,
            severity: rule.meta.severity,
            message: Arc::clone(&rule.meta.message),
            tags: Arc::clone(&rule.meta.tags),
            targets: told.targets.iter().map(Place::told).collect(),
            logged: rule.meta.log,
            audited: rule.meta.audit,
            log_data: told.log_data,
            expanded_message: told.message,
        });
    }
}

/// Whether a link matches as things stand; nothing is done about it.
pub(crate) fn would_match(state: &State, link: &Link) -> bool {
    let Some(test) = &link.test else { return true };
    let mut items = Vec::new();
    for target in &link.targets {
        let exclusions = Exclusions { own: &link.exclusions, by_ctl: &[] };
        variables::collect(state, target, &exclusions, &mut |_| true, &mut items);
    }
    items.iter().flat_map(|item| forms(state, link, &item.value)).any(|form| {
        let expanded = test.argument.as_ref().map(|template| expand(state, template));
        let mut found = Found::default();
        let hit = test.operate.evaluate(&form, expanded.as_deref(), false, &mut found);
        hit != test.negated || found.undecided.is_some()
    })
}

/// What a rule will say about its match.
#[derive(Debug, Default)]
struct Told {
    targets: Vec<Place>,
    message: Option<Vec<u8>>,
    log_data: Option<Vec<u8>>,
}

impl Told {
    fn target(&mut self, name: &Value, found: Option<&Found>) {
        if self.targets.len() < limits::MATCHED_TARGETS {
            self.targets.push(Place {
                name: Value::clone(name),
                offset: found.map_or(0, |found| found.offset),
                length: found.map_or(0, |found| found.length),
            });
        }
    }
}

/// Where a link matched. It is put into words only if the whole chain does.
#[derive(Debug)]
struct Place {
    name: Value,
    offset: usize,
    length: usize,
}

impl Place {
    fn told(&self) -> MatchedTarget {
        MatchedTarget { variable: printable(&self.name), offset: self.offset, length: self.length }
    }
}

/// A name that can stand in a log: cut after 128 bytes, control bytes, `\` and bytes beyond ASCII escaped.
fn printable(name: &[u8]) -> String {
    let name = name.get(..limits::NAME_IN_REPORT).unwrap_or(name);
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'\'' | b'"');
    if let (true, Ok(text)) = (name.iter().all(plain), std::str::from_utf8(name)) {
        return text.to_owned();
    }
    name.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect()
}

/// What the operator finds in a value as the link sees it.
fn evaluated(state: &State, link: &Link, test: &Test, value: &[u8], buffers: &mut Buffers) -> (bool, Found) {
    let context = Context { unicode_map: state.program.settings().unicode_map.as_ref() };
    let form = buffers.transform(&link.transformations, value, &context).unwrap_or(value);
    let mut found = Found::default();
    (test.operate.evaluate(form, None, false, &mut found), found)
}

thread_local! {
    /// Kept from value to value; taken out while in use.
    static BUFFERS: Cell<Buffers> = const { Cell::new(Buffers { current: Vec::new(), next: Vec::new() }) };
}

/// What transformations write into.
#[derive(Default)]
struct Buffers {
    current: Vec<u8>,
    next: Vec<u8>,
}

/// Capacity above which a buffer is not kept.
const KEPT: usize = 1 << 20;

impl Buffers {
    /// Applies transformations in order; `None` when nothing changed.
    fn transform(
        &mut self,
        chain: &[&'static Transformation],
        value: &[u8],
        context: &Context<'_>,
    ) -> Option<&[u8]> {
        let mut changed = false;
        for transformation in chain {
            self.next.clear();
            let input = if changed { self.current.as_slice() } else { value };
            if (transformation.apply)(input, &mut self.next, context) {
                std::mem::swap(&mut self.current, &mut self.next);
                changed = true;
            }
        }
        changed.then_some(self.current.as_slice())
    }

    /// Itself, unless a large value has made it grow.
    fn kept(self) -> Self {
        if self.current.capacity().max(self.next.capacity()) > KEPT { Self::default() } else { self }
    }
}

/// The forms that `multiMatch` tests: the original and what each transformation made of it, if that changed it.
fn forms(state: &State, link: &Link, value: &Value) -> Vec<Value> {
    let context = Context { unicode_map: state.program.settings().unicode_map.as_ref() };
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
