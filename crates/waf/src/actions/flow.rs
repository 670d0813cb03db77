//! Where evaluation goes on: `skip`, `skipAfter`.

use portcullis_seclang::ast;

use super::{Lowered, argument, wrong};
use crate::compile::Compiler;

/// A skip whose marker is not yet looked up.
#[derive(Clone, Debug)]
pub(crate) enum WrittenSkip {
    Rules(u32),
    After(Vec<u8>),
}

pub(super) fn skip(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(text) = argument(compiler, action) else { return };
    match std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()) {
        Some(rules) => into.skip = Some(WrittenSkip::Rules(rules)),
        None => wrong(compiler, action, "takes a number of rules"),
    }
}

pub(super) fn skip_after(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    if let Some(marker) = argument(compiler, action) {
        into.skip = Some(WrittenSkip::After(marker.to_vec()));
    }
}
