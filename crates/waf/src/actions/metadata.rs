//! What a rule says about itself: `msg`, `logdata`, `tag`, `severity`, `ver`, `rev`, `maturity`, `accuracy`.

use portcullis_seclang::ast;

use super::{Lowered, argument, wrong};
use crate::{compile::Compiler, ir::Template};

/// Names of severities; the position is the number. Lower is worse (trap 57).
const SEVERITIES: [&str; 8] =
    ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];

pub(super) fn msg(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    if let Some(text) = argument(compiler, action) {
        into.message = text.to_vec();
    }
}

pub(super) fn logdata(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    into.log_data = argument(compiler, action).map(Template::parse);
}

pub(super) fn tag(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    into.tags.extend(argument(compiler, action).map(<[u8]>::to_vec));
}

pub(super) fn rev(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    into.revision = argument(compiler, action).map(<[u8]>::to_vec);
}

pub(super) fn ver(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    into.version = argument(compiler, action).map(<[u8]>::to_vec);
}

pub(super) fn severity(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(text) = argument(compiler, action) else { return };
    let named = SEVERITIES.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(text));
    let severity = named.or_else(|| decimal(text)).filter(|number| *number < SEVERITIES.len());
    match severity.and_then(|number| u8::try_from(number).ok()) {
        Some(severity) => into.severity = Some(severity),
        None => wrong(compiler, action, "takes 0 to 7 or a name from EMERGENCY to DEBUG"),
    }
}

pub(super) fn maturity(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    into.maturity = one_to_nine(compiler, action);
}

pub(super) fn accuracy(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    into.accuracy = one_to_nine(compiler, action);
}

fn one_to_nine(compiler: &mut Compiler<'_>, action: &ast::Action) -> Option<u8> {
    let number = decimal(argument(compiler, action)?).filter(|number| (1..=9).contains(number));
    if number.is_none() {
        wrong(compiler, action, "takes 1 to 9");
    }
    number.and_then(|number| u8::try_from(number).ok())
}

fn decimal(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}
