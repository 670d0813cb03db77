//! The compiler: a tree of rules becomes a [`Program`], or diagnostics that say why not.
//!
//! In order: directives are sorted into drafts, chains joined ([`chains`]); updates and removals are applied to drafts ([`exclusions`]);
//! drafts are lowered to rules ([`lower`]). Nothing is silently dropped: what has no meaning here is an error or a warning.

mod chains;
mod exclusions;
mod gate;
mod kinds;
mod literals;
mod lower;
mod mesh;
mod pages;
mod prefilter;
mod profile;
mod quiet;
mod rough;
mod schedule;
mod select;
mod settings;
mod sift;
mod sought;
mod switches;
mod targets;
mod transform_plan;
mod usual;

use std::{collections::HashMap, sync::Arc};

use portcullis_diag::{Code, Diagnostic, Sources, Span};
use portcullis_seclang::{Loader, ast::Document};

pub(crate) use select::RulesBy;
pub(crate) use targets::left_out;

use crate::{
    Compiled, codes,
    geo::GeoDatabase,
    ir::{MarkerId, Place, Plan, Program},
    operators::Resources,
    variant::Variant,
};

/// How rules are compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `^` and `$` match at line ends too, as in ModSecurity v3 and Coraza. Off: only at the ends of a value, as in v2 (trap 18).
    pub multiline: bool,
    /// What runs the rules.
    pub engine: Engine,
}

/// What runs the rules; both give the same reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Values are sifted once for all rules, and only rules that may match are evaluated.
    #[default]
    Compiled,
    /// Every rule asks every value: slow, and the measure of the other.
    Plain,
}

pub(crate) fn compile(
    document: &Document,
    sources: &Sources,
    loader: &dyn Loader,
    options: Options,
) -> Compiled {
    let mut compiler = Compiler {
        sources,
        loader,
        options,
        diagnostics: Vec::new(),
        noted: HashMap::new(),
        known: Vec::new(),
        geo: None,
        markers: HashMap::new(),
    };
    let mut sorted = chains::sort(&mut compiler, document);
    exclusions::apply(&mut compiler, &mut sorted);
    let settings = settings::read(&mut compiler, &sorted.settings);
    compiler.geo.clone_from(&settings.geo);
    let (rules, phases) = lower::rules(&mut compiler, &sorted);
    switches::check(&mut compiler, &sorted, &rules);
    let mut program = Program { settings, rules, phases, ..Program::default() };
    program.facts.rules = program.rules.len();
    program.facts.links = program.rules.iter().map(|rule| rule.links.len().saturating_sub(1)).sum();
    program.facts.signatures = settings::signatures(&sorted.settings);
    // Drafts hold every action as it was written: not needed beside the plan.
    drop(sorted);
    let diagnostics = compiler.diagnostics;
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Compiled { program: None, diagnostics };
    }
    program.names = schedule::names(&program.rules);
    if options.engine == Engine::Compiled {
        targets::number(&mut program.rules, &program.names);
        quiet::note_unseen_captures(&mut program.rules);
        program = schedule::plan(program);
    }
    Compiled { program: Some(program), diagnostics }
}

/// A plan for a variant of a program. Automata are those of other plans of the program where these have them.
pub(crate) fn plan(program: &Arc<Program>, variant: &Variant, known: &[&Plan]) -> Option<Plan> {
    schedule::of_variant(program, variant, known)
}

/// What all passes share.
pub(crate) struct Compiler<'a> {
    sources: &'a Sources,
    loader: &'a dyn Loader,
    options: Options,
    diagnostics: Vec<Diagnostic>,
    /// Warnings told once, however often their cause is written: position of the diagnostic, and how often.
    noted: HashMap<String, (usize, usize)>,
    /// What exclusions look for, by position of the rule.
    known: Vec<select::Known>,
    geo: Option<Arc<GeoDatabase>>,
    markers: HashMap<Box<[u8]>, MarkerId>,
}

impl Compiler<'_> {
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Says once that something is accepted and what takes its place.
    pub(crate) fn note_replaced(&mut self, span: Span, what: &str, instead: &str) {
        self.note(codes::REPLACED, span, &format!("{what} has no effect here"), instead);
    }

    /// Says once; further places are counted.
    pub(crate) fn note(&mut self, code: Code, span: Span, message: &str, help: &str) {
        let next = self.diagnostics.len();
        let (at, times) = self.noted.entry(message.to_owned()).or_insert((next, 0));
        *times += 1;
        if *times == 1 {
            self.diagnostics.push(Diagnostic::warning(code, message).at(span).help(help));
        } else if let Some(first) = self.diagnostics.get_mut(*at) {
            first.message = format!("{message} (written {times} times)");
        }
    }

    pub(crate) fn note_disruption(&mut self, span: Span, before: Option<Span>) {
        if let Some(before) = before {
            self.report(
                Diagnostic::warning(
                    codes::SEVERAL_DISRUPTIVE,
                    "only the last disruptive action of a rule counts",
                )
                .at(span)
                .label(before, "this one is replaced"),
            );
        }
    }

    fn place(&self, span: Span) -> Place {
        let location = self.sources.location(span);
        Place { file: location.name, line: location.line }
    }

    fn resources<'b>(&'b self, span: Span) -> Resources<'b> {
        Resources {
            loader: self.loader,
            file: self.sources.name(span.source),
            multiline: self.options.multiline,
            geo: self.geo.as_ref(),
        }
    }
}
