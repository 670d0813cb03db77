//! Reads a body line by line and cuts it at its boundaries. Of a content only those lines are looked at that may be more than content.
//!
//! Invariant: every byte of the body is part of a boundary line, a header line or the content of a part, or sets a flag.

use std::ops::Range;

use memchr::memmem::Finder;

use super::{
    Flags, Multipart, Part,
    boundary::is_space,
    headers::{Disposition, Headers},
};
use crate::{BodyError, Limits};

pub(super) struct Parser<'i, 'l> {
    input: &'i [u8],
    boundary: Vec<u8>,
    /// `--` and the boundary, with what a search for it needs: every line of an upload is searched.
    delimiter: Finder<'static>,
    /// Two dashes.
    dashes: Finder<'static>,
    limits: &'l Limits,
    flags: Flags,
    parts: Vec<Part<'i>>,
    open: Option<Open>,
    boundaries: usize,
    complete: bool,
    crlf_line: bool,
    /// First byte of the line that is being read.
    offset: usize,
    error: Option<BodyError>,
}

/// A part that is being read.
#[derive(Default)]
struct Open {
    headers: Headers,
    disposition: Disposition,
    in_content: bool,
    content_seen: bool,
    content: Range<usize>,
}

impl Open {
    /// Takes more content; it follows what was taken before.
    fn take(&mut self, content: Range<usize>) {
        if !self.content_seen {
            self.content.start = content.start;
        }
        self.content_seen = true;
        self.content.end = content.end;
    }
}

/// What to do after a line.
enum Next {
    Line,
    Stop,
}

impl<'i, 'l> Parser<'i, 'l> {
    pub(super) fn new(boundary: Vec<u8>, flags: Flags, input: &'i [u8], limits: &'l Limits) -> Self {
        let delimiter = Finder::new(&[b"--", boundary.as_slice()].concat()).into_owned();
        Self {
            input,
            boundary,
            delimiter,
            dashes: Finder::new(b"--"),
            limits,
            flags,
            parts: Vec::new(),
            open: None,
            boundaries: 0,
            complete: false,
            crlf_line: false,
            offset: 0,
            error: None,
        }
    }

    pub(super) fn read(mut self) -> (Multipart<'i>, Option<BodyError>) {
        let input = self.input;
        while self.offset < input.len() && !self.complete {
            let rest = &input[self.offset..];
            let plain = self.plain_content(rest);
            if let (1.., Some(open)) = (plain, &mut self.open) {
                open.take(self.offset..self.offset + plain);
                self.offset += plain;
                continue;
            }
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            if let Next::Stop = self.line(&rest[..end]) {
                break;
            }
            self.offset += end;
        }
        self.flags.data_after |= self.complete && self.offset < input.len();
        if !input.is_empty() && !self.complete && self.error.is_none() {
            self.fail(match self.boundaries {
                0 => "no boundaries found in payload",
                _ => "final boundary missing",
            });
        }
        self.close(false);
        self.flags.crlf_lf_lines = self.crlf_line && self.flags.lf_line;
        (Multipart { parts: self.parts, flags: self.flags }, self.error)
    }

    /// How many bytes of whole lines are content whatever they hold: none of them starts with two dashes or has a boundary in it.
    fn plain_content(&self, rest: &[u8]) -> usize {
        if !self.open.as_ref().is_some_and(|open| open.in_content) || rest.starts_with(b"--") {
            return 0;
        }
        // One search for both: two dashes begin a line, or a boundary within one.
        let mut from = 0;
        while let Some(found) = self.dashes.find(&rest[from..]) {
            let at = from + found;
            if rest[at - 1] == b'\n' {
                return at;
            }
            if rest[at..].starts_with(self.delimiter.needle()) {
                return memchr::memrchr(b'\n', &rest[..at]).map_or(0, |at| at + 1);
            }
            from = at + 1;
        }
        rest.len()
    }

