//! What stops a request or lets it through: `pass`, `block`, `deny`, `drop`, `redirect`, `allow`, `status`.
//!
//! Trap 3: the action of a chain stands in its head and acts after the last link; `block` means what `SecDefaultAction` of the rule's
//! phase says. A rule without any inherits that default, as ModSecurity v2 documents (v3 would let it pass).

use portcullis_seclang::ast;

use super::{Lowered, argument, wrong};
use crate::{
    compile::Compiler,
    ir::{Disruption, Scope, Template},
};

/// A disruptive action as written; `status` stands elsewhere in the list.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    Pass,
    Block,
    Deny,
    Drop,
    Redirect(Template),
    Allow(Scope),
}

/// Status of `deny` when none is written (trap 40).
const DENIED: u16 = 403;
/// Status of `redirect` when none is written.
const FOUND: u16 = 302;

impl Written {
    /// What it means, given the default that `block` stands for.
    pub(crate) fn resolve(&self, status: Option<u16>, default: &Disruption) -> Disruption {
        match self {
            Self::Pass => Disruption::Pass,
            Self::Block => match (default, status) {
                (Disruption::Deny(_), Some(status)) => Disruption::Deny(status),
                (Disruption::Redirect(_, location), Some(status)) => {
                    Disruption::Redirect(status, location.clone())
                }
                _ => default.clone(),
            },
            Self::Deny => Disruption::Deny(status.unwrap_or(DENIED)),
            Self::Drop => Disruption::Drop,
            Self::Redirect(location) => Disruption::Redirect(
                status.filter(|status| (300..400).contains(status)).unwrap_or(FOUND),
                location.clone(),
            ),
            Self::Allow(scope) => Disruption::Allow(*scope),
        }
    }
}

pub(super) fn pass(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    set(into, compiler, action, Written::Pass);
}

pub(super) fn block(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    set(into, compiler, action, Written::Block);
}

pub(super) fn deny(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    set(into, compiler, action, Written::Deny);
}

pub(super) fn drop(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    set(into, compiler, action, Written::Drop);
}

pub(super) fn redirect(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    if let Some(location) = argument(compiler, action) {
        set(into, compiler, action, Written::Redirect(Template::parse(location)));
    }
}

pub(super) fn allow(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let scope = match action.argument.as_ref().map(|text| text.value.to_ascii_lowercase()).as_deref() {
        None | Some(b"") => Scope::All,
        Some(b"phase") => Scope::Phase,
        Some(b"request") => Scope::Request,
        Some(_) => return wrong(compiler, action, "takes nothing, phase or request"),
    };
    set(into, compiler, action, Written::Allow(scope));
}

pub(super) fn status(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(text) = argument(compiler, action) else { return };
    let status = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
    match status.filter(|status| (200..600).contains(status)) {
        Some(status) => into.status = Some(status),
        None => wrong(compiler, action, "takes a status from 200 to 599"),
    }
}

/// The last one counts, as in ModSecurity; two in one list are worth a warning.
fn set(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action, written: Written) {
    compiler.note_disruption(action.span, into.disruption.as_ref().map(|(_, span)| *span));
    into.disruption = Some((written, action.span));
}
