//! How values are seen: `t`, `multiMatch`, `capture`.

use portcullis_diag::Diagnostic;
use portcullis_seclang::ast;

use super::{Lowered, argument};
use crate::{codes, compile::Compiler};

/// `t:none` forgets everything before it, inherited transformations too (trap 6).
pub(super) fn t(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(name) = argument(compiler, action) else { return };
    if name.eq_ignore_ascii_case(b"none") {
        into.transformations.clear();
        return;
    }
    let name = String::from_utf8_lossy(name);
    match portcullis_transform::find(&name) {
        Some(transformation) => into.transformations.push(transformation),
        None => {
            let names = portcullis_transform::TABLE.iter().map(|line| line.name);
            let mut problem =
                Diagnostic::error(codes::TRANSFORMATION, format!("there is no t:{name}")).at(action.span);
            if let Some(close) = portcullis_diag::closest(&name, names) {
                problem = problem.help(format!("did you mean t:{close}?"));
            }
            compiler.report(problem);
        }
    }
}

pub(super) fn multi_match(into: &mut Lowered, _: &mut Compiler<'_>, _: &ast::Action) {
    into.multi_match = true;
}

pub(super) fn capture(into: &mut Lowered, _: &mut Compiler<'_>, _: &ast::Action) {
    into.capture = true;
}