    fn line(&mut self, line: &[u8]) -> Next {
        // Two dashes and a bare line feed are too short to look like anything.
        if line.starts_with(b"--") && line.len() > 3 {
            if line.starts_with(self.delimiter.needle()) {
                // Where content must begin a boundary is content: its line end belongs to the head of the part.
                if self.boundaries == 0 || self.open.as_ref().is_some_and(|open| open.content_seen) {
                    return self.boundary_line(line);
                }
                if self.is_last_words(line) {
                    self.flags.invalid_part = true;
                    return self.boundary_line(line);
                }
                self.flags.invalid_part = true;
            } else if let Some(message) = self.disguised(line) {
                self.fail(message);
                return Next::Stop;
            } else {
                self.flags.unmatched_boundary = 1;
            }
        } else if self.delimiter.find(line).is_some() {
            self.flags.unmatched_boundary = 1;
        }
        match &mut self.open {
            None => self.flags.data_before = true,
            Some(open) if open.in_content => open.take(self.offset..self.offset + line.len()),
            Some(_) => self.header_line(line),
        }
        Next::Line
    }

    /// The final boundary without a line end, with which a body may end.
    fn is_last_words(&self, line: &[u8]) -> bool {
        line.strip_prefix(self.delimiter.needle()) == Some(b"--")
    }

    /// A line that starts with the boundary.
    fn boundary_line(&mut self, line: &[u8]) -> Next {
        let end = &line[self.delimiter.needle().len()..];
        let (last, end) = match end {
            [b'-', b'-', end @ ..] => (true, end),
            _ => (false, end),
        };
        self.flags.lf_line |= self.after_lf();
        match end {
            b"\r\n" => self.crlf_line = true,
            b"\n" => self.flags.lf_line = true,
            b"" if last && self.boundaries > 0 => {}
            _ => {
                self.fail("invalid boundary");
                return Next::Stop;
            }
        }
        // As in ModSecurity v3 neither the first boundary nor a last one without a line end makes up for anything.
        if self.flags.unmatched_boundary == 1 && self.boundaries > 0 && !end.is_empty() {
            self.flags.unmatched_boundary = 2;
        }
        self.boundaries += 1;
        self.close(true);
        if last {
            self.complete = true;
            return Next::Line;
        }
        if self.parts.len() >= self.limits.parts {
            self.flags.file_limit_exceeded = true;
            self.fail("too many parts");
            return Next::Stop;
        }
        self.open = Some(Open::default());
        Next::Line
    }

    /// Whether the line before this one ended in a bare line feed.
    fn after_lf(&self) -> bool {
        let before = &self.input[..self.offset];
        before.ends_with(b"\n") && !before.ends_with(b"\r\n")
    }

    /// Whether a line that is no boundary holds one behind white space or a quote.
    fn disguised(&self, line: &[u8]) -> Option<&'static str> {
        let text = &line[2..];
        if self.flags.boundary_quoted && text.first() == Some(&b'"') && text[1..].starts_with(&self.boundary)
        {
            return Some("invalid boundary (quotes)");
        }
        let blanks = text.iter().take_while(|&&byte| is_space(byte)).count();
        (blanks > 0 && text[blanks..].starts_with(&self.boundary)).then_some("invalid boundary (white space)")
    }

    fn header_line(&mut self, line: &[u8]) {
        let Some(open) = &mut self.open else { return };
        let text = match line {
            [text @ .., b'\r', b'\n'] => {
                self.crlf_line = true;
                text
            }
            [text @ .., b'\n'] => {
                self.flags.lf_line = true;
                text
            }
            _ => line,
        };
        let result = if text.is_empty() {
            open.in_content = true;
            open.headers.disposition(&mut self.flags, &mut open.disposition)
        } else {
            open.headers.push(text, &mut self.flags)
        };
        if let Err(message) = result {
            self.fail(message);
        }
    }

    /// Ends the part that is being read. The line end before a boundary belongs to the boundary.
    fn close(&mut self, at_boundary: bool) {
        let Some(open) = self.open.take() else { return };
        let Open { headers, disposition, content, .. } = open;
        let mut content = &self.input[content];
        if at_boundary {
            content =
                content.strip_suffix(b"\n").map_or(content, |text| text.strip_suffix(b"\r").unwrap_or(text));
        }
        let name = disposition.name.unwrap_or_default();
        self.flags.invalid_part |= name.is_empty();
        self.parts.push(Part {
            name,
            filename: disposition.filename,
            extended_filename: disposition.extended,
            headers: headers.into_lines(),
            content,
        });
    }

    /// The first error is the one reported.
    fn fail(&mut self, message: &str) {
        self.flags.error = true;
        if self.error.is_none() {
            self.error = Some(BodyError { message: format!("{message} at offset {}", self.offset) });
        }
    }
}
