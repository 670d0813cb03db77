//! What stands left of a rule's operator: one line for each variable of the language, implemented or refused with a reason.
//!
//! A family of variables lives in one file. A variable that is refused is a compile error: a rule never looks at nothing silently.

mod args;
mod body;
mod connection;
mod engine;
mod matched;
mod multipart;
mod persistent;
mod request;
mod response;
mod time;
mod tx;

use std::{
    ops::Deref,
    sync::{Arc, LazyLock},
};

pub(crate) use body::XML_PATHS;
pub(crate) use persistent::BUILT_IN;
use portcullis_seclang::vocabulary::Variable;

use crate::{
    ir::{Exclusion, RuleId, RuleSet, Selector, Target},
    state::{Controls, Member, State, Value, decimal},
};

/// Receives the members of a collection: name, value.
pub(crate) type Visit<'a> = dyn FnMut(&Value, &Value) + 'a;

/// Members as the transaction keeps them, in two pieces: those of the head and those of the body.
pub(crate) type Kept = for<'a> fn(&'a State) -> [&'a [Member]; 2];

/// Finds a member by name, case ignored; its name as kept, and its value.
pub(crate) type Find = for<'a> fn(&'a State, &[u8]) -> Option<(Held<'a>, Held<'a>)>;

/// What a variable stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meaning {
    /// One value, or none at this time.
    Single(fn(&State) -> Option<Value>),
    /// Any number of named values that the transaction keeps.
    Members(Kept),
    /// The names of such values, each under itself: `ARGS_NAMES:q` has the value `q`.
    Names(Kept),
    /// Any number of named values that are made when they are asked for.
    Collection(fn(&State, &mut Visit<'_>)),
    /// Named values with a quick way to one of them.
    Store(fn(&State, &mut Visit<'_>), Find),
    /// Not implemented: why, and what to use instead.
    Refused(&'static str, &'static str),
}

/// A line of the table.
pub(crate) struct Line {
    pub(crate) variable: Variable,
    pub(crate) meaning: Meaning,
}

const fn line(variable: Variable, meaning: Meaning) -> Line {
    Line { variable, meaning }
}

/// The meaning of a variable. A test proves that every variable of the language has exactly one.
pub(crate) fn meaning(variable: Variable) -> Meaning {
    static MEANINGS: LazyLock<Vec<Meaning>> =
        LazyLock::new(|| Variable::ALL.iter().map(|variable| look_up(*variable)).collect());
    MEANINGS.get(variable as usize).copied().unwrap_or_else(|| look_up(variable))
}

fn look_up(variable: Variable) -> Meaning {
    let families: [&[Line]; 11] = [
        request::LINES,
        args::LINES,
        tx::LINES,
        matched::LINES,
        body::LINES,
        multipart::LINES,
        response::LINES,
        connection::LINES,
        persistent::LINES,
        time::LINES,
        engine::LINES,
    ];
    families
        .iter()
        .flat_map(|family| family.iter())
        .find(|line| line.variable == variable)
        .map_or(Meaning::Refused("it has no meaning here", "remove it"), |line| line.meaning)
}

/// Visits the values of a target in wire order, without the excluded ones: the name within the collection (none for a single value or
/// a count), and the value.
pub(crate) fn visit(
    state: &State,
    target: &Target,
    exclusions: &Exclusions<'_>,
    visitor: &mut impl FnMut(Option<&Value>, &Value),
) {
    let variable = target.variable;
    let mut count: usize = 0;
    let mut show = |member: Option<&Value>, value: &Value| {
        if exclusions.cover(variable, member.map_or(&[], |member| member)) {
            return;
        }
        if target.count {
            count += 1;
        } else {
            visitor(member, value);
        }
    };
    match (target.meaning, &target.selector) {
        (Meaning::Single(value), _) => {
            if let Some(value) = value(state) {
                show(None, &value);
            }
        }
        (Meaning::Members(kept), selector) => {
            for member in kept(state).into_iter().flatten().filter(|member| selects(selector, &member.name)) {
                show(Some(&member.name), &member.value);
            }
        }
        (Meaning::Names(kept), selector) => {
            for member in kept(state).into_iter().flatten().filter(|member| selects(selector, &member.name)) {
                show(Some(&member.name), &member.name);
            }
        }
        (Meaning::Collection(each) | Meaning::Store(each, _), None) => {
            each(state, &mut |name, value| show(Some(name), value));
        }
        (Meaning::Store(..), Some(Selector::Regex(regex))) if target.numbers.is_some() => {
            let numbers = target.numbers.as_deref().unwrap_or_default();
            for member in state.tx.some(numbers, |name| regex.is_match(name)) {
                show(Some(&member.name), &member.value);
            }
        }
        (Meaning::Store(..), Some(Selector::Name(name))) if target.numbers.is_some() => {
            let number = target.numbers.iter().flat_map(|numbers| numbers.iter()).next();
            if let Some(member) = state.tx.find_known(number.map(|number| usize::from(*number)), name) {
                show(Some(&member.name), &member.value);
            }
        }
        (Meaning::Store(_, find), Some(Selector::Name(member))) => {
            if let Some((name, value)) = find(state, member) {
                show(Some(&name), &value);
            }
        }
        (Meaning::Collection(each) | Meaning::Store(each, _), Some(selector)) => {
            each(state, &mut |name, value| {
                if selector.covers(name) {
                    show(Some(name), value);
                }
            });
        }
        (Meaning::Refused(..), _) => {}
    }
    if target.count {
        visitor(None, &decimal(count));
    }
}

fn selects(selector: &Option<Selector>, member: &[u8]) -> bool {
    selector.as_ref().is_none_or(|selector| selector.covers(member))
}

/// The first value of a variable, for macros.
pub(crate) fn first<'a>(state: &'a State, variable: Variable, member: Option<&[u8]>) -> Option<Held<'a>> {
    match (meaning(variable), member) {
        (Meaning::Single(value), _) => value(state).map(Held::Made),
        (Meaning::Store(_, find), Some(member)) => find(state, member).map(|(_, value)| value),
        (Meaning::Members(kept), wanted) => {
            first_of(kept(state), wanted).map(|member| Held::Kept(&member.value))
        }
        (Meaning::Names(kept), wanted) => {
            first_of(kept(state), wanted).map(|member| Held::Kept(&member.name))
        }
        (Meaning::Collection(each) | Meaning::Store(each, _), member) => {
            let mut found = None;
            each(state, &mut |name, value| {
                if found.is_none() && member.is_none_or(|member| member.eq_ignore_ascii_case(name)) {
                    found = Some(Held::Made(Value::clone(value)));
                }
            });
            found
        }
        (Meaning::Refused(..), _) => None,
    }
}

fn first_of<'a>(members: [&'a [Member]; 2], wanted: Option<&[u8]>) -> Option<&'a Member> {
    let is_wanted = |member: &&Member| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(&member.name));
    members.into_iter().flatten().find(is_wanted)
}

