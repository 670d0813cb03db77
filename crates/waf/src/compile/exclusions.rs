//! Second pass: `SecRuleRemoveBy*`, `SecRuleUpdateTargetBy*` and `SecRuleUpdateActionById` change drafts.
//!
//! They apply to every rule they select, wherever they stand (v3; v2 reaches only rules above). One that selects nothing is told. An
//! exclusion reaches all links of a chain (trap 32: Coraza; v2 and v3 change the head only): the id names the chain as a whole. Targets
//! that are added go to the head.

use portcullis_diag::{Diagnostic, Span};
use portcullis_seclang::{
    ast::{self, RuleSelector, TargetMode},
    vocabulary::Action as A,
};

use super::{
    Compiler,
    chains::{Change, Draft, Sorted},
    select::{Known, Text},
};
use crate::{codes, ir::RuleId};

/// Changes the drafts, then notes what is left for `ctl` to select from.
pub(super) fn apply(compiler: &mut Compiler<'_>, sorted: &mut Sorted) {
    for (change, span) in &sorted.changes {
        let (Change::UpdateTargets(rules, _) | Change::UpdateActions(rules, _) | Change::Remove(rules)) =
            change;
        let selection = match Selection::read(compiler, rules) {
            Ok(selection) => selection,
            Err(problem) => {
                compiler.report(Diagnostic::error(codes::SETTING_ARGUMENT, problem).at(*span));
                continue;
            }
        };
        let mut found = false;
        for draft in sorted.drafts.iter_mut().filter(|draft| selection.covers(draft)) {
            found = true;
            match change {
                Change::Remove(_) => draft.removed = true,
                Change::UpdateTargets(_, targets) => update_targets(draft, targets),
                Change::UpdateActions(_, actions) => update_actions(compiler, draft, actions),
            }
        }
        if !found {
            nothing_selected(compiler, *span);
        }
    }
    let mut next = 0;
    compiler.known = sorted
        .drafts
        .iter()
        .map(|draft| {
            let rule = (!draft.removed).then(|| RuleId::new(next));
            next += usize::from(!draft.removed);
            Known::of(draft, rule)
        })
        .collect();
}

enum Selection {
    Ids(Vec<(u64, u64)>),
    Tag(Text),
    Message(Text),
}

impl Selection {
    fn read(compiler: &Compiler<'_>, rules: &RuleSelector) -> Result<Self, String> {
        Ok(match rules {
            RuleSelector::Ids(ranges) => Self::Ids(ranges.iter().map(|range| range.value).collect()),
            RuleSelector::Tag(text) => Self::Tag(compiler.text(&text.value, text.span)?),
            RuleSelector::Message(text) => Self::Message(compiler.text(&text.value, text.span)?),
        })
    }

    fn covers(&self, draft: &Draft) -> bool {
        match self {
            Self::Ids(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&draft.id)),
            Self::Tag(text) => Known::of(draft, None).tags.iter().any(|tag| text.covers(tag)),
            Self::Message(text) => text.covers(&Known::of(draft, None).message),
        }
    }
}

fn update_targets(draft: &mut Draft, targets: &[ast::Target]) {
    for (position, link) in draft.links.iter_mut().enumerate().filter(|(_, link)| link.operator.is_some()) {
        let wanted = |target: &&ast::Target| position == 0 || target.mode == TargetMode::Exclude;
        link.targets.extend(targets.iter().filter(wanted).cloned());
    }
}

/// What is written anew replaces actions of its kind; what can be there several times is added.
fn update_actions(compiler: &mut Compiler<'_>, draft: &mut Draft, actions: &[ast::Action]) {
    let Some(head) = draft.links.first_mut() else { return };
    for action in actions {
        if matches!(action.name, A::Id | A::Phase | A::Chain) {
            let problem = format!("the {} of a rule cannot be changed", action.name.name());
            compiler.report(Diagnostic::error(codes::SETTING_ARGUMENT, problem).at(action.span));
            continue;
        }
        if let Some(kind) = kind(action.name) {
            head.actions.retain(|old| self::kind(old.name) != Some(kind));
        }
        head.actions.push(action.clone());
    }
}

/// Actions of one kind exclude each other.
fn kind(action: A) -> Option<A> {
    Some(match action {
        A::Allow | A::Block | A::Deny | A::Drop | A::Pass | A::Proxy | A::Redirect => A::Deny,
        A::Log | A::Nolog => A::Log,
        A::Auditlog | A::Noauditlog => A::Auditlog,
        A::Skip | A::SkipAfter => A::Skip,
        A::Accuracy | A::Logdata | A::Maturity | A::Msg | A::Rev | A::Severity | A::Status | A::Ver => action,
        _ => return None,
    })
}

fn nothing_selected(compiler: &mut Compiler<'_>, span: Span) {
    compiler.report(
        Diagnostic::warning(codes::SELECTS_NOTHING, "this selects no rule")
            .at(span)
            .help("check the id or tag, or remove it"),
    );
}
