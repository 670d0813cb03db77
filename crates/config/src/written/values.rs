//! One method for each kind of value.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use portcullis_diag::{Span, closest};
use toml::de::{DeInteger, DeValue};

use super::{Found, Reader, Section, expected, full_name};
use crate::{
    RuleName, codes, scalar,
    schema::{Key, Kind},
};

/// A word of the schema, or a path.
#[derive(Clone, Debug)]
pub(crate) enum WordOrPath {
    Word(&'static str),
    Path(PathBuf),
}

impl Reader<'_> {
    /// A string that is not empty.
    pub(crate) fn text(&mut self, section: Section<'_>, name: &str) -> Option<Found<String>> {
        let (key, found) = self.value(section, name)?;
        let text = self.string(key, &found)?;
        self.holds_no_variable(key, &text, found.span).then_some(Found { value: text, span: found.span })
    }

    /// A list of strings, each not empty.
    pub(crate) fn texts(&mut self, section: Section<'_>, name: &str) -> Vec<Found<String>> {
        let Some((key, found)) = self.value(section, name) else { return Vec::new() };
        let mut texts = self.strings(key, &found);
        texts.retain(|text| self.holds_no_variable(key, &text.value, text.span));
        texts
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, section: Section<'_>, name: &str) -> bool {
        let Some((key, found)) = self.value(section, name) else { return false };
        match found.value {
            DeValue::Boolean(flag) => flag,
            other => {
                self.wrong_type(key, &other, found.span);
                false
            }
        }
    }

    /// A whole number within its bounds.
    pub(crate) fn count<T: TryFrom<u64>>(&mut self, section: Section<'_>, name: &str) -> Option<Found<T>> {
        let (key, found) = self.value(section, name)?;
        let DeValue::Integer(number) = &found.value else {
            self.wrong_type(key, &found.value, found.span);
            return None;
        };
        let Kind::Count(least, most) = key.kind else { return None };
        let number = integer(number).filter(|number| (least..=most).contains(number));
        let value = number.and_then(|number| T::try_from(number).ok());
        if value.is_none() {
            let message = format!("{} must be from {least} to {most}", full_name(key));
            self.error(codes::OUT_OF_RANGE, found.span, message);
        }
        Some(Found { value: value?, span: found.span })
    }

    /// Bytes within their bounds; a bare number is bytes.
    pub(crate) fn size(&mut self, section: Section<'_>, name: &str) -> Option<Found<usize>> {
        let (key, found) = self.value(section, name)?;
        let Kind::Size(least, most) = key.kind else { return None };
        let bytes = match &found.value {
            DeValue::Integer(number) => integer(number).unwrap_or(u64::MAX),
            DeValue::String(text) => match scalar::size(text) {
                Ok(bytes) => bytes,
                Err(help) => {
                    let message = format!("`{text}` is not a size");
                    self.error(codes::BAD_QUANTITY, found.span, message).help.push(help);
                    return None;
                }
            },
            other => {
                self.wrong_type(key, other, found.span);
                return None;
            }
        };
        if !(least..=most).contains(&bytes) {
            let (least, most) = (scalar::show_size(least), scalar::show_size(most));
            let message = format!("{} must be from {least} to {most}", full_name(key));
            self.error(codes::OUT_OF_RANGE, found.span, message);
            return None;
        }
        Some(Found { value: usize::try_from(bytes).ok()?, span: found.span })
    }

    /// A duration within its bounds.
    pub(crate) fn duration(&mut self, section: Section<'_>, name: &str) -> Found<Duration> {
        self.duration_or_nothing(section, name).unwrap_or(Found { value: Duration::ZERO, span: None })
    }

