//! Persistent collections and what is kept in them: `initcol`, `setsid`, `setuid`, `setrsc`, `expirevar`, `deprecatevar`; and `setenv`.

use portcullis_seclang::{ast, vocabulary::Variable};

use super::{Lowered, argument, setvar::split_name, wrong};
use crate::{
    collections::Kind,
    compile::Compiler,
    ir::{Effect, Store, Template},
};

/// `initcol:ip=%{remote_addr}_%{tx.ua_hash}`
pub(super) fn initcol(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(text) = argument(compiler, action) else { return };
    let split = split_at(text, b'=');
    let kind = split.and_then(|(name, _)| Variable::find(name.trim_ascii())).and_then(Kind::of);
    match (kind, split) {
        (Some(kind), Some((_, key))) => into.effects.push(Effect::Open { kind, key: Template::parse(key) }),
        _ => wrong(compiler, action, "takes global, ip, resource, session or user, then = and a key"),
    }
}

pub(super) fn setsid(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    open(into, compiler, action, Kind::Session);
}

pub(super) fn setuid(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    open(into, compiler, action, Kind::User);
}

pub(super) fn setrsc(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    open(into, compiler, action, Kind::Resource);
}

/// `expirevar:ip.x=60`
pub(super) fn expirevar(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(text) = argument(compiler, action) else { return };
    match split_at(text, b'=').and_then(|(place, seconds)| Some((persistent(place)?, seconds))) {
        Some(((kind, name), seconds)) => {
            into.effects.push(Effect::Expire { kind, name, seconds: Template::parse(seconds) });
        }
        None => wrong(compiler, action, "takes a variable of a persistent collection, then = and seconds"),
    }
}

/// `deprecatevar:ip.x=1/60`
pub(super) fn deprecatevar(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(text) = argument(compiler, action) else { return };
    let read = || {
        let (place, rate) = split_at(text, b'=')?;
        let (kind, name) = persistent(place)?;
        let (amount, period) = split_at(rate, b'/')?;
        let amount: i64 = std::str::from_utf8(amount).ok()?.trim().parse().ok()?;
        let period: u64 =
            std::str::from_utf8(period).ok()?.trim().parse().ok().filter(|period| *period > 0)?;
        Some(Effect::Deprecate { kind, name, amount, period })
    };
    match read() {
        Some(effect) => into.effects.push(effect),
        None => wrong(compiler, action, "takes a variable of a persistent collection, then =AMOUNT/SECONDS"),
    }
}

/// `setenv:NAME=VALUE`
pub(super) fn setenv(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action) {
    let Some(text) = argument(compiler, action) else { return };
    match split_at(text, b'=').filter(|(name, _)| !name.trim_ascii().is_empty()) {
        Some((name, value)) => into
            .effects
            .push(Effect::SetEnv { name: Template::parse(name.trim_ascii()), value: Template::parse(value) }),
        None => wrong(compiler, action, "takes NAME=VALUE"),
    }
}

fn open(into: &mut Lowered, compiler: &mut Compiler<'_>, action: &ast::Action, kind: Kind) {
    if let Some(key) = argument(compiler, action) {
        into.effects.push(Effect::Open { kind, key: Template::parse(key) });
    }
}

fn persistent(place: &[u8]) -> Option<(Kind, Template)> {
    match split_name(place)? {
        (Store::Persistent(kind), name) => Some((kind, name)),
        (Store::Tx, _) => None,
    }
}

fn split_at(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}
