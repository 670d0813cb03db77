//! First pass: directives are sorted, chains joined, ids and phases read.

use std::{collections::HashMap, rc::Rc};

use portcullis_diag::{Diagnostic, Span};
use portcullis_seclang::{
    ast::{self, DirectiveKind},
    vocabulary::{Action as A, Setting},
};

use super::Compiler;
use crate::{codes, limits};

/// A rule before it is lowered: everything still as written.
pub(super) struct Draft {
    pub(super) id: u64,
    pub(super) span: Span,
    pub(super) phase: u8,
    pub(super) links: Vec<DraftLink>,
    /// `SecDefaultAction` in force for its phase where it was written.
    pub(super) defaults: Rc<[ast::Action]>,
    pub(super) removed: bool,
}

/// One directive of a chain.
pub(super) struct DraftLink {
    pub(super) targets: Vec<ast::Target>,
    /// Absent in `SecAction`.
    pub(super) operator: Option<ast::Operator>,
    pub(super) actions: Vec<ast::Action>,
}

/// A place in the order of evaluation.
pub(super) enum Piece {
    /// Position of a draft.
    Rule(usize),
    Marker(Vec<u8>),
}

/// A directive that changes rules written elsewhere; applied to all, wherever it stands (v3).
pub(super) enum Change {
    UpdateTargets(ast::RuleSelector, Vec<ast::Target>),
    UpdateActions(ast::RuleSelector, Vec<ast::Action>),
    Remove(ast::RuleSelector),
}

/// A directive with plain arguments.
pub(super) struct Written {
    pub(super) name: Setting,
    pub(super) span: Span,
    pub(super) arguments: Vec<ast::Text>,
}

#[derive(Default)]
pub(super) struct Sorted {
    pub(super) drafts: Vec<Draft>,
    pub(super) pieces: Vec<Piece>,
    pub(super) changes: Vec<(Change, Span)>,
    pub(super) settings: Vec<Written>,
}

pub(super) fn sort(compiler: &mut Compiler<'_>, document: &ast::Document) -> Sorted {
    let mut sorter = Sorter { compiler, sorted: Sorted::default(), defaults: HashMap::new(), open: None };
    for directive in &document.directives {
        sorter.directive(directive);
    }
    sorter.expect_no_link();
    let Sorter { mut sorted, compiler, .. } = sorter;
    refuse_duplicates(compiler, &mut sorted);
    sorted
}

struct Sorter<'a, 'b> {
    compiler: &'a mut Compiler<'b>,
    sorted: Sorted,
    defaults: HashMap<u8, Rc<[ast::Action]>>,
    /// The chain that still wants links.
    open: Option<Open>,
}

struct Open {
    /// `None` when the head was faulty: its links are read and forgotten.
    head: Option<usize>,
    span: Span,
}

impl Sorter<'_, '_> {
    fn directive(&mut self, directive: &ast::Directive) {
        let span = directive.span;
        match &directive.kind {
            DirectiveKind::Rule(rule) => self.link(
                span,
                DraftLink {
                    targets: rule.targets.clone(),
                    operator: Some(rule.operator.clone()),
                    actions: rule.actions.clone(),
                },
            ),
            DirectiveKind::Action(actions) => {
                self.link(span, DraftLink { targets: Vec::new(), operator: None, actions: actions.clone() });
            }
            DirectiveKind::DefaultAction(actions) => self.default_action(span, actions),
            DirectiveKind::Marker(name) => {
                self.expect_no_link();
                self.sorted.pieces.push(Piece::Marker(name.value.clone()));
            }
            DirectiveKind::Include(_) | DirectiveKind::IncludeOptional(_) => self
                .compiler
                .report(Diagnostic::error(codes::INCLUDE, "this Include was not resolved").at(span)),
            DirectiveKind::RuleUpdateTarget { rules, targets } => {
                let change = Change::UpdateTargets(rules.clone(), targets.clone());
                self.sorted.changes.push((change, span));
            }
            DirectiveKind::RuleUpdateAction { rules, actions } => {
                let change = Change::UpdateActions(rules.clone(), actions.clone());
                self.sorted.changes.push((change, span));
            }
            DirectiveKind::RuleRemove(rules) => {
                self.sorted.changes.push((Change::Remove(rules.clone()), span));
            }
            DirectiveKind::Setting { name, arguments } => {
                self.sorted.settings.push(Written { name: *name, span, arguments: arguments.clone() });
            }
        }
    }

