//! The header lines of a part, and its `Content-Disposition` (RFC 7578 section 4.2).
//!
//! Only what ModSecurity understands is accepted: `form-data` with `name`, `filename` and, beside a `filename`, `filename*`, each once.

use super::{Flags, boundary::is_space};

/// A header line, and a folded value, may be this long.
pub(super) const LONGEST: usize = 4096;

/// ModSecurity sets no bound; browsers send three headers.
const MOST: usize = 64;

/// The headers of a part as far as they have been read.
#[derive(Debug, Default)]
pub(super) struct Headers {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    name: Vec<u8>,
    value: Vec<u8>,
    /// `Name: value` as received, without its line end.
    raw: Vec<u8>,
    /// A line that could not be read is kept for rules to see, but cannot be continued.
    valid: bool,
}

/// What a `Content-Disposition` named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Disposition {
    pub(super) name: Option<Vec<u8>>,
    pub(super) filename: Option<Vec<u8>>,
    /// `filename*`, percent-decoded.
    pub(super) extended: Option<Vec<u8>>,
}

impl Headers {
    /// Takes a line without its line end; it is not empty.
    ///
    /// # Errors
    /// Why the line is no header. It is kept nevertheless.
    pub(super) fn push(&mut self, line: &[u8], flags: &mut Flags) -> Result<(), &'static str> {
        if line.first().is_some_and(|&byte| is_space(byte)) {
            flags.header_folding = true;
            return self.fold(line, flags);
        }
        if self.lines.len() == MOST {
            return Err("too many headers in a part");
        }
        let (name, value, result) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], trim_start(&line[colon + 1..]), self.check(line, &line[..colon])),
            None => (line, &[][..], Err("invalid part header (colon missing)")),
        };
        self.lines.push(Line {
            name: name.to_vec(),
            value: value.to_vec(),
            raw: line.to_vec(),
            valid: result.is_ok(),
        });
        result
    }

    fn check(&self, line: &[u8], name: &[u8]) -> Result<(), &'static str> {
        legible(line)?;
        if line.len() >= LONGEST {
            return Err("part header line too long");
        }
        if name.is_empty() {
            return Err("invalid part header (header name missing)");
        }
        if !name.iter().all(u8::is_ascii_graphic) {
            return Err("invalid part header (contains invalid character)");
        }
        if self.lines.iter().any(|line| line.name.eq_ignore_ascii_case(name)) {
            return Err("duplicate part header");
        }
        Ok(())
    }

    /// A continuation line joins the value before it, after one space.
    fn fold(&mut self, line: &[u8], flags: &mut Flags) -> Result<(), &'static str> {
        let start = line.iter().position(|&byte| !is_space(byte)).unwrap_or(line.len());
        let (blank, text) = line.split_at(start);
        // RFC 5322 folds with spaces and tabs alone; PHP takes any white space. A line of nothing but blanks ends in its line end.
        flags.invalid_header_folding |=
            text.is_empty() || blank.iter().any(|byte| !matches!(byte, b' ' | b'\t'));
        legible(line)?;
        let Some(last) = self.lines.last_mut().filter(|line| line.valid) else {
            return Err("invalid part header (folding error)");
        };
        for joined in [&mut last.value, &mut last.raw] {
            joined.push(b' ');
            joined.extend_from_slice(text);
        }
        if last.raw.len() > LONGEST {
            last.valid = false;
            return Err("part header too long");
        }
        Ok(())
    }

    /// Reads the `Content-Disposition`.
    ///
    /// # Errors
    /// Why there is none that names the part. What was named before the error stands in `disposition`.
    pub(super) fn disposition(
        &self,
        flags: &mut Flags,
        disposition: &mut Disposition,
    ) -> Result<(), &'static str> {
        let header = self
            .lines
            .iter()
            .find(|line| line.name.eq_ignore_ascii_case(b"Content-Disposition"))
            .ok_or("part missing Content-Disposition header")?;
        parameters(&header.value, flags, disposition)?;
        if disposition.name.as_ref().is_none_or(Vec::is_empty) {
            return Err("Content-Disposition header missing name field");
        }
        // Somebody with a cruder parser must see the file too: `filename =` would hide it from a search for `filename=`.
        if disposition.filename.is_some() && memchr::memmem::find(&header.value, b"filename=").is_none() {
            return Err("invalid Content-Disposition header (filename)");
        }
        Ok(())
    }

    /// The lines as received, folding joined.
    pub(super) fn into_lines(self) -> Vec<Vec<u8>> {
        self.lines.into_iter().map(|line| line.raw).collect()
    }
}

/// Without bytes at which another parser may end a line (RFC 5322 section 2.2: a carriage return stands before a line feed only).
fn legible(line: &[u8]) -> Result<(), &'static str> {
    match memchr::memchr2(0, b'\r', line).and_then(|at| line.get(at)) {
        Some(0) => Err("NUL byte in part headers"),
        Some(_) => Err("carriage return in part headers"),
        None => Ok(()),
    }
}

