//! What `sanitise*` hides from expanded texts.
//!
//! Fails towards silence: a text of a rule that looked at a hidden value, or at something that holds it, loses all that its macros put
//! there; from all other texts the value is cut out where it stands as it was sent, if it has four bytes or more.

use std::collections::BTreeSet;

use super::{Matched, State, full_name};
use crate::{
    ir::{Part, Sanitised, Template},
    limits,
    matches::Matches,
    transaction::MatchedTarget,
};

/// Stands for what is hidden.
const MASK: &[u8] = b"****";

/// Shorter values are not cut out of texts that have nothing to do with them.
const SHORTEST: usize = 4;

/// Variables that hold others.
const WHOLES: [&str; 12] = [
    "QUERY_STRING",
    "REQUEST_URI",
    "REQUEST_URI_RAW",
    "REQUEST_LINE",
    "REQUEST_BODY",
    "RESPONSE_BODY",
    "FULL_REQUEST",
    "XML",
    "MATCHED_VAR",
    "MATCHED_VARS",
    "FILES_TMP_CONTENT",
    "ENV",
];

/// Names of values that no record shows.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    /// `ARGS:password`, in lower case.
    names: BTreeSet<Vec<u8>>,
    /// There were more than can be kept.
    everything: bool,
}

impl Hidden {
    pub(crate) fn add(&mut self, what: &Sanitised, matched: &Matched) {
        match what {
            Sanitised::Argument(name) => {
                for collection in ["ARGS", "ARGS_GET", "ARGS_POST"] {
                    self.insert(&full_name(collection, name));
                }
            }
            Sanitised::RequestHeader(name) => self.insert(&full_name("REQUEST_HEADERS", name)),
            Sanitised::ResponseHeader(name) => self.insert(&full_name("RESPONSE_HEADERS", name)),
            Sanitised::Matched => matched.all.iter().for_each(|one| self.insert(&one.name.text())),
        }
    }

    fn insert(&mut self, name: &[u8]) {
        if self.names.len() < limits::HIDDEN {
            self.names.insert(name.to_ascii_lowercase());
        } else {
            self.everything = true;
        }
    }

    fn covers(&self, name: &[u8]) -> bool {
        self.everything || self.names.contains(&name.to_ascii_lowercase())
    }

    /// Whether a place is one of the hidden ones or may hold one. A report escapes names, and cuts long ones: such a one counts as hidden.
    fn touches(&self, target: &MatchedTarget) -> bool {
        let name = target.variable();
        let collection = name.split(':').next().unwrap_or_default();
        let altered = name.contains('\\') || name.len() >= limits::NAME_IN_REPORT;
        altered || self.covers(name.as_bytes()) || WHOLES.contains(&collection)
    }
}

/// Takes hidden values out of the expanded texts of a report.
pub(crate) fn hide(state: &State, matched: &mut Matches) {
    let hidden = &state.hidden;
    if hidden.names.is_empty() {
        return;
    }
    let values = values(state);
    matched.for_each_mut(|report| {
        let touched = hidden.everything
            || report.targets.len() >= limits::MATCHED_TARGETS
            || report.targets.iter().any(|target| hidden.touches(target));
        let rule = state.program.rules().iter().find(|rule| rule.id == report.id);
        let templates = rule.map(|rule| (Some(&rule.meta.message_template), rule.meta.log_data.as_ref()));
        let (message, log_data) = templates.unwrap_or_default();
        for (text, template) in [(&mut report.expanded_message, message), (&mut report.log_data, log_data)] {
            let Some(text) = text else { continue };
            if touched {
                *text = template.map(masked).unwrap_or_default();
            } else {
                values.iter().for_each(|value| cut_out(text, value));
            }
        }
    });
}

fn masked(template: &Template) -> Vec<u8> {
    let piece = |part: &Part| match part {
        Part::Literal(text) => text.clone(),
        Part::Macro { .. } => MASK.to_vec(),
        Part::Unknown(_) => Vec::new(),
    };
    template.parts.iter().flat_map(piece).collect()
}

/// Hidden values as they were sent, the longest first.
fn values(state: &State) -> Vec<Vec<u8>> {
    let response = state.response.head.as_ref().map_or(&[][..], |head| &head.headers);
    let sources = [
        ("ARGS", state.request.args.as_slice()),
        ("ARGS", &state.body.args),
        ("REQUEST_HEADERS", &state.request.headers),
        ("REQUEST_COOKIES", &state.request.cookies),
        ("RESPONSE_HEADERS", response),
    ];
    let mut values: Vec<Vec<u8>> = sources
        .into_iter()
        .flat_map(|(collection, members)| members.iter().map(move |member| (collection, member)))
        .filter(|(collection, member)| state.hidden.covers(&full_name(collection, &member.name)))
        .map(|(_, member)| member.value.to_vec())
        .filter(|value| value.len() >= SHORTEST)
        .collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.truncate(limits::HIDDEN);
    values
}

fn cut_out(text: &mut Vec<u8>, value: &[u8]) {
    if memchr::memmem::find(text, value).is_none() {
        return;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_slice();
    while let Some(at) = memchr::memmem::find(rest, value) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        out.extend_from_slice(MASK);
        rest = rest.get(at + value.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    *text = out;
}
