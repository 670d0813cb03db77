//! Reads a body line by line and cuts it at its boundaries.
//!
//! Invariant: every byte of the body is part of a boundary line, a header line or the content of a part, or sets a flag.

use memchr::memmem::Finder;

use super::{
    Flags, Multipart, Part,
    boundary::is_space,
    headers::{Disposition, Headers},
};
use crate::{BodyError, Limits};

pub(super) struct Parser<'a> {
    boundary: Vec<u8>,
    /// `--` and the boundary, with what a search for it needs: every line of an upload is searched.
    delimiter: Finder<'static>,
    limits: &'a Limits,
    flags: Flags,
    parts: Vec<Part>,
    open: Option<Open>,
    boundaries: usize,
    complete: bool,
    crlf_line: bool,
    /// The line before this one ended in a bare line feed.
    after_lf: bool,
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
    content: Vec<u8>,
}

/// What to do after a line.
enum Next {
    Line,
    Stop,
}

impl<'a> Parser<'a> {
    pub(super) fn new(boundary: Vec<u8>, flags: Flags, limits: &'a Limits) -> Self {
        let delimiter = Finder::new(&[b"--", boundary.as_slice()].concat()).into_owned();
        Self {
            boundary,
            delimiter,
            limits,
            flags,
            parts: Vec::new(),
            open: None,
            boundaries: 0,
            complete: false,
            crlf_line: false,
            after_lf: false,
            offset: 0,
            error: None,
        }
    }

    pub(super) fn read(mut self, input: &[u8]) -> (Multipart, Option<BodyError>) {
        let mut rest = input;
        while !rest.is_empty() && !self.complete {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            if let Next::Stop = self.line(line) {
                break;
            }
            self.after_lf = line.ends_with(b"\n") && !line.ends_with(b"\r\n");
            self.offset += line.len();
            rest = after;
        }
        self.flags.data_after |= self.complete && !rest.is_empty();
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
            Some(open) if open.in_content => {
                open.content_seen = true;
                open.content.extend_from_slice(line);
            }
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
        self.flags.lf_line |= self.after_lf;
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
        let Open { headers, disposition, mut content, .. } = open;
        if at_boundary {
            let end = if content.ends_with(b"\r\n") { 2 } else { usize::from(content.ends_with(b"\n")) };
            content.truncate(content.len() - end);
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
