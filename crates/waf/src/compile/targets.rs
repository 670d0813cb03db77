//! Targets and exclusions: names resolved, selectors checked.

use std::sync::Arc;

use portcullis_diag::{Diagnostic, Span};
use portcullis_seclang::{
    MemoryLoader,
    ast::{self, TargetMode},
    vocabulary::{Operator, Variable},
};

use super::{Compiler, select::unquoted};
use crate::{
    codes,
    collections::Kind,
    geo,
    ir::{Exclusion, Names, Operation, Part, Regex, Rule, Selector, Store, Target},
    operators::{self, Resources},
    variables::{self, BUILT_IN, Meaning, XML_PATHS},
};

impl Compiler<'_> {
    /// The targets of a rule, apart from what it leaves out. An exclusion counts wherever it stands in the list (v3).
    pub(super) fn targets(&mut self, written: &[ast::Target]) -> (Vec<Target>, Vec<Exclusion>) {
        let (mut targets, mut exclusions) = (Vec::new(), Vec::new());
        for target in written {
            let Some(selector) = self.selector_of(target) else { continue };
            let variable = target.variable;
            if target.mode == TargetMode::Exclude {
                exclusions.push(Exclusion { variable, selector });
                continue;
            }
            let count = target.mode == TargetMode::Count;
            let name = match &target.selector {
                None => String::new(),
                Some(ast::Selector::Name(text)) => format!(":{}", String::from_utf8_lossy(&text.value)),
                Some(ast::Selector::Regex(text)) => format!(":/{}/", String::from_utf8_lossy(&text.value)),
            };
            let label = Arc::from(format!("{}{}{name}", if count { "&" } else { "" }, variable.name()));
            let meaning = variables::meaning(variable);
            targets.push(Target { variable, selector, count, label, meaning, numbers: None });
        }
        (targets, exclusions)
    }

    /// The targets a `ctl:ruleRemoveTarget*` names: `ARGS:foo`, `ARGS:/^foo/`, `ARGS`, several joined by `|`.
    pub(crate) fn exclusions(&self, written: &[u8], span: Span) -> Result<Vec<Exclusion>, String> {
        exclusions(written, &self.resources(span))
    }

    /// The selector of a target that can be looked at; `None` after a report.
    #[expect(clippy::option_option, reason = "no selector is a selector too")]
    fn selector_of(&mut self, target: &ast::Target) -> Option<Option<Selector>> {
        let variable = target.variable;
        let meaning = variables::meaning(variable);
        if let Meaning::Refused(reason, instead) = meaning {
            self.report(
                Diagnostic::error(
                    codes::VARIABLE,
                    format!("{} is not implemented: {reason}", variable.name()),
                )
                .at(target.span)
                .help(instead),
            );
            return None;
        }
        if let Some((problem, help)) = misuse(target, meaning) {
            self.report(Diagnostic::error(codes::SELECTOR, problem).at(target.span).help(help));
            return None;
        }
        match &target.selector {
            None => Some(None),
            Some(ast::Selector::Name(text)) => Some(Some(Selector::Name(text.value.clone().into()))),
            Some(ast::Selector::Regex(text)) => match self.regex(&text.value, true, text.span) {
                Ok(regex) => Some(Some(Selector::Regex(regex))),
                Err(problem) => {
                    self.report(Diagnostic::error(codes::SELECTOR, problem).at(text.span));
                    None
                }
            },
        }
    }

    /// A pattern over names, built as `@rx` builds its own.
    pub(super) fn regex(&self, pattern: &[u8], ignore_case: bool, span: Span) -> Result<Regex, String> {
        regex(pattern, ignore_case, &self.resources(span))
    }
}

/// The targets that somebody other than a rule names, as behind the semicolon of `ctl:ruleRemoveTargetById`. They name no files.
pub(crate) fn left_out(written: &[u8]) -> Result<Vec<Exclusion>, String> {
    let loader = MemoryLoader::new();
    exclusions(written, &Resources { loader: &loader, file: "", multiline: false, geo: None })
}

fn exclusions(written: &[u8], resources: &Resources<'_>) -> Result<Vec<Exclusion>, String> {
    let written = unquoted(written);
    let whole = [written];
    let parts: Vec<&[u8]> = match memchr::memmem::find(written, b":/") {
        Some(_) => whole.to_vec(),
        None => written.split(|byte| *byte == b'|').collect(),
    };
    parts.into_iter().map(|part| exclusion(part.trim_ascii(), resources)).collect()
}