/// A value that the state keeps, or one that was made to be looked at.
#[derive(Debug)]
pub(crate) enum Held<'a> {
    Kept(&'a Value),
    Made(Value),
}

impl Held<'_> {
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Kept(value) => Value::clone(value),
            Self::Made(value) => value,
        }
    }
}

impl Deref for Held<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Self::Kept(value) => value,
            Self::Made(value) => value,
        }
    }
}

/// What a rule leaves out.
pub(crate) struct Exclusions<'a> {
    /// As written in the rule, or added to it by a directive.
    own: &'a [Exclusion],
    /// `ctl:ruleRemoveTarget*` of this transaction, with the rules it is for.
    by_ctl: &'a [(Arc<RuleSet>, Arc<Exclusion>)],
    rule: RuleId,
}

impl<'a> Exclusions<'a> {
    /// What a rule leaves out of a variable now.
    pub(crate) fn of(own: &'a [Exclusion], controls: &'a Controls, rule: RuleId, variable: Variable) -> Self {
        let by_ctl = controls.excluded();
        let concerned =
            by_ctl.iter().any(|(rules, other)| other.variable == variable && rules.contains(rule));
        let by_ctl = if concerned { by_ctl } else { &[] };
        Self { by_ctl, rule, ..Self::written(own, variable) }
    }

    /// What the rule itself says that it leaves out of a variable.
    pub(crate) fn written(own: &'a [Exclusion], variable: Variable) -> Self {
        let concerned = own.iter().any(|exclusion| exclusion.variable == variable);
        Self { own: if concerned { own } else { &[] }, by_ctl: &[], rule: RuleId::new(0) }
    }

    fn cover(&self, variable: Variable, member: &[u8]) -> bool {
        self.own.iter().any(|exclusion| exclusion.covers(variable, member))
            || self
                .by_ctl
                .iter()
                .any(|(rules, exclusion)| rules.contains(self.rule) && exclusion.covers(variable, member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_of_the_language_is_decided_once() {
        let all: [&[Line]; 11] = [
            request::LINES,
            args::LINES,
            tx::LINES,
            matched::LINES,
            body::LINES,
            multipart::LINES,
            response::LINES,
            connection::LINES,
            persistent::LINES,
            time::LINES,
            engine::LINES,
        ];
        for variable in Variable::ALL {
            let lines = all.iter().flat_map(|family| family.iter()).filter(|line| line.variable == *variable);
            assert_eq!(lines.count(), 1, "{}", variable.name());
        }
    }
}
