//! Files to one document: reads texts directive by directive and puts in place of each `Include` what it names.
//!
//! Bounded against files that include each other: depth, number and total size of files, number of errors.

use portcullis_diag::{Diagnostic, Sources, Span};

use crate::{
    Loader, Parsed, Part,
    ast::{Directive, DirectiveKind, Document, Text},
    codes,
    lexer::Lexer,
    lint,
    parser::directive,
    report::{Report, shown},
};

/// Files that may include one another in a row.
const DEEPEST: usize = 16;

/// Files of one load, each inclusion of a file counted.
const MOST_FILES: usize = 4096;

/// Bytes of all files of one load. CRS is a megabyte.
const MOST_BYTES: usize = 64 << 20;

/// Reads files and texts in order, and what they include.
pub(crate) fn parts(parts: &[Part<'_>], loader: &dyn Loader, sources: &mut Sources) -> Parsed {
    let mut reader = Reader::new(Some(loader), sources);
    for part in parts {
        match part {
            Part::File(name) => reader.file(name, None),
            Part::Text(name, text) => reader.text(name, text.to_vec(), None),
        }
    }
    reader.finish()
}

/// Reads a text and leaves its includes in the tree.
pub(crate) fn alone(name: &str, text: &[u8], sources: &mut Sources) -> Parsed {
    let mut reader = Reader::new(None, sources);
    reader.text(name, text.to_vec(), None);
    reader.finish()
}

struct Reader<'a> {
    loader: Option<&'a dyn Loader>,
    sources: &'a mut Sources,
    report: Report,
    directives: Vec<Directive>,
    /// Names of the files being read, the outermost first.
    open: Vec<String>,
    files: usize,
    bytes: usize,
}

impl<'a> Reader<'a> {
    fn new(loader: Option<&'a dyn Loader>, sources: &'a mut Sources) -> Self {
        Self {
            loader,
            sources,
            report: Report::default(),
            directives: Vec::new(),
            open: Vec::new(),
            files: 0,
            bytes: 0,
        }
    }

    fn finish(mut self) -> Parsed {
        let document = Document { directives: self.directives };
        // Half a document is full of chains and markers that lost their other half. Without a loader it is one file of many.
        if self.loader.is_some() && !self.report.has_errors() {
            lint::check(&document, &mut self.report);
        }
        Parsed { document, diagnostics: self.report.into_diagnostics() }
    }

    fn file(&mut self, name: &str, from: Option<Span>) {
        if self.open.iter().any(|open| open == name) {
            let chain = self.open.iter().map(|open| shown(open.as_bytes())).collect::<Vec<_>>().join(" -> ");
            let message = format!("`{}` is being read already", shown(name.as_bytes()));
            self.problem(codes::INCLUDE_CYCLE, message, from, &format!("the way here: {chain}"));
            return;
        }
        let Some(loader) = self.loader else { return };
        match loader.read(name) {
            Ok(text) => self.text(name, text, from),
            Err(reason) => {
                let message = format!("cannot read {name}: {reason}");
                self.problem(codes::CANNOT_READ, message, from, "");
            }
        }
    }

    fn text(&mut self, name: &str, text: Vec<u8>, from: Option<Span>) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(text.len());
        if self.open.len() >= DEEPEST {
            let message = format!("includes are nested more than {DEEPEST} deep");
            return self.problem(codes::INCLUDE_DEPTH, message, from, "");
        }
        if self.files > MOST_FILES {
            let message = format!("more than {MOST_FILES} files are included");
            return self.problem(codes::TOO_MANY_FILES, message, from, "");
        }
        if self.bytes > MOST_BYTES {
            let message = format!("the rule files hold more than {} MiB", MOST_BYTES >> 20);
            return self.problem(
                codes::TOO_MANY_BYTES,
                message,
                from,
                "put big lists into files of `@pmFromFile`",
            );
        }
        let source = self.sources.add(name, text);
        let text = self.sources.shared_text(source);
        self.open.push(name.to_owned());
        let mut lexer = Lexer::new(&text, source);
        while !self.report.is_full() {
            let Some(line) = lexer.next(&mut self.report) else { break };
            match directive::parse(&line, &mut self.report) {
                Some(Directive { kind: DirectiveKind::Include(pattern), .. }) if self.loader.is_some() => {
                    self.include(name, &pattern, false);
                }
                Some(Directive { kind: DirectiveKind::IncludeOptional(pattern), .. })
                    if self.loader.is_some() =>
                {
                    self.include(name, &pattern, true);
                }
                Some(directive) => self.directives.push(directive),
                None => {}
            }
        }
        self.open.pop();
    }

    fn include(&mut self, from: &str, pattern: &Text, optional: bool) {
        let Some(loader) = self.loader else { return };
        let place = Some(pattern.span);
        let Ok(written) = std::str::from_utf8(&pattern.value) else {
            let message = format!("`{}` is no file name: it is not UTF-8", shown(&pattern.value));
            return self.problem(codes::CANNOT_READ, message, place, "");
        };
        let name = loader.resolve(from, written);
        if !optional && !written.contains(['*', '?', '[']) {
            return self.file(&name, place);
        }
        match loader.glob(&name) {
            Ok(names) => {
                for name in names {
                    if self.report.is_full() || self.files > MOST_FILES || self.bytes > MOST_BYTES {
                        return;
                    }
                    self.file(&name, place);
                }
            }
            Err(reason) => {
                self.problem(codes::CANNOT_READ, format!("cannot list {name}: {reason}"), place, "");
            }
        }
    }

    fn problem(&mut self, code: portcullis_diag::Code, message: String, at: Option<Span>, help: &str) {
        let mut diagnostic = Diagnostic::error(code, message);
        diagnostic.span = at;
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        self.report.push(diagnostic);
    }
}