fn exclusion(written: &[u8], resources: &Resources<'_>) -> Result<Exclusion, String> {
    let (name, member) = match memchr::memchr(b':', written) {
        Some(at) => (written.get(..at).unwrap_or(&[]), written.get(at + 1..)),
        None => (written, None),
    };
    let variable = Variable::find(name)
        .ok_or_else(|| format!("names no variable: {}", String::from_utf8_lossy(name)))?;
    let Some(member) = member.map(unquoted) else { return Ok(Exclusion { variable, selector: None }) };
    let pattern = member.strip_prefix(b"/").and_then(|rest| rest.strip_suffix(b"/"));
    let selector = match pattern.filter(|pattern| variable != Variable::Xml && !pattern.is_empty()) {
        Some(pattern) => Selector::Regex(regex(pattern, true, resources)?),
        None => Selector::Name(member.into()),
    };
    Ok(Exclusion { variable, selector: Some(selector) })
}

fn regex(pattern: &[u8], ignore_case: bool, resources: &Resources<'_>) -> Result<Regex, String> {
    let mut text = if ignore_case { b"(?i)".to_vec() } else { Vec::new() };
    text.extend_from_slice(pattern);
    operators::build(Operator::Rx, &text, false, resources)
        .map(|built| match ignore_case {
            true => Regex::over_names(Arc::from(built.operate), pattern),
            false => Regex::new(Arc::from(built.operate)),
        })
        .map_err(|refusal| refusal.message)
}

/// Looks names of `TX` up that have numbers: those that `setvar` writes, and those that `TX:x` and `TX:/../` select.
pub(super) fn number(rules: &mut [Rule], names: &Names) {
    for set_var in rules.iter_mut().flat_map(|rule| &mut rule.links).flat_map(|link| &mut link.set_vars) {
        if set_var.store == Store::Tx {
            let number = set_var.name.as_literal().and_then(|name| names.position(name));
            set_var.number = number.and_then(|number| u16::try_from(number).ok());
        }
        if let Operation::Add(amount) | Operation::Subtract(amount) = &set_var.operation
            && let [Part::Macro { variable: Variable::Tx, key: Some(name) }] = amount.parts.as_slice()
        {
            set_var.amount = names.position(name).and_then(|number| u16::try_from(number).ok());
        }
    }
    for target in rules.iter_mut().flat_map(|rule| &mut rule.links).flat_map(|link| &mut link.targets) {
        match (target.variable, &target.selector) {
            (Variable::Tx, Some(Selector::Regex(regex))) if regex.folds_case() => {
                let selected = names.iter().enumerate().filter(|(_, (name, ()))| regex.is_match(name));
                target.numbers =
                    Some(selected.filter_map(|(number, _)| u16::try_from(number).ok()).collect());
            }
            (Variable::Tx, Some(Selector::Name(name))) => {
                let number = names.position(name).and_then(|number| u16::try_from(number).ok());
                target.numbers = number.map(|number| Arc::from([number]));
            }
            _ => {}
        }
    }
}

/// A target that could never have a value as written.
fn misuse(target: &ast::Target, meaning: Meaning) -> Option<(String, &'static str)> {
    let variable = target.variable;
    let named = match &target.selector {
        Some(ast::Selector::Name(text)) => Some(text.value.as_slice()),
        _ => None,
    };
    if target.selector.is_some() && matches!(meaning, Meaning::Single(_)) {
        return Some((format!("{} has no members", variable.name()), "remove what follows the colon"));
    }
    if variable == Variable::Xml
        && target.mode != TargetMode::Exclude
        && !named.is_some_and(|path| XML_PATHS.contains(&path))
    {
        return Some((
            "XML is inspected by the paths /* and //@* only".to_owned(),
            "write XML:/* for all text, XML://@* for all attributes",
        ));
    }
    if variable == Variable::Geo
        && named
            .is_some_and(|name| !geo::MEMBERS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name)))
    {
        return Some((
            "MaxMind databases have no such member of GEO".to_owned(),
            "use COUNTRY_CODE, COUNTRY_CONTINENT, COUNTRY_NAME, REGION, CITY, POSTAL_CODE, LATITUDE, LONGITUDE or DMA_CODE",
        ));
    }
    let built_in = |name: &[u8]| BUILT_IN.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
    if Kind::of(variable).is_some() && named.is_some_and(built_in) {
        return Some((
            format!("{} keeps no such member by itself", variable.name()),
            "set a variable of your own with setvar",
        ));
    }
    None
}