fn parameters(value: &[u8], flags: &mut Flags, disposition: &mut Disposition) -> Result<(), &'static str> {
    let rest =
        value.strip_prefix(b"form-data").ok_or("invalid Content-Disposition header (not form-data)")?;
    let mut rest = match trim_start(rest) {
        [] => return Ok(()),
        [b';', rest @ ..] => rest,
        _ => return Err("invalid Content-Disposition header (semicolon missing)"),
    };
    loop {
        let (name, after) = parameter_name(trim_start(rest))?;
        let (value, quote, after) = match name {
            b"filename*" => {
                let (value, after) = extended_value(after)?;
                (value.to_vec(), None, after)
            }
            _ => parameter_value(after, flags)?,
        };
        // Inside double quotes a single one is ordinary text.
        flags.invalid_quoting |= quote != Some(b'"') && name != b"filename*" && value.contains(&b'\'');
        match name {
            b"name" if disposition.name.is_none() => disposition.name = Some(value),
            b"filename" if disposition.filename.is_none() => disposition.filename = Some(value),
            b"filename*" if disposition.extended.is_none() => {
                disposition.extended = Some(percent_decoded(&value));
            }
            b"name" | b"filename" | b"filename*" => {
                return Err("invalid Content-Disposition header (duplicate parameter)");
            }
            _ => return Err("invalid Content-Disposition header (unknown parameter)"),
        }
        rest = match trim_start(after) {
            [] => break,
            [b';', rest @ ..] => rest,
            [byte, ..] => {
                flags.invalid_quoting |= matches!(byte, b'"' | b'\'') || quote.is_some();
                return Err("invalid Content-Disposition header (text after a value)");
            }
        };
    }
    if disposition.filename.as_ref().is_some_and(Vec::is_empty) {
        disposition.filename = None;
    }
    if disposition.extended.is_some() && disposition.filename.is_none() {
        return Err("invalid Content-Disposition header (filename* without filename)");
    }
    Ok(())
}

/// The name before an equals sign, and what follows the sign; that is never empty.
fn parameter_name(input: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let end = input
        .iter()
        .position(|byte| matches!(byte, b'=' | b'\t' | b' '))
        .ok_or("invalid Content-Disposition header (parameter without a value)")?;
    match trim_start(&input[end..]) {
        [b'=', value @ ..] if !trim_start(value).is_empty() => Ok((&input[..end], trim_start(value))),
        _ => Err("invalid Content-Disposition header (parameter without a value)"),
    }
}

type Value<'a> = (Vec<u8>, Option<u8>, &'a [u8]);

/// A quoted value or a token: the value without its escapes, the quote, what comes after.
///
/// A quote behind a backslash sets [`Flags::invalid_quoting`]: PHP escapes quotes but no backslashes, others know no escapes, and for each
/// the value ends elsewhere. Browsers write `%22`, and paths with single backslashes.
fn parameter_value<'a>(input: &'a [u8], flags: &mut Flags) -> Result<Value<'a>, &'static str> {
    let (quote, mut rest) = match input {
        [quote @ (b'"' | b'\''), rest @ ..] => (*quote, rest),
        _ => {
            let end = input.iter().position(|&byte| !is_token(byte)).unwrap_or(input.len());
            return Ok((input[..end].to_vec(), None, &input[end..]));
        }
    };
    // Some backends accept single quotes, RFC 2183 does not.
    flags.invalid_quoting |= quote == b'\'';
    let mut value = Vec::new();
    let mut backslash = false;
    loop {
        let quoted = rest.first() == Some(&quote);
        flags.invalid_quoting |= quoted && backslash;
        backslash = rest.first() == Some(&b'\\');
        rest = match rest {
            [] | [b'\\'] => return Err("invalid Content-Disposition header (quote not closed)"),
            [byte, rest @ ..] if *byte == quote => return Ok((value, Some(quote), rest)),
            // Internet Explorer sends paths without escaping them: a backslash before anything else is text.
            [b'\\', byte, rest @ ..] if *byte == quote || *byte == b'\\' => {
                flags.invalid_quoting |= *byte == quote;
                value.push(*byte);
                rest
            }
            [byte, rest @ ..] => {
                value.push(*byte);
                rest
            }
        };
    }
}

/// `charset'language'value` of RFC 8187, checked: the file's name itself and what comes after.
fn extended_value(input: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    const WRONG: &str = "invalid Content-Disposition header (filename*)";
    let charset = input
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || b"!#$%&+-^_`{}~".contains(byte)))
        .filter(|at| *at > 0 && input[*at] == b'\'')
        .ok_or(WRONG)?;
    let language = memchr::memchr(b'\'', &input[charset + 1..]).ok_or(WRONG)?;
    let value = &input[charset + language + 2..];
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let mut rest = &value[..end];
    loop {
        rest = match rest {
            [] => return Ok(value.split_at(end)),
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [byte, rest @ ..] if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`~".contains(byte) => rest,
            _ => return Err(WRONG),
        };
    }
}

/// The bytes of a value that has been checked.
fn percent_decoded(value: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [byte, after @ ..] = rest {
        let escaped = match after {
            [high, low, ..] if *byte == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        out.push(escaped.map_or(*byte, |(high, low)| high << 4 | low));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    out
}

fn trim_start(input: &[u8]) -> &[u8] {
    let start = input.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(input.len());
    &input[start..]
}

/// `token` of RFC 2045 section 5.1.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte)
}
