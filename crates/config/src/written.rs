//! What stands in the file: tables with spans, read key by key against the schema.
//!
//! A problem is noted and reading goes on with a stand-in, so that one load tells all of them; the
//! stand-ins are never used, as a load with an error gives no configuration.

mod values;

pub(crate) use values::WordOrPath;

use std::path::Path;

use portcullis_diag::{Code, Diagnostic, SourceId, Span, closest};
use toml::de::{DeTable, DeValue};

use crate::{
    Surroundings, codes,
    schema::{self, Absent, Key, Kind},
};

/// A value and where it was written; nowhere when it is a default.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    pub(crate) value: T,
    pub(crate) span: Option<Span>,
}

/// One table of the file, or one that was left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section<'t> {
    name: &'static str,
    written: Option<&'t DeTable<'t>>,
    span: Option<Span>,
}

/// Reads values and gathers problems.
pub(crate) struct Reader<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) surroundings: Surroundings<'a>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    source: SourceId,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: SourceId, directory: &'a Path, surroundings: Surroundings<'a>) -> Self {
        Self { directory, surroundings, diagnostics: Vec::new(), source }
    }

    /// Notes an error and returns it for labels and help.
    pub(crate) fn error(
        &mut self,
        code: Code,
        span: Option<Span>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.note(Diagnostic::error(code, message), span)
    }

    /// Notes a warning and returns it for labels and help.
    pub(crate) fn warning(
        &mut self,
        code: Code,
        span: Option<Span>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.note(Diagnostic::warning(code, message), span)
    }

    /// The tables of the file by name; unknown ones and those of the wrong form are noted.
    pub(crate) fn top<'t>(&mut self, root: &'t DeTable<'t>) -> Section<'t> {
        for (name, value) in root {
            let known = schema::top_tables().find(|table| table.name == name.get_ref().as_ref());
            let span = self.span(name.span());
            match known {
                Some(table) => self.check_form(table, value.get_ref(), span),
                None if schema::find("", name.get_ref()).is_some() => {}
                None => self.unknown_at_top(name.get_ref(), value.get_ref(), span),
            }
        }
        Section { name: "", written: Some(root), span: None }
    }

    /// A `[table]` by name; its unknown keys are noted.
    pub(crate) fn table<'t>(&mut self, root: &'t DeTable<'t>, name: &'static str) -> Section<'t> {
        match root.get(name).map(|value| (value.get_ref(), value.span())) {
            Some((DeValue::Table(written), span)) => {
                let section = Section { name, written: Some(written), span: Some(self.span(span)) };
                self.check_keys(section);
                section
            }
            _ => Section { name, written: None, span: None },
        }
    }

    /// All `[[table]]` by name; unknown keys are noted.
    pub(crate) fn tables<'t>(&mut self, root: &'t DeTable<'t>, name: &'static str) -> Vec<Section<'t>> {
        let Some(DeValue::Array(items)) = root.get(name).map(toml::Spanned::get_ref) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            let span = Some(self.span(item.span()));
            if let DeValue::Table(written) = item.get_ref() {
                let section = Section { name, written: Some(written), span };
                self.check_keys(section);
                sections.push(section);
            }
        }
        sections
    }

    /// The inline table of a key, if it is written.
    pub(crate) fn inline<'t>(&mut self, section: Section<'t>, name: &str) -> Option<Section<'t>> {
        let key = schema::find(section.name, name)?;
        let Kind::Inline(inner) = key.kind else { return None };
        let value = section.written?.get(name)?;
        let span = Some(self.span(value.span()));
        let DeValue::Table(written) = value.get_ref() else {
            self.wrong_type(key, value.get_ref(), span);
            return None;
        };
        let section = Section { name: inner, written: Some(written), span };
        self.check_keys(section);
        Some(section)
    }

    /// Where a key was written.
    pub(crate) fn span_of(&self, section: Section<'_>, name: &str) -> Option<Span> {
        let (key, _) = section.written?.get_key_value(name)?;
        Some(self.span(key.span()))
    }

    /// Where a section begins.
    pub(crate) fn section_span(section: Section<'_>) -> Option<Span> {
        section.span
    }

    pub(crate) fn span(&self, range: std::ops::Range<usize>) -> Span {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { source: self.source, start: number(range.start), end: number(range.end) }
    }

    /// What is written for a key, else its default, else nothing; a required key that is not there is noted.
    fn value<'t>(&mut self, section: Section<'t>, name: &str) -> Option<(&'static Key, Found<DeValue<'t>>)> {
        let key = schema::find(section.name, name)?;
        if let Some(value) = section.written.and_then(|written| written.get(name)) {
            let span = Some(self.span(value.span()));
            return Some((key, Found { value: value.get_ref().clone(), span }));
        }
        match key.absent {
            Absent::Default(text) => {
                let value = DeValue::parse(text).ok()?.into_inner();
                Some((key, Found { value, span: None }))
            }
            Absent::Otherwise(_) => None,
            Absent::Required => {
                let message = format!("{} lacks `{}`", header(section.name), key.name);
                self.error(codes::MISSING_KEY, section.span, message)
                    .help
                    .push(format!("`{}`: {}", key.name, key.doc));
                None
            }
        }
    }

    fn note(&mut self, mut diagnostic: Diagnostic, span: Option<Span>) -> &mut Diagnostic {
        diagnostic.span = span;
        self.diagnostics.push_mut(diagnostic)
    }

    fn wrong_type(&mut self, key: &Key, value: &DeValue<'_>, span: Option<Span>) {
        let message = format!("{} must be {}, not {}", full_name(key), expected(key.kind), found(value));
        self.error(codes::WRONG_TYPE, span, message);
    }

    fn check_keys(&mut self, section: Section<'_>) {
        let Some(written) = section.written else { return };
        for name in written.keys() {
            let word: &str = name.get_ref();
            if schema::find(section.name, word).is_some() {
                continue;
            }
            let span = Some(self.span(name.span()));
            let message = format!("unknown key `{word}` in {}", header(section.name));
            let near = closest(word, schema::keys_of(section.name).map(|key| key.name));
            let elsewhere = schema::KEYS.iter().find(|key| key.name == word);
            let diagnostic = self.error(codes::UNKNOWN_KEY, span, message);
            match (near, elsewhere) {
                (Some(near), _) => diagnostic.help.push(format!("did you mean `{near}`?")),
                (None, Some(key)) => {
                    diagnostic.help.push(format!("`{word}` is a key of {}", header(key.table)));
                }
                (None, None) => {
                    let known: Vec<&str> = schema::keys_of(section.name).map(|key| key.name).collect();
                    diagnostic.help.push(format!("known keys: {}", known.join(", ")));
                }
            }
        }
    }

    fn check_form(&mut self, table: &schema::Table, value: &DeValue<'_>, span: Span) {
        let right = match value {
            DeValue::Table(_) => !table.many,
            DeValue::Array(items) => {
                table.many && items.iter().all(|item| matches!(item.get_ref(), DeValue::Table(_)))
            }
            _ => false,
        };
        if !right {
            let message = format!("`{}` must be written as {}", table.name, header(table.name));
            self.error(codes::WRONG_TYPE, Some(span), message);
        }
    }

    fn unknown_at_top(&mut self, word: &str, value: &DeValue<'_>, span: Span) {
        let is_table = match value {
            DeValue::Table(_) => true,
            DeValue::Array(items) => items.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_))),
            _ => false,
        };
        let (code, what) =
            if is_table { (codes::UNKNOWN_TABLE, "table") } else { (codes::UNKNOWN_KEY, "key") };
        let tables = schema::top_tables().map(|table| table.name);
        let near = closest(word, tables.chain(schema::keys_of("").map(|key| key.name)));
        let elsewhere = schema::KEYS.iter().find(|key| key.name == word);
        let diagnostic = self.error(code, Some(span), format!("unknown {what} `{word}`"));
        match (near, elsewhere) {
            (Some(near), _) => diagnostic.help.push(format!("did you mean `{near}`?")),
            (None, Some(key)) => diagnostic.help.push(format!("`{word}` is a key of {}", header(key.table))),
            (None, None) => {
                let known: Vec<String> = schema::top_tables().map(|table| header(table.name)).collect();
                diagnostic.help.push(format!("known tables: {}", known.join(", ")));
            }
        }
    }
}