    /// One of the words of the schema.
    pub(crate) fn choice(&mut self, section: Section<'_>, name: &str) -> Option<Found<&'static str>> {
        let (key, found) = self.value(section, name)?;
        let Kind::Choice(words) = key.kind else { return None };
        let DeValue::String(text) = &found.value else {
            self.wrong_type(key, &found.value, found.span);
            return None;
        };
        let Some(word) = words.iter().find(|word| *word == text) else {
            self.not_a_choice(key, text, words, found.span);
            return None;
        };
        Some(Found { value: word, span: found.span })
    }

    /// A path, relative ones joined to the directory of the file.
    pub(crate) fn path(&mut self, section: Section<'_>, name: &str) -> Option<Found<PathBuf>> {
        let (key, found) = self.value(section, name)?;
        let text = self.string(key, &found)?;
        let text = self.expand(&text, found.span)?;
        Some(Found { value: self.directory.join(text), span: found.span })
    }

    /// A list of paths with wildcards, relative ones joined to the directory of the file.
    pub(crate) fn patterns(&mut self, section: Section<'_>, name: &str) -> Vec<String> {
        let Some((key, found)) = self.value(section, name) else { return Vec::new() };
        let texts = self.strings(key, &found);
        texts
            .into_iter()
            .filter_map(|text| {
                let expanded = self.expand(&text.value, text.span)?;
                Some(self.directory.join(expanded).to_string_lossy().into_owned())
            })
            .collect()
    }

    /// One of the words of the schema, or a path, which is told by its slash.
    pub(crate) fn word_or_path(&mut self, section: Section<'_>, name: &str) -> Option<Found<WordOrPath>> {
        let (key, found) = self.value(section, name)?;
        let Kind::WordOrPath(words) = key.kind else { return None };
        let text = self.string(key, &found)?;
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(Found { value: WordOrPath::Word(word), span: found.span });
        }
        if !text.contains('/') && !text.contains("${") {
            self.not_a_choice(key, &text, words, found.span);
            if let Some(diagnostic) = self.diagnostics.last_mut() {
                diagnostic.help.push(format!("a path is written with a slash: \"./{text}\""));
            }
            return None;
        }
        let path = self.expand(&text, found.span)?;
        Some(Found { value: WordOrPath::Path(self.directory.join(path)), span: found.span })
    }

    /// `"address:port"` or nothing for `"off"`.
    pub(crate) fn socket_or_off(&mut self, section: Section<'_>, name: &str) -> Option<Found<SocketAddr>> {
        let (key, found) = self.value(section, name)?;
        let text = self.string(key, &found)?;
        if text == "off" {
            return None;
        }
        let value = self.socket(&text, found.span)?;
        Some(Found { value, span: found.span })
    }

    /// A list of `"address:port"`.
    pub(crate) fn sockets(&mut self, section: Section<'_>, name: &str) -> Vec<Found<SocketAddr>> {
        let Some((key, found)) = self.value(section, name) else { return Vec::new() };
        let texts = self.strings(key, &found);
        texts
            .into_iter()
            .filter_map(|text| Some(Found { value: self.socket(&text.value, text.span)?, span: text.span }))
            .collect()
    }

    /// A moment as Unix time. A date alone, or a time of nowhere, is none.
    pub(crate) fn moment(&mut self, section: Section<'_>, name: &str) -> Option<Found<Duration>> {
        let (key, found) = self.value(section, name)?;
        let moment = match &found.value {
            DeValue::Datetime(written) => scalar::moment(written),
            _ => None,
        };
        if moment.is_none() {
            self.wrong_type(key, &found.value, found.span);
            if let Some(diagnostic) = self.diagnostics.last_mut() {
                diagnostic
                    .help
                    .push(String::from("write date, time and offset, without quotes: 2026-12-01T18:00:00Z"));
            }
        }
        Some(Found { value: moment?, span: found.span })
    }

    /// A list of files, relative ones joined to the directory of the file.
    pub(crate) fn paths(&mut self, section: Section<'_>, name: &str) -> Vec<PathBuf> {
        self.patterns(section, name).into_iter().map(PathBuf::from).collect()
    }

    /// A list of addresses and prefixes.
    pub(crate) fn prefixes(&mut self, section: Section<'_>, name: &str) -> Vec<IpNet> {
        let Some((key, found)) = self.value(section, name) else { return Vec::new() };
        let texts = self.strings(key, &found);
        texts
            .into_iter()
            .filter_map(|text| match scalar::prefix(&text.value) {
                Ok(prefix) => Some(prefix),
                Err(help) => {
                    let message = format!("`{}` is not an address or a prefix", text.value);
                    self.error(codes::BAD_PREFIX, text.span, message).help.push(help);
                    None
                }
            })
            .collect()
    }

    /// A list of rules, at least one: ids, ranges of ids, tags.
    pub(crate) fn rules(&mut self, section: Section<'_>, name: &str) -> Vec<Found<RuleName>> {
        let Some((key, found)) = self.value(section, name) else { return Vec::new() };
        let DeValue::Array(items) = &found.value else {
            self.wrong_type(key, &found.value, found.span);
            return Vec::new();
        };
        if items.is_empty() {
            self.error(codes::EMPTY, found.span, format!("{} names no rule", full_name(key)));
        }
        let mut rules = Vec::new();
        for item in items.iter() {
            let span = Some(self.span(item.span()));
            let read = match item.get_ref() {
                DeValue::Integer(number) => {
                    integer(number).filter(|id| *id > 0).map(|id| RuleName::Ids(id, id))
                }
                DeValue::String(text) => scalar::rule(text),
                _ => None,
            };
            match read {
                Some(value) => rules.push(Found { value, span }),
                None => {
                    let help = "write an id, 942100, a range of ids, \"942130-942200\", or a tag, \"tag:attack-sqli\"";
                    let message =
                        format!("this names no rule: {} is a list of ids, ranges and tags", full_name(key));
                    self.error(codes::BAD_RULE, span, message).help.push(help.to_owned());
                }
            }
        }
        rules
    }

