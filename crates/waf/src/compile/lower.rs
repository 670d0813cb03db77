//! Third pass: drafts become rules, and rules and markers the steps of five phases.

use std::sync::Arc;

use portcullis_diag::{Diagnostic, Span};
use portcullis_seclang::{ast, template::Part};

use super::{
    Compiler,
    chains::{Draft, DraftLink, Piece, Sorted},
};
use crate::{
    actions::{self, Lowered, flow::WrittenSkip},
    codes,
    ir::{Disruption, Link, MarkerId, Meta, Rule, RuleId, Skip, Step, Template, Test},
    operators,
};

/// All rules, and the steps of the phases. Markers belong to every phase (trap 34: v3).
pub(super) fn rules(compiler: &mut Compiler<'_>, sorted: &Sorted) -> (Vec<Rule>, [Vec<Step>; 5]) {
    number_markers(compiler, sorted);
    let mut rules = Vec::new();
    let mut phases: [Vec<Step>; 5] = Default::default();
    for piece in &sorted.pieces {
        match piece {
            Piece::Marker(name) => mark(compiler, &mut phases, name),
            Piece::Rule(position) => {
                let Some(draft) = sorted.drafts.get(*position).filter(|draft| !draft.removed) else {
                    continue;
                };
                if let Some(steps) = phases.get_mut(usize::from(draft.phase) - 1) {
                    steps.push(Step::Rule(RuleId::new(rules.len())));
                }
                let rule = lower(compiler, draft);
                rules.push(rule);
                mark(compiler, &mut phases, draft.id.to_string().as_bytes());
            }
        }
    }
    (rules, phases)
}

/// Gives numbers to markers, and to the place after each rule that a `skipAfter` names by its id (v2).
fn number_markers(compiler: &mut Compiler<'_>, sorted: &Sorted) {
    let skipped_to: Vec<&[u8]> = sorted
        .drafts
        .iter()
        .flat_map(|draft| draft.links.iter().flat_map(|link| &link.actions))
        .filter(|action| action.name == portcullis_seclang::vocabulary::Action::SkipAfter)
        .filter_map(|action| action.argument.as_ref().map(|text| text.value.as_slice()))
        .collect();
    for piece in &sorted.pieces {
        let name: Box<[u8]> = match piece {
            Piece::Marker(name) => name.as_slice().into(),
            Piece::Rule(position) => match sorted.drafts.get(*position) {
                Some(draft) => draft.id.to_string().into_bytes().into(),
                None => continue,
            },
        };
        if matches!(piece, Piece::Marker(_)) || skipped_to.contains(&&*name) {
            let next = MarkerId::new(compiler.markers.len());
            compiler.markers.entry(name).or_insert(next);
        }
    }
}

fn mark(compiler: &Compiler<'_>, phases: &mut [Vec<Step>; 5], name: &[u8]) {
    if let Some(marker) = compiler.markers.get(name) {
        for steps in phases {
            steps.push(Step::Marker(*marker));
        }
    }
}

fn lower(compiler: &mut Compiler<'_>, draft: &Draft) -> Rule {
    let mut defaults = Lowered::default();
    for action in draft.defaults.iter() {
        actions::lower(&mut defaults, compiler, action, true);
    }
    let default = match &defaults.disruption {
        Some((written, _)) => written.resolve(defaults.status, &Disruption::Pass),
        None => Disruption::Pass,
    };
    let mut head = Lowered { disruption: None, status: None, ..defaults.clone() };
    let mut links = Vec::new();
    for (position, written) in draft.links.iter().enumerate() {
        // Links inherit how values are seen; what a head says about the whole is not theirs.
        let mut link = Lowered {
            transformations: defaults.transformations.clone(),
            log: head.log,
            audit: head.audit,
            ..Lowered::default()
        };
        let into = if position == 0 { &mut head } else { &mut link };
        for action in &written.actions {
            actions::lower(into, compiler, action, position == 0);
        }
        let into = if position == 0 { head.clone() } else { link };
        if position > 0 {
            inherit(&mut head, &into);
        }
        links.push(lower_link(compiler, written, into));
    }
    let disruption = match &head.disruption {
        Some((written, _)) => written.resolve(head.status, &default),
        None => default,
    };
    let skip = head.skip.take().and_then(|skip| lower_skip(compiler, skip));
    Rule {
        id: draft.id,
        phase: draft.phase,
        place: compiler.place(draft.span),
        links,
        disruption,
        skip,
        meta: meta(head),
    }
}

