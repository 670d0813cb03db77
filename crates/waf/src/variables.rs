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

use std::sync::{Arc, LazyLock};

pub(crate) use body::XML_PATHS;
pub(crate) use persistent::BUILT_IN;
use portcullis_seclang::vocabulary::Variable;

use crate::{
    ir::{Exclusion, Selector, Target},
    state::{State, Value, decimal, full_name},
};

/// Receives the members of a collection: name, value.
pub(crate) type Visit<'a> = dyn FnMut(&Value, &Value) + 'a;

/// Finds a member by name, case ignored; its name as kept, and its value.
pub(crate) type Find = fn(&State, &[u8]) -> Option<(Value, Value)>;

/// What a variable stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meaning {
    /// One value, or none at this time.
    Single(fn(&State) -> Option<Value>),
    /// Any number of named values.
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

/// A value that a rule is to look at.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Its name within its collection; none for a single value or a count.
    pub(crate) member: Option<Value>,
    pub(crate) value: Value,
}

impl Item {
    /// `ARGS:q`, `&ARGS`, `REQUEST_METHOD`
    pub(crate) fn name(&self, target: &Target) -> Value {
        match &self.member {
            Some(member) => full_name(target.variable.name(), member),
            None => Value::from(target.label.as_bytes()),
        }
    }
}

/// The values of a target that are wanted, in wire order, without the excluded ones. A count is wanted always.
pub(crate) fn collect(
    state: &State,
    target: &Target,
    exclusions: &Exclusions<'_>,
    wanted: &mut dyn FnMut(&[u8]) -> bool,
    out: &mut Vec<Item>,
) {
    let variable = target.variable;
    let mut count: usize = 0;
    let mut keep = |member: Option<&Value>, value: &Value| {
        if exclusions.cover(variable, member.map_or(&[], |member| member)) {
            return;
        }
        count += 1;
        if !target.count && wanted(value) {
            out.push(Item { member: member.cloned(), value: Value::clone(value) });
        }
    };
    match (target.meaning, &target.selector) {
        (Meaning::Single(value), _) => {
            if let Some(value) = value(state) {
                keep(None, &value);
            }
        }
        (Meaning::Collection(each) | Meaning::Store(each, _), None) => {
            each(state, &mut |name, value| keep(Some(name), value));
        }
        (Meaning::Store(_, find), Some(Selector::Name(member))) => {
            if let Some((name, value)) = find(state, member) {
                keep(Some(&name), &value);
            }
        }
        (Meaning::Collection(each) | Meaning::Store(each, _), Some(selector)) => {
            each(state, &mut |name, value| {
                if selector.covers(name) {
                    keep(Some(name), value);
                }
            });
        }
        (Meaning::Refused(..), _) => {}
    }
    if target.count {
        out.push(Item { member: None, value: decimal(count) });
    }
}

/// The first value of a variable, for macros.
pub(crate) fn first(state: &State, variable: Variable, member: Option<&[u8]>) -> Option<Value> {
    match (meaning(variable), member) {
        (Meaning::Single(value), _) => value(state),
        (Meaning::Store(_, find), Some(member)) => find(state, member).map(|(_, value)| value),
        (Meaning::Collection(each) | Meaning::Store(each, _), member) => {
            let mut found = None;
            each(state, &mut |name, value| {
                if found.is_none() && member.is_none_or(|member| member.eq_ignore_ascii_case(name)) {
                    found = Some(Value::clone(value));
                }
            });
            found
        }
        (Meaning::Refused(..), _) => None,
    }
}

/// What a rule leaves out.
pub(crate) struct Exclusions<'a> {
    /// As written in the rule, or added to it by a directive.
    pub(crate) own: &'a [Exclusion],
    /// `ctl:ruleRemoveTarget*` of this transaction.
    pub(crate) by_ctl: &'a [Arc<Exclusion>],
}

impl Exclusions<'_> {
    fn cover(&self, variable: Variable, member: &[u8]) -> bool {
        self.own.iter().any(|exclusion| exclusion.covers(variable, member))
            || self.by_ctl.iter().any(|exclusion| exclusion.covers(variable, member))
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
