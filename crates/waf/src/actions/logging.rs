//! Whether a match is told: `log`, `nolog`, `auditlog`, `noauditlog`.

use portcullis_seclang::ast;

use super::Lowered;
use crate::compile::Compiler;

pub(super) fn log(into: &mut Lowered, _: &mut Compiler<'_>, _: &ast::Action) {
    into.log = true;
    into.audit = true;
}

/// Silences both logs; `nolog,auditlog` keeps the audit log.
pub(super) fn nolog(into: &mut Lowered, _: &mut Compiler<'_>, _: &ast::Action) {
    into.log = false;
    into.audit = false;
}

pub(super) fn auditlog(into: &mut Lowered, _: &mut Compiler<'_>, _: &ast::Action) {
    into.audit = true;
}

pub(super) fn noauditlog(into: &mut Lowered, _: &mut Compiler<'_>, _: &ast::Action) {
    into.audit = false;
}
