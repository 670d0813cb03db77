//! A program with other values in its settings: what differs from route to route and from customer to customer, without compiling
//! anything again.
//!
//! A setting is a `SecAction` that gives a variable of `TX` a value. In a variant it gives it another one, at the very place where the
//! rule stands: what is read in front of it is overridden as before, and what is read behind it may change the variable still. Everything
//! else, automata and patterns among it, is the program's own.
//!
//! Values that many rules rest on, such as a paranoia level, make the plan of the program useless: a variant may have a plan of its own
//! ([`Variant::planned`]), and others that differ from it in little may follow it ([`Variant::new`]). Whatever the plan, the rules do the
//! same.

use std::sync::Arc;

use crate::{
    compile,
    ir::{Link, Operation, Part, Plan, Program, Rule, RuleId, Store, Template},
};

/// A value that a rule gives to a variable of `TX` in a variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Setting<'a> {
    /// `id` of the `SecAction`.
    pub rule: u64,
    /// The variable, without `tx.`; ASCII case does not matter.
    pub variable: &'a str,
    /// What it becomes. Text; macros in it are not expanded.
    pub value: &'a str,
}

/// Why a rule cannot be a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSetting {
    /// `id` that was asked for.
    pub rule: u64,
    /// What is wrong with it.
    pub problem: String,
}

impl std::fmt::Display for NoSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule {} {}", self.rule, self.problem)
    }
}

impl std::error::Error for NoSetting {}

/// A program with other values in its settings. Immutable, shared by all requests that it is for.
#[derive(Debug)]
pub struct Variant {
    program: Arc<Program>,
    /// What is otherwise than in the program.
    values: Vec<Other>,
    /// Rules that stand for the program's own, in their order.
    replaced: Vec<(RuleId, Rule)>,
    plan: Option<Arc<Plan>>,
    /// Rules that do otherwise than the plan says.
    differing: Vec<RuleId>,
}

/// The value of one `setvar` of a rule that is not as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Other {
    pub(crate) rule: RuleId,
    set_var: usize,
    value: Box<[u8]>,
}

impl Variant {
    /// Values for some settings of a program; what is not named stays as written. With `like` its plan is followed, as far as it goes:
    /// give one that differs in values which few rules rest on, thresholds for example.
    ///
    /// # Errors
    /// A rule that does not exist, or that is no `SecAction` which gives this variable a text of its own.
    pub fn new(
        program: &Arc<Program>,
        settings: &[Setting<'_>],
        like: Option<&Self>,
    ) -> Result<Self, NoSetting> {
        let mut values = Vec::new();
        for setting in settings {
            values.extend(other(program, setting)?);
        }
        values.sort();
        let mut replaced: Vec<(RuleId, Rule)> = Vec::new();
        for Other { rule: id, set_var, value } in &values {
            if replaced.last().is_none_or(|(last, _)| last != id) {
                let Some(rule) = program.rule(*id).and_then(copied) else { continue };
                replaced.push((*id, rule));
            }
            let link = replaced.last_mut().and_then(|(_, rule)| rule.links.first_mut());
            if let Some(set_var) = link.and_then(|link| link.set_vars.get_mut(*set_var)) {
                set_var.operation = Operation::Set(literal(value));
            }
        }
        let like = like.filter(|like| Arc::ptr_eq(&like.program, program));
        let plan = like.map_or_else(|| program.plan.clone(), |like| like.plan.clone());
        let differing = plan.as_ref().map_or_else(Vec::new, |plan| differing(&values, &plan.values));
        Ok(Self { program: Arc::clone(program), values, replaced, plan, differing })
    }

    /// The same with a plan of its own. `siblings` are variants whose automata it shares. This takes about as long as compiling the
    /// program did; a program whose rules run the plain way has no plan, and neither have its variants.
    #[must_use]
    pub fn planned(self, siblings: &[&Self]) -> Self {
        let Some(base) = &self.program.plan else { return self };
        let siblings = siblings.iter().filter(|sibling| Arc::ptr_eq(&sibling.program, &self.program));
        let known = siblings.filter_map(|sibling| sibling.plan.as_deref());
        let plans: Vec<&Plan> = std::iter::once(&**base).chain(known).collect();
        let plan = compile::plan(&self.program, &self, &plans)
            .map(|plan| Plan { values: self.values.clone(), ..plan });
        Self { plan: plan.map(Arc::new), differing: Vec::new(), ..self }
    }

    /// The program it is a variant of.
    #[must_use]
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    pub(crate) fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// The rule that stands for one of the program, if it is another.
    pub(crate) fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.replaced.iter().find(|(replaced, _)| *replaced == id).map(|(_, rule)| rule)
    }
}