/// A table as it is written: `[limits]`, `[[route]]`, `tls = { .. }`.
fn header(table: &str) -> String {
    match schema::TABLES.iter().find(|known| known.name == table) {
        _ if table.is_empty() => String::from("the top of the file"),
        Some(known) if known.many => format!("[[{table}]]"),
        _ => match table.split_once('.') {
            Some((outer, inner)) => format!("`{inner}` of [[{outer}]]"),
            None => format!("[{table}]"),
        },
    }
}

fn full_name(key: &Key) -> String {
    if key.table.is_empty() { format!("`{}`", key.name) } else { format!("`{}.{}`", key.table, key.name) }
}

fn expected(kind: Kind) -> String {
    match kind {
        Kind::Text => String::from("a string"),
        Kind::Texts => String::from("a list of strings"),
        Kind::Flag => String::from("true or false"),
        Kind::Count(..) => String::from("a whole number"),
        Kind::Size(..) => String::from("a size such as \"10MiB\""),
        Kind::Duration(..) => String::from("a duration such as \"30s\""),
        Kind::Choice(words) => {
            words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ")
        }
        Kind::Path => String::from("a path"),
        Kind::Paths => String::from("a list of paths"),
        Kind::WordOrPath(words) => format!("\"{}\" or a path", words.join("\", \"")),
        Kind::SocketOrOff => String::from("\"address:port\" or \"off\""),
        Kind::Sockets => String::from("a list of \"address:port\""),
        Kind::Moment => String::from("a moment such as 2026-12-01T18:00:00Z"),
        Kind::Prefixes => String::from("a list of addresses or prefixes such as \"192.0.2.0/24\""),
        Kind::Rules => String::from("a list of ids of rules, ranges of ids and tags"),
        Kind::Inline(_) => String::from("a table, { .. }"),
    }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
