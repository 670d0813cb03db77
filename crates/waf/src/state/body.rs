//! The body of a request, unfolded by the processor that its type or a rule asked for.
//!
//! Choices: a content type selects its processor by prefix (trap 23: v3; Coraza compares the whole value), JSON and XML too, which
//! ModSecurity leaves to three rules of its recommended set-up. An empty body is not
//! parsed (trap 20). Whatever was read before an error stays visible, and `REQBODY_ERROR` says so; it is `0`, not absent, otherwise (43).

use bytes::Bytes;
use portcullis_body::{BodyError, Limits, json, multipart, urlencoded, xml};

use super::{Member, Value};
use crate::ir::Settings;

/// A body processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// `URLENCODED`
    UrlEncoded,
    /// `MULTIPART`
    Multipart,
    /// `JSON`
    Json,
    /// `XML`
    Xml,
}

impl Processor {
    /// As it stands in `REQBODY_PROCESSOR` and `ctl:requestBodyProcessor`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UrlEncoded => "URLENCODED",
            Self::Multipart => "MULTIPART",
            Self::Json => "JSON",
            Self::Xml => "XML",
        }
    }

    /// Finds a processor by name, ASCII case ignored.
    #[must_use]
    pub fn find(name: &[u8]) -> Option<Self> {
        [Self::UrlEncoded, Self::Multipart, Self::Json, Self::Xml]
            .into_iter()
            .find(|processor| processor.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The processor of a content type.
    #[must_use]
    pub fn of_content_type(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii_start();
        let begins = |with: &[u8]| starts(value, with);
        let end = value.iter().position(|byte| matches!(byte, b';' | b' ' | b'\t' | b','));
        let essence = value.get(..end.unwrap_or(value.len())).unwrap_or(&[]);
        let is_application = |suffix| starts(essence, b"application/") && ends(essence, suffix);
        if begins(b"application/x-www-form-urlencoded") {
            Some(Self::UrlEncoded)
        } else if begins(b"multipart/form-data") {
            Some(Self::Multipart)
        } else if begins(b"application/json") || is_application(b"+json") {
            Some(Self::Json)
        } else if begins(b"application/xml") || begins(b"text/xml") || is_application(b"+xml") {
            Some(Self::Xml)
        } else {
            None
        }
    }
}

/// The values of `charset` in a content type, quotes taken off.
fn charsets(content_type: &[u8]) -> impl Iterator<Item = &[u8]> {
    content_type.split(|byte| *byte == b';').skip(1).filter_map(|parameter| {
        let equals = memchr::memchr(b'=', parameter)?;
        let (name, value) =
            (parameter.get(..equals)?.trim_ascii(), parameter.get(equals + 1..)?.trim_ascii());
        let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        name.eq_ignore_ascii_case(b"charset").then_some(value)
    })
}

/// Whether a text begins with another, ASCII case ignored.
fn starts(text: &[u8], with: &[u8]) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// Whether it ends with another.
fn ends(text: &[u8], with: &[u8]) -> bool {
    let start = text.len().checked_sub(with.len());
    start.and_then(|start| text.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(with))
}

#[derive(Debug, Default)]
pub(crate) struct Body {
    /// `REQBODY_PROCESSOR`, chosen by content type when the head is read.
    pub(crate) processor: Option<Processor>,
    /// The body as received; absent until phase 2.
    pub(crate) raw: Option<Value>,
    pub(crate) args: Vec<Member>,
    /// `FILES`: the client's file name by field name (trap 45); two of them where a part has `filename*` too.
    pub(crate) files: Vec<Member>,
    /// `FILES_TMP_CONTENT`: the content by field name.
    pub(crate) contents: Vec<Member>,
    /// `MULTIPART_PART_HEADERS`: header line by part name (trap 47).
    pub(crate) part_headers: Vec<Member>,
    pub(crate) flags: multipart::Flags,
    /// `XML:/*`; absent when the body is no XML.
    pub(crate) xml_text: Option<Value>,
    /// `XML://@*`
    pub(crate) xml_attributes: Vec<Value>,
    pub(crate) error: Option<String>,
    pub(crate) urlencoded_error: bool,
    /// `INBOUND_DATA_ERROR`: longer than `SecRequestBodyLimit`.
    pub(crate) beyond_limit: bool,
}

impl Body {
    /// Keeps a body and unfolds it. What stands in it as it is shares its bytes.
    pub(crate) fn read(&mut self, raw: &Bytes, content_type: &[u8], settings: &Settings) {
        self.raw = Some(Value::part(raw, raw));
        let Some(processor) = self.processor.filter(|_| !raw.is_empty()) else { return };
        if let Some(limit) = settings.request_body_no_files_limit
            && processor != Processor::Multipart
            && raw.len() > limit
        {
            // Trap 42: parsing is skipped, and rules on REQBODY_ERROR refuse the request (v3).
            self.fail(format!("the body without files has more than {limit} bytes"));
            return;
        }
        let limits = Limits {
            fields: settings.arguments_limit,
            depth: settings.json_depth_limit,
            ..Limits::default()
        };
        match processor {
            Processor::UrlEncoded => {
                let args = &mut self.args;
                let form = urlencoded::walk(raw, settings.argument_separator, &limits, |name, value| {
                    args.push(Member { name: Value::of(raw, name), value: Value::of(raw, value) });
                });
                self.urlencoded_error = form.invalid_escape;
                if form.truncated {
                    self.fail(format!("more than {} arguments", limits.fields));
                }
            }
            Processor::Json => self.read_json(raw, &limits),
            Processor::Xml => {
                if charsets(content_type).any(|charset| !xml::is_readable_in(charset, raw)) {
                    self.fail("XML in a character set whose bytes mean something else".to_owned());
                }
                let (document, error) = xml::parse(raw, &limits);
                self.xml_text = Some(Value::from(document.text));
                self.xml_attributes = document.attributes.into_iter().map(Value::from).collect();
                self.note(error);
            }
            Processor::Multipart => self.read_multipart(raw, content_type, &limits, settings),
        }
    }

    /// Notes an error; the first one stays.
    pub(crate) fn fail(&mut self, message: String) {
        self.error.get_or_insert(message);
    }

    fn note(&mut self, error: Option<BodyError>) {
        if let Some(error) = error {
            self.fail(error.message);
        }
    }

    /// All names stand in one buffer: they repeat each other, but no two are the same bytes of the document.
    fn read_json(&mut self, raw: &Bytes, limits: &Limits) {
        // A guess that fits ordinary documents; a large one grows as it proves to need it.
        let mut names = Vec::with_capacity(raw.len().clamp(64, 16 * 1024));
        let mut fields = Vec::with_capacity((raw.len() / 24).min(512));
        let error = json::walk(raw, limits, |name, value| {
            names.extend_from_slice(name);
            fields.push((name.len(), Value::of(raw, value)));
        });
        let names = Bytes::from(names);
        let mut rest = &*names;
        self.args.reserve(fields.len());
        for (length, value) in fields {
            let (name, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            self.args.push(Member { name: Value::part(&names, name), value });
            rest = behind;
        }
        self.note(error);
    }

    fn read_multipart(&mut self, raw: &Bytes, content_type: &[u8], limits: &Limits, settings: &Settings) {
        let (body, error) = multipart::parse(content_type, raw, limits);
        self.flags = body.flags;
        self.note(error);
        let mut without_files: usize = 0;
        for part in body.parts {
            let name: Value = Value::from(part.name);
            for line in part.headers {
                self.part_headers.push(Member { name: Value::clone(&name), value: Value::from(line) });
            }
            match part.filename {
                Some(filename) => {
                    self.files.push(Member { name: Value::clone(&name), value: Value::from(filename) });
                    if let Some(extended) = part.extended_filename {
                        self.files.push(Member { name: Value::clone(&name), value: Value::from(extended) });
                    }
                    self.contents.push(Member { name, value: Value::part(raw, part.content) });
                }
                None => {
                    without_files = without_files.saturating_add(part.content.len());
                    self.args.push(Member { name, value: Value::part(raw, part.content) });
                }
            }
        }
        if self.args.len() > settings.arguments_limit {
            self.fail(format!("more than {} arguments", settings.arguments_limit));
        }
        if settings.upload_file_limit.is_some_and(|limit| self.contents.len() > limit) {
            self.flags.file_limit_exceeded = true;
        }
        if settings.request_body_no_files_limit.is_some_and(|limit| without_files > limit) {
            self.fail("the body without files is longer than its limit".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_select_processors_by_prefix() {
        for (value, processor) in [
            ("application/x-www-form-urlencoded; charset=utf-8", Some(Processor::UrlEncoded)),
            ("Multipart/Form-Data; boundary=x", Some(Processor::Multipart)),
            ("application/json;charset=utf-8", Some(Processor::Json)),
            ("application/problem+json ; a", Some(Processor::Json)),
            ("text/xml", Some(Processor::Xml)),
            ("application/soap+xml; charset=utf-8", Some(Processor::Xml)),
            ("multipart/mixed; boundary=x", None),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(Processor::of_content_type(value.as_bytes()), processor, "{value}");
        }
    }
}