    fn link(&mut self, span: Span, link: DraftLink) {
        let chained = link.actions.iter().any(|action| action.name == A::Chain);
        match self.open.take() {
            None => {
                let head = self.head(span, link);
                self.open = chained.then_some(Open { head, span });
            }
            Some(open) => {
                let draft = open.head.and_then(|head| self.sorted.drafts.get_mut(head));
                if let Some(draft) = draft {
                    if draft.links.len() < limits::CHAIN {
                        draft.links.push(link);
                    } else {
                        let problem = format!("this chain has more than {} links", limits::CHAIN);
                        self.compiler.report(Diagnostic::error(codes::CHAIN, problem).at(span));
                    }
                }
                self.open = chained.then_some(open);
            }
        }
    }

    fn head(&mut self, span: Span, link: DraftLink) -> Option<usize> {
        let id = self.id(span, &link.actions);
        let phase = self.phase(&link.actions);
        let (id, phase) = (id?, phase?);
        let defaults = self.defaults.get(&phase).cloned().unwrap_or_else(|| Rc::from([]));
        let position = self.sorted.drafts.len();
        self.sorted.drafts.push(Draft { id, span, phase, links: vec![link], defaults, removed: false });
        self.sorted.pieces.push(Piece::Rule(position));
        Some(position)
    }

    fn id(&mut self, span: Span, actions: &[ast::Action]) -> Option<u64> {
        let Some(action) = actions.iter().find(|action| action.name == A::Id) else {
            self.compiler.report(
                Diagnostic::error(codes::RULE_ID, "this rule has no id")
                    .at(span)
                    .help("give it a number of its own: id:100001"),
            );
            return None;
        };
        let text = action.argument.as_ref().map_or(&[][..], |text| text.value.trim_ascii());
        let id = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).filter(|id| *id > 0);
        if id.is_none() {
            let problem = Diagnostic::error(codes::RULE_ID, "an id is a whole number from 1 on");
            self.compiler.report(problem.at(action.span));
        }
        id
    }

    fn phase(&mut self, actions: &[ast::Action]) -> Option<u8> {
        // ModSecurity's default; the last phase written counts.
        let Some(action) = actions.iter().rfind(|action| action.name == A::Phase) else { return Some(2) };
        let text = action.argument.as_ref().map_or(&[][..], |text| text.value.trim_ascii());
        let phase = match text.to_ascii_lowercase().as_slice() {
            b"1" => 1,
            b"2" | b"request" => 2,
            b"3" => 3,
            b"4" | b"response" => 4,
            b"5" | b"logging" => 5,
            _ => {
                let problem = "a phase is 1 to 5, request, response or logging";
                self.compiler.report(Diagnostic::error(codes::ACTION_ARGUMENT, problem).at(action.span));
                return None;
            }
        };
        Some(phase)
    }

    fn default_action(&mut self, span: Span, actions: &[ast::Action]) {
        self.expect_no_link();
        if !actions.iter().any(|action| action.name == A::Phase) {
            let problem = Diagnostic::error(codes::DEFAULT_ACTION, "SecDefaultAction needs a phase");
            self.compiler.report(problem.at(span).help("write phase:2 into its list"));
        }
        let own = [A::Id, A::Rev, A::Msg, A::Severity, A::Ver, A::Chain, A::Skip, A::SkipAfter, A::Ctl];
        for action in actions.iter().filter(|action| own.contains(&action.name)) {
            let problem = format!("{} belongs to one rule, not to SecDefaultAction", action.name.name());
            self.compiler.report(Diagnostic::error(codes::DEFAULT_ACTION, problem).at(action.span));
        }
        if let Some(phase) = self.phase(actions) {
            // The latest one before a rule counts, as in ModSecurity v2; v3 refuses a second one.
            self.defaults.insert(phase, actions.into());
        }
    }

    fn expect_no_link(&mut self) {
        if let Some(open) = self.open.take() {
            self.compiler.report(
                Diagnostic::error(codes::CHAIN, "this chain is not continued")
                    .at(open.span)
                    .help("its last rule must not say chain, and nothing may stand between its rules"),
            );
        }
    }
}

fn refuse_duplicates(compiler: &mut Compiler<'_>, sorted: &mut Sorted) {
    let mut seen: HashMap<u64, Span> = HashMap::new();
    for draft in &mut sorted.drafts {
        if let Some(first) = seen.get(&draft.id) {
            compiler.report(
                Diagnostic::error(codes::DUPLICATE_ID, format!("another rule has the id {}", draft.id))
                    .at(draft.span)
                    .label(*first, "this one"),
            );
        } else {
            seen.insert(draft.id, draft.span);
        }
    }
}
