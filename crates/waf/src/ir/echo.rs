//! What is left of a head that matches nearly every value: the variable it writes for the link behind it.
//!
//! CRS notes every header field's name in a variable of its own and lets the next link look through them. The chain can only match if one
//! of these variables would satisfy that link, and whether it would is seen in the name alone.

use portcullis_transform::Context;

use super::{Names, Part, Regex, Rule, Template};
use crate::{operators::Found, state::Value};

/// Says of a value of the head whether the chain may match because of it, or another rule may notice.
#[derive(Debug)]
pub(crate) struct Echo {
    /// Name and value of each variable; the only macro in them is `TX.0`, what the head found.
    pub(crate) variables: Vec<(Template, Template)>,
    /// Argument of the second link as the plan has it.
    pub(crate) argument: Option<Value>,
    /// Patterns over names by which other rules look through `TX`.
    pub(crate) patterns: Vec<Regex>,
    /// Variables of `TX` that rules name.
    pub(crate) names: Names,
}

impl Echo {
    /// `form` is a value as the head's operator sees it.
    pub(crate) fn is_heard(&self, rule: &Rule, form: &[u8]) -> bool {
        let [head, second] = rule.links.as_slice() else { return true };
        let (Some(first), Some(test)) = (&head.test, &second.test) else { return true };
        let mut found = Found::default();
        if !first.operate.evaluate(form, None, false, &mut found) {
            return false;
        }
        let Some(group) = form.get(found.offset..found.offset + found.length) else { return true };
        if found.undecided.is_some() {
            return true;
        }
        self.variables.iter().any(|(name, value)| {
            let name = filled(name, group);
            if self.names.position(&name).is_some() || self.patterns.iter().any(|other| other.is_match(&name))
            {
                return true;
            }
            let mut value = filled(value, group);
            for transformation in &second.transformations {
                let mut out = Vec::new();
                // Which map is used for best fit does not matter: a chain that uses one has no echo.
                if (transformation.apply)(&value, &mut out, &Context::default()) {
                    value = out;
                }
            }
            let mut found = Found::default();
            let hit = test.operate.evaluate(&value, self.argument.as_deref(), false, &mut found);
            hit != test.negated || found.undecided.is_some()
        })
    }
}

fn filled(template: &Template, group: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for part in &template.parts {
        match part {
            Part::Literal(literal) => text.extend_from_slice(literal),
            Part::Macro { .. } => text.extend_from_slice(group),
            Part::Unknown(_) => {}
        }
    }
    text
}
