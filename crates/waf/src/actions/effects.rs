//! Runs what a rule does once, after its whole chain matched.

use std::sync::Arc;

use crate::{
    ir::Effect,
    reference::expand,
    state::{State, number},
};

pub(crate) fn run(state: &mut State, effect: &Effect) {
    match effect {
        Effect::Control(control) => state.controls.apply(control),
        Effect::Open { kind, key } => {
            let key = expand(state, key);
            state.open(*kind, &key);
        }
        Effect::Expire { kind, name, seconds } => {
            let (name, seconds) = (expand(state, name), expand(state, seconds));
            let seconds = u64::try_from(number(&seconds)).unwrap_or(0);
            if let Some(key) = state.opened(*kind) {
                let collections = Arc::clone(&state.collections);
                collections.expire(*kind, key, &name, state.now().as_secs(), seconds);
            }
        }
        Effect::Deprecate { kind, name, amount, period } => {
            let name = expand(state, name);
            if let Some(key) = state.opened(*kind) {
                let collections = Arc::clone(&state.collections);
                collections.deprecate(*kind, key, &name, state.now().as_secs(), (*amount, *period));
            }
        }
        Effect::Sanitise(what) => state.hidden.add(what, &state.matched),
        Effect::SetEnv { name, value } => {
            let (name, value) = (expand(state, name), expand(state, value));
            state.env.set(&name, value);
        }
    }
}
