//! Persistent collections. Without an open record (`initcol`, `setsid`, `setuid`) they are empty.

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Held, Line,
    Meaning::{Members, Single, Store},
    Visit, line,
};
use crate::{
    collections::Kind,
    state::{State, Value},
};

pub(super) const LINES: &[Line] = &[
    line(V::Global, Store(|s, v| all(s, Kind::Global, v), |s, name| find(s, Kind::Global, name))),
    line(V::Ip, Store(|s, v| all(s, Kind::Ip, v), |s, name| find(s, Kind::Ip, name))),
    line(V::Resource, Store(|s, v| all(s, Kind::Resource, v), |s, name| find(s, Kind::Resource, name))),
    line(V::Session, Store(|s, v| all(s, Kind::Session, v), |s, name| find(s, Kind::Session, name))),
    line(V::User, Store(|s, v| all(s, Kind::User, v), |s, name| find(s, Kind::User, name))),
    line(V::Sessionid, Single(|state| state.opened(Kind::Session).cloned())),
    line(V::Userid, Single(|state| state.opened(Kind::User).cloned())),
    // Empty until `@geoLookup` has found something.
    line(V::Geo, Members(|state| [&state.geo, &[]])),
];

/// Members that ModSecurity v2 keeps by itself. Nothing keeps them here, so a rule that asks for one is refused.
pub(crate) const BUILT_IN: [&str; 7] =
    ["CREATE_TIME", "IS_NEW", "KEY", "LAST_UPDATE_TIME", "TIMEOUT", "UPDATE_COUNTER", "UPDATE_RATE"];

fn all(state: &State, kind: Kind, visit: &mut Visit<'_>) {
    let Some(key) = state.opened(kind) else { return };
    for (name, value) in state.collections.all(kind, key, state.now().as_secs()) {
        visit(&name, &value);
    }
}

fn find<'a>(state: &State, kind: Kind, name: &[u8]) -> Option<(Held<'a>, Held<'a>)> {
    let key = state.opened(kind)?;
    let value = state.collections.find(kind, key, name, state.now().as_secs())?;
    Some((Held::Made(Value::from(name)), Held::Made(value)))
}
