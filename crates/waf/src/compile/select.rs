//! Which rules an exclusion means: by id, by tag, by message.

use portcullis_diag::Span;

use super::{Compiler, chains::Draft};
use crate::{
    codes,
    ir::{Regex, RuleId, RuleSet},
};

/// How rules are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RulesBy {
    Id,
    Tag,
    Message,
}

/// What is known of a rule before it is lowered.
#[derive(Debug)]
pub(super) struct Known {
    /// Its place in the program; `None` when it was removed.
    pub(super) rule: Option<RuleId>,
    pub(super) id: u64,
    pub(super) tags: Vec<Vec<u8>>,
    pub(super) message: Vec<u8>,
}

impl Known {
    pub(super) fn of(draft: &Draft, rule: Option<RuleId>) -> Self {
        use portcullis_seclang::vocabulary::Action as A;
        let texts = |name: A| {
            draft
                .defaults
                .iter()
                .chain(draft.links.iter().flat_map(|link| &link.actions))
                .filter(move |action| action.name == name)
                .filter_map(|action| action.argument.as_ref())
                .map(|text| text.value.clone())
        };
        Self {
            rule,
            id: draft.id,
            tags: texts(A::Tag).collect(),
            message: texts(A::Msg).next().unwrap_or_default(),
        }
    }
}

/// A tag or a message as an exclusion names it.
pub(super) enum Text {
    /// Compared whole, as v3 does.
    Whole(Vec<u8>),
    /// Found anywhere, as v2 does.
    Pattern(Regex),
}

impl Text {
    pub(super) fn covers(&self, text: &[u8]) -> bool {
        match self {
            Self::Whole(whole) => whole == text,
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

impl Compiler<'_> {
    /// The rules a `ctl` means.
    pub(crate) fn select(&mut self, by: RulesBy, value: &[u8], span: Span) -> Result<RuleSet, String> {
        let mut set = RuleSet::default();
        let covers: Box<dyn Fn(&Known) -> bool> = match by {
            RulesBy::Id => {
                let ranges = id_ranges(value)?;
                Box::new(move |known| ranges.iter().any(|(from, to)| (*from..=*to).contains(&known.id)))
            }
            RulesBy::Tag => {
                let text = self.text(value, span)?;
                Box::new(move |known| known.tags.iter().any(|tag| text.covers(tag)))
            }
            RulesBy::Message => {
                let text = self.text(value, span)?;
                Box::new(move |known| text.covers(&known.message))
            }
        };
        let mut found = false;
        for known in self.known.iter().filter(|known| covers(known)) {
            found = true;
            if let Some(rule) = known.rule {
                set.insert(rule);
            }
        }
        if !found {
            let what = String::from_utf8_lossy(value);
            self.note(
                codes::SELECTS_NOTHING,
                span,
                &format!("no rule is selected by {what}"),
                "it has no effect unless such a rule is loaded",
            );
        }
        Ok(set)
    }

    /// A tag or message; with a character that only patterns use it is a pattern.
    pub(super) fn text(&self, value: &[u8], span: Span) -> Result<Text, String> {
        let unquoted = unquoted(value);
        if unquoted.is_empty() {
            return Err("names no rules".to_owned());
        }
        if unquoted.iter().any(|byte| b"^$*+?()[]{}|\\".contains(byte)) {
            return self.regex(unquoted, false, span).map(Text::Pattern);
        }
        Ok(Text::Whole(unquoted.to_vec()))
    }
}

/// Removes one pair of quotes.
pub(super) fn unquoted(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    for quote in [b'\'', b'"'] {
        if let Some(inner) = value.strip_prefix(&[quote]).and_then(|rest| rest.strip_suffix(&[quote])) {
            return inner;
        }
    }
    value
}

/// `920540`, `951000-951999`, several of them separated by spaces or commas.
fn id_ranges(value: &[u8]) -> Result<Vec<(u64, u64)>, String> {
    let wrong = || format!("takes ids and ranges of ids, not {}", String::from_utf8_lossy(value));
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let text = std::str::from_utf8(unquoted(value)).map_err(|_| wrong())?;
    let ranges: Vec<(u64, u64)> = text
        .split([' ', ','])
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once('-') {
            Some((from, to)) => Ok((number(from)?, number(to)?)),
            None => number(part).map(|id| (id, id)),
        })
        .collect::<Result<_, String>>()?;
    if ranges.is_empty() { Err(wrong()) } else { Ok(ranges) }
}
