//! What must hold for every input a stranger can send: one property, one file, one line in [`TARGETS`].
//!
//! libFuzzer (`fuzz/`, run by `cargo xtask fuzz-smoke`) and the plain test of this crate call the same functions, so that an input which
//! once broke a property (`fuzz/regressions/`) is tried by everybody for ever. A property that does not hold panics.

mod message;
mod mutate;
mod targets;

pub use mutate::mutation;
pub use targets::TARGETS;

/// One property over bytes.
#[derive(Debug)]
pub struct Target {
    /// Name of the libFuzzer binary, and of the directories of its inputs.
    pub name: &'static str,
    /// Panics when the property does not hold for this input.
    pub run: fn(input: &[u8]),
    /// Inputs to begin with; each is of the form that the target's file describes.
    pub seeds: &'static [&'static [u8]],
    /// Pieces that mean something to what is tested: libFuzzer's dictionary.
    pub pieces: &'static [&'static [u8]],
}

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Tries one input.
///
/// # Panics
/// When the property does not hold, or when there is no such target.
pub fn run(name: &str, input: &[u8]) {
    match find(name) {
        Some(target) => (target.run)(input),
        None => panic!("no fuzz target is called {name}"),
    }
}
