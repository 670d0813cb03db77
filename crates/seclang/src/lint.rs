//! Checks of a whole document, each in a file of its own. The table is the list.
//!
//! Errors are what ModSecurity v3 refuses to load; warnings are what loads and does not do what its author meant. A lint looks at the
//! tree alone, so a tool without an engine can run it.

mod chain_without_link;
mod duplicate_id;
mod rule_without_id;
mod rule_without_phase;
mod unknown_macro;
mod unknown_marker;

use portcullis_diag::Spanned;

use crate::{
    ast::{Action, Directive, DirectiveKind, Document, Text},
    report::Report,
    vocabulary,
};

type Lint = fn(&Rules<'_>, &mut Report);

/// Every lint, in the order in which they speak.
const LINTS: &[Lint] = &[
    rule_without_id::check,
    duplicate_id::check,
    chain_without_link::check,
    unknown_marker::check,
    rule_without_phase::check,
    unknown_macro::check,
];

/// Runs them all.
pub(crate) fn check(document: &Document, report: &mut Report) {
    let rules = Rules::of(document);
    for lint in LINTS {
        lint(&rules, report);
    }
}

/// A document as lints look at it.
struct Rules<'a> {
    document: &'a Document,
    /// Every `SecRule` and `SecAction`.
    all: Vec<Written<'a>>,
}

/// A `SecRule` or `SecAction` with its place in a chain.
struct Written<'a> {
    directive: &'a Directive,
    actions: &'a [Action],
    /// Whether it is the link of a chain and not its head.
    is_link: bool,
    /// Whether the next directive must be a link, and is none.
    lacks_link: bool,
}

impl<'a> Rules<'a> {
    fn of(document: &'a Document) -> Self {
        let mut all: Vec<Written<'a>> = Vec::new();
        let mut chained = false;
        for directive in &document.directives {
            let (actions, is_rule) = match &directive.kind {
                DirectiveKind::Rule(rule) => (rule.actions.as_slice(), true),
                DirectiveKind::Action(actions) => (actions.as_slice(), false),
                _ => continue,
            };
            // v3: an unconditional rule takes no place in a chain.
            let is_link = chained && is_rule;
            if chained
                && !is_link
                && let Some(last) = all.last_mut()
            {
                last.lacks_link = true;
            }
            chained = is_rule && actions.iter().any(|action| action.name == vocabulary::Action::Chain);
            all.push(Written { directive, actions, is_link, lacks_link: false });
        }
        if chained && let Some(last) = all.last_mut() {
            last.lacks_link = true;
        }
        Self { document, all }
    }

    /// Rules that do not continue a chain.
    fn heads(&self) -> impl Iterator<Item = &Written<'a>> {
        self.all.iter().filter(|rule| !rule.is_link)
    }
}

impl<'a> Written<'a> {
    /// The argument of the last action of a name: later ones replace earlier ones.
    fn argument(&self, name: vocabulary::Action) -> Option<&'a Text> {
        self.actions.iter().rev().find(|action| action.name == name)?.argument.as_ref()
    }

    fn id(&self) -> Option<Spanned<u64>> {
        let text = self.argument(vocabulary::Action::Id)?;
        Some(Spanned::new(std::str::from_utf8(&text.value).ok()?.parse().ok()?, text.span))
    }
}
