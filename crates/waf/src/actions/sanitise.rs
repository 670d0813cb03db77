//! What no record shows: `sanitiseArg`, `sanitiseMatched`, `sanitiseMatchedBytes`, `sanitiseRequestHeader`, `sanitiseResponseHeader`.
//!
//! Records hold no values of a message, unless the configuration asks for expanded texts (`audit_values`). Of these texts the named values
//! are taken out, whenever the action came. `sanitiseMatchedBytes` takes the whole value (v2: the bytes that matched): the rest of a card
//! number is one too.

use portcullis_seclang::{ast, vocabulary::Action};

use super::{Lowered, argument};
use crate::{
    compile::Compiler,
    ir::{Effect, Sanitised},
};

pub(super) fn named(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(name) = argument(compiler, action).map(<[u8]>::trim_ascii) else { return };
    let name = name.into();
    into.effects.push(Effect::Sanitise(match action.name {
        Action::SanitiseRequestHeader => Sanitised::RequestHeader(name),
        Action::SanitiseResponseHeader => Sanitised::ResponseHeader(name),
        _ => Sanitised::Argument(name),
    }));
}

pub(super) fn matched(into: &mut Lowered, _: &mut Compiler<'_>, _: &ast::Action) {
    into.effects.push(Effect::Sanitise(Sanitised::Matched));
}