/// What links say about the rule adds to what the head says.
fn inherit(head: &mut Lowered, link: &Lowered) {
    head.tags.extend(link.tags.iter().cloned());
    if head.message.is_empty() {
        head.message.clone_from(&link.message);
    }
    head.log_data = head.log_data.take().or_else(|| link.log_data.clone());
    head.severity = head.severity.or(link.severity);
    // A link may silence its rule: CRS 3.3 does.
    (head.log, head.audit) = (link.log, link.audit);
}

fn meta(head: Lowered) -> Meta {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned().into_boxed_str();
    Meta {
        severity: head.severity,
        message: Arc::from(text(&head.message)),
        message_template: Template::parse(&head.message),
        log_data: head.log_data,
        tags: head.tags.iter().map(|tag| text(tag)).collect(),
        revision: head.revision.as_deref().map(text),
        version: head.version.as_deref().map(text),
        maturity: head.maturity,
        accuracy: head.accuracy,
        log: head.log,
        audit: head.audit,
    }
}

fn lower_skip(compiler: &mut Compiler<'_>, skip: WrittenSkip) -> Option<Skip> {
    match skip {
        WrittenSkip::Rules(rules) => Some(Skip::Rules(rules)),
        WrittenSkip::After(marker) => {
            if let Some(id) = compiler.markers.get(marker.as_slice()) {
                return Some(Skip::After(*id));
            }
            // The language's lint W0111 tells the author; everything behind the rule is skipped (trap 34).
            let next = MarkerId::new(compiler.markers.len());
            compiler.markers.insert(marker.into(), next);
            Some(Skip::After(next))
        }
    }
}

fn lower_link(compiler: &mut Compiler<'_>, written: &DraftLink, said: Lowered) -> Link {
    let (targets, exclusions) = compiler.targets(&written.targets);
    let test = written.operator.as_ref().and_then(|operator| build(compiler, operator));
    Link {
        targets,
        exclusions,
        transformations: said.transformations,
        multi_match: said.multi_match,
        capture: said.capture,
        captures_unseen: false,
        test,
        set_vars: said.set_vars,
        effects: said.effects,
    }
}

fn build(compiler: &mut Compiler<'_>, operator: &ast::Operator) -> Option<Test> {
    let argument = argument_template(&operator.argument.value);
    let has_macros = argument.is_some();
    let built = operators::build(
        operator.name,
        &operator.argument.value,
        has_macros,
        &compiler.resources(operator.span),
    );
    match built {
        Ok(built) => {
            if let Some(warning) = built.warning {
                warn(compiler, operator.span, warning);
            }
            let (negated, name) = (operator.negated, operator.name.name());
            Some(Test { negated, operator: name, operate: built.operate, argument })
        }
        Err(refusal) => {
            let mut problem = Diagnostic::error(codes::OPERATOR, refusal.message).at(operator.span);
            if let Some(help) = refusal.help {
                problem = problem.help(help);
            }
            compiler.report(problem);
            None
        }
    }
}

fn warn(compiler: &mut Compiler<'_>, span: Span, warning: operators::Warning) {
    let mut diagnostic = Diagnostic::warning(warning.code, warning.message).at(span);
    if let Some(help) = warning.help {
        diagnostic = diagnostic.help(help);
    }
    compiler.report(diagnostic);
}

/// The argument as a template, if it holds a macro of a known variable. Other braces are text: `%{2}` may be part of a pattern.
fn argument_template(argument: &[u8]) -> Option<Template> {
    let mut template = Template::parse(argument);
    if !template.parts.iter().any(|part| matches!(part, Part::Macro { .. })) {
        return None;
    }
    for part in &mut template.parts {
        if let Part::Unknown(inside) = part {
            let text = [&b"%{"[..], inside, b"}"].concat();
            *part = Part::Literal(text);
        }
    }
    Some(template)
}