/// The rules of a program as they hold for a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) program: &'a Program,
    pub(crate) variant: Option<&'a Variant>,
}

impl<'a> Rules<'a> {
    pub(crate) fn rule(&self, id: RuleId) -> Option<&'a Rule> {
        self.variant.and_then(|variant| variant.rule(id)).or_else(|| self.program.rule(id))
    }

    /// Rules that do otherwise than the plan of the transaction says.
    pub(crate) fn differing(&self) -> &'a [RuleId] {
        self.variant.map_or(&[], |variant| &variant.differing)
    }
}

/// What a setting changes; nothing if it says what is written already.
fn other(program: &Program, setting: &Setting<'_>) -> Result<Option<Other>, NoSetting> {
    let refuse = |problem: String| NoSetting { rule: setting.rule, problem };
    let Some(position) = program.rules.iter().position(|rule| rule.id == setting.rule) else {
        return Err(refuse("does not exist".to_owned()));
    };
    let link = match program.rules.get(position).map(|rule| rule.links.as_slice()) {
        Some([link]) if link.test.is_none() => link,
        _ => return Err(refuse("is no SecAction of its own".to_owned())),
    };
    let found = link.set_vars.iter().enumerate().find_map(|(at, set_var)| {
        let is_it = set_var.store == Store::Tx
            && set_var.name.as_literal()?.eq_ignore_ascii_case(setting.variable.as_bytes());
        match &set_var.operation {
            Operation::Set(value) if is_it => Some((at, value)),
            _ => None,
        }
    });
    let Some((set_var, written)) = found else {
        return Err(refuse(format!("does not set tx.{}", setting.variable)));
    };
    let value: Box<[u8]> = setting.value.as_bytes().into();
    let same = written.as_literal() == Some(&value);
    Ok((!same).then(|| Other { rule: RuleId::new(position), set_var, value }))
}

/// Rules of which two sets of values say different things. Both are in order.
fn differing(ours: &[Other], planned: &[Other]) -> Vec<RuleId> {
    let only = |one: &[Other], other: &[Other]| -> Vec<RuleId> {
        one.iter().filter(|value| !other.contains(value)).map(|value| value.rule).collect()
    };
    let mut rules = only(ours, planned);
    rules.extend(only(planned, ours));
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn literal(text: &[u8]) -> Template {
    let parts = if text.is_empty() { Vec::new() } else { vec![Part::Literal(text.to_vec())] };
    Template { parts }
}

/// A copy of a `SecAction`. A rule with an operator has none: nothing of it would be changed.
fn copied(rule: &Rule) -> Option<Rule> {
    let [
        Link {
            targets,
            exclusions,
            transformations,
            multi_match,
            capture,
            captures_unseen,
            test: None,
            set_vars,
            effects,
        },
    ] = rule.links.as_slice()
    else {
        return None;
    };
    let link = Link {
        targets: targets.clone(),
        exclusions: exclusions.clone(),
        transformations: transformations.clone(),
        multi_match: *multi_match,
        capture: *capture,
        captures_unseen: *captures_unseen,
        test: None,
        set_vars: set_vars.clone(),
        effects: effects.clone(),
    };
    Some(Rule {
        id: rule.id,
        phase: rule.phase,
        place: rule.place.clone(),
        meta: rule.meta.clone(),
        links: vec![link],
        disruption: rule.disruption.clone(),
        skip: rule.skip,
    })
}
