//! `ctl`: changes the engine for one transaction.
//!
//! Arguments are fixed when rules are compiled: a set of rules is computed once, not searched for each request. Plain tags and messages
//! are compared whole (v3); one with a character that only a pattern uses is a pattern (v2).

use std::sync::Arc;

use portcullis_diag::Diagnostic;
use portcullis_seclang::{ast, vocabulary::Ctl};

use super::{Lowered, argument};
use crate::{
    codes,
    compile::{Compiler, RulesBy},
    ir::{AuditEngine, Control, Effect},
    state::Processor,
    transaction::Mode,
};

pub(super) fn lower(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(text) = argument(compiler, action) else { return };
    let (name, value) = match memchr::memchr(b'=', text) {
        Some(at) => (text.get(..at).unwrap_or(&[]), text.get(at + 1..).unwrap_or(&[])),
        None => (text, &[][..]),
    };
    let Some(ctl) = Ctl::find(name.trim_ascii()) else {
        let name = String::from_utf8_lossy(name).into_owned();
        let mut problem = Diagnostic::error(codes::CTL, format!("there is no ctl:{name}")).at(action.span);
        if let Some(close) = portcullis_diag::closest(&name, Ctl::ALL.iter().map(|ctl| ctl.name())) {
            problem = problem.help(format!("did you mean ctl:{close}?"));
        }
        return compiler.report(problem);
    };
    match controls(compiler, action, ctl, value.trim_ascii()) {
        Ok(controls) => into.effects.extend(controls.into_iter().map(Effect::Control)),
        Err(how) => compiler
            .report(Diagnostic::error(codes::CTL, format!("ctl:{} {how}", ctl.name())).at(action.span)),
    }
}

fn controls(
    compiler: &mut Compiler<'_>,
    action: &ast::Action,
    ctl: Ctl,
    value: &[u8],
) -> Result<Vec<Control>, String> {
    let one = |control| Ok(vec![control]);
    match ctl {
        Ctl::RuleEngine => one(Control::Engine(engine(value)?)),
        Ctl::AuditEngine => one(Control::AuditEngine(audit_engine(value)?)),
        Ctl::RequestBodyAccess => one(Control::RequestBodyAccess(on_off(value)?)),
        Ctl::ResponseBodyAccess => one(Control::ResponseBodyAccess(on_off(value)?)),
        Ctl::RequestBodyProcessor => Processor::find(value)
            .map(|processor| vec![Control::BodyProcessor(processor)])
            .ok_or_else(|| "takes URLENCODED, MULTIPART, JSON or XML".to_owned()),
        Ctl::ForceRequestBodyVariable => one(Control::ForceRequestBody(on_off(value)?)),
        Ctl::AuditLogParts => {
            compiler.note_replaced(
                action.span,
                "ctl:auditLogParts",
                "an audit event always has the same parts, and never a value of the request",
            );
            Ok(Vec::new())
        }
        Ctl::ParseXmlIntoArgs if value.eq_ignore_ascii_case(b"off") => Ok(Vec::new()),
        Ctl::ParseXmlIntoArgs => Err("is not implemented: look at XML:/* and XML://@*".to_owned()),
        Ctl::RuleRemoveById => remove(compiler, action, RulesBy::Id, value),
        Ctl::RuleRemoveByTag => remove(compiler, action, RulesBy::Tag, value),
        Ctl::RuleRemoveByMsg => remove(compiler, action, RulesBy::Message, value),
        Ctl::RuleRemoveTargetById => remove_targets(compiler, action, RulesBy::Id, value),
        Ctl::RuleRemoveTargetByTag => remove_targets(compiler, action, RulesBy::Tag, value),
        Ctl::RuleRemoveTargetByMsg => remove_targets(compiler, action, RulesBy::Message, value),
    }
}

fn remove(
    compiler: &mut Compiler<'_>,
    action: &ast::Action,
    by: RulesBy,
    value: &[u8],
) -> Result<Vec<Control>, String> {
    let rules = compiler.select(by, value, action.span)?;
    Ok(vec![Control::RemoveRules(Arc::new(rules))])
}

fn remove_targets(
    compiler: &mut Compiler<'_>,
    action: &ast::Action,
    by: RulesBy,
    value: &[u8],
) -> Result<Vec<Control>, String> {
    let at = memchr::memchr(b';', value).ok_or("takes rules, a semicolon and a target")?;
    let rules = Arc::new(compiler.select(by, value.get(..at).unwrap_or(&[]), action.span)?);
    let exclusions = compiler.exclusions(value.get(at + 1..).unwrap_or(&[]), action.span)?;
    Ok(exclusions
        .into_iter()
        .map(|exclusion| Control::RemoveTargets(Arc::clone(&rules), Arc::new(exclusion)))
        .collect())
}

/// `SecRuleEngine` and `ctl:ruleEngine`
pub(crate) fn engine(value: &[u8]) -> Result<Mode, String> {
    match value.to_ascii_lowercase().as_slice() {
        b"on" => Ok(Mode::Block),
        b"detectiononly" => Ok(Mode::Detect),
        b"off" => Ok(Mode::Off),
        _ => Err("takes On, Off or DetectionOnly".to_owned()),
    }
}

/// `SecAuditEngine` and `ctl:auditEngine`
pub(crate) fn audit_engine(value: &[u8]) -> Result<AuditEngine, String> {
    match value.to_ascii_lowercase().as_slice() {
        b"on" => Ok(AuditEngine::On),
        b"relevantonly" => Ok(AuditEngine::RelevantOnly),
        b"off" => Ok(AuditEngine::Off),
        _ => Err("takes On, Off or RelevantOnly".to_owned()),
    }
}

/// `On` or `Off`
pub(crate) fn on_off(value: &[u8]) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_slice() {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err("takes On or Off".to_owned()),
    }
}