    fn duration_or_nothing(&mut self, section: Section<'_>, name: &str) -> Option<Found<Duration>> {
        let (key, found) = self.value(section, name)?;
        let Kind::Duration(least, most) = key.kind else { return None };
        let DeValue::String(text) = &found.value else {
            self.wrong_type(key, &found.value, found.span);
            if let (DeValue::Integer(number), Some(diagnostic)) = (&found.value, self.diagnostics.last_mut())
            {
                diagnostic.help.push(format!("write \"{number}s\" if seconds are meant"));
            }
            return None;
        };
        let value = match scalar::duration(text) {
            Ok(value) => value,
            Err(help) => {
                let message = format!("`{text}` is not a duration");
                self.error(codes::BAD_QUANTITY, found.span, message).help.push(help);
                return None;
            }
        };
        if !(Duration::from_millis(least)..=Duration::from_millis(most)).contains(&value) {
            let (least, most) = (scalar::show_duration(least), scalar::show_duration(most));
            let message = format!("{} must be from {least} to {most}", full_name(key));
            self.error(codes::OUT_OF_RANGE, found.span, message);
            return None;
        }
        Some(Found { value, span: found.span })
    }

    fn socket(&mut self, text: &str, span: Option<Span>) -> Option<SocketAddr> {
        let parsed = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
        if parsed.is_none() {
            let message = format!("`{text}` is not an address with a port");
            let help = match text.rsplit_once(':') {
                Some(("", port)) => format!("write \"0.0.0.0:{port}\" or \"[::]:{port}\" for all addresses"),
                Some(("localhost", port)) => format!("write \"127.0.0.1:{port}\""),
                Some((_, "0")) => String::from("a port is from 1 to 65535"),
                _ => String::from("write \"127.0.0.1:8443\" or \"[::1]:8443\""),
            };
            self.error(codes::BAD_ADDRESS, span, message).help.push(help);
        }
        parsed
    }

    fn string(&mut self, key: &Key, found: &Found<DeValue<'_>>) -> Option<String> {
        let DeValue::String(text) = &found.value else {
            self.wrong_type(key, &found.value, found.span);
            return None;
        };
        if text.trim().is_empty() || text.contains('\0') {
            self.error(codes::EMPTY, found.span, format!("{} must not be empty", full_name(key)));
            return None;
        }
        Some(text.to_string())
    }

    fn strings(&mut self, key: &Key, found: &Found<DeValue<'_>>) -> Vec<Found<String>> {
        let DeValue::Array(items) = &found.value else {
            self.wrong_type(key, &found.value, found.span);
            if let (DeValue::String(text), Some(diagnostic)) = (&found.value, self.diagnostics.last_mut()) {
                diagnostic.help.push(format!("write [\"{text}\"]"));
            }
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            // Spans of a default point into nothing.
            let span = found.span.map(|_| self.span(item.span()));
            let item = Found { value: item.get_ref().clone(), span };
            if let Some(value) = self.string(key, &item) {
                texts.push(Found { value, span });
            }
        }
        texts
    }

    fn not_a_choice(&mut self, key: &Key, text: &str, words: &[&'static str], span: Option<Span>) {
        let message = format!("{} must be {}, not `{text}`", full_name(key), expected(key.kind));
        let near = closest(text, words.iter().copied());
        let diagnostic = self.error(codes::NOT_A_CHOICE, span, message);
        diagnostic.help.extend(near.map(|near| format!("did you mean \"{near}\"?")));
    }

    fn holds_no_variable(&mut self, key: &Key, text: &str, span: Option<Span>) -> bool {
        let holds = text.contains("${");
        if holds {
            let message = format!("{} cannot hold an environment variable", full_name(key));
            self.error(codes::VARIABLE_OUT_OF_PLACE, span, message)
                .help
                .push(String::from("variables are read in paths only, so that a file says what it means"));
        }
        !holds
    }

    /// `${NAME}` by the value of the variable.
    fn expand(&mut self, text: &str, span: Option<Span>) -> Option<String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, reference)) = rest.split_once("${") {
            expanded.push_str(before);
            let Some((name, after)) = reference.split_once('}') else {
                self.error(codes::VARIABLE, span, "`${` lacks its `}`");
                return None;
            };
            match (self.surroundings.variable)(name).filter(|value| !value.is_empty()) {
                Some(value) => expanded.push_str(&value),
                None => {
                    let message = format!("environment variable `{name}` is not set");
                    self.error(codes::VARIABLE, span, message);
                    return None;
                }
            }
            rest = after;
        }
        expanded.push_str(rest);
        Some(expanded)
    }
}

fn integer(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}
