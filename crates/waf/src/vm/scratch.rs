//! Room to work in, kept from request to request by each thread.

use std::cell::Cell;

use super::verdicts::Verdicts;
use crate::ir::sieve::{Signs, WIDEST};

/// Room that the matcher needs.
#[derive(Default)]
pub(super) struct Scratch {
    /// Absent while they are made.
    pub(super) results: Option<Box<Results>>,
    /// The value at hand without blanks.
    pub(super) bare: Vec<u8>,
    /// The value at hand in lower case.
    pub(super) lowered: Vec<u8>,
    /// What was found out about values that come again.
    pub(super) verdicts: Option<Box<Verdicts>>,
}

/// Results of transformations of the value at hand.
#[derive(Default)]
pub(super) struct Results {
    pub(super) buffers: Vec<Buffer>,
    /// By node; of the value at hand are those that are needed.
    pub(super) forms: Vec<Form>,
    /// Nodes that are needed, a bit each.
    pub(super) wanted: Vec<u64>,
    /// Nodes whose form is not the value as it came.
    pub(super) changed: Vec<u16>,
    /// What a transformation (by place in memory) made of a form.
    pub(super) known: Vec<(usize, Form, Form)>,
}

/// A result that differs from every other of the same value.
#[derive(Default)]
pub(super) struct Buffer {
    pub(super) bytes: Vec<u8>,
    /// The same in lower case, if it was asked for.
    pub(super) lowered: Vec<u8>,
    pub(super) is_lowered: bool,
    /// What it shows.
    pub(super) signs: Signs,
    /// Rules whose clauses hold.
    pub(super) hits: [u64; WIDEST],
}

/// What a chain made of a value: a buffer (0 is the value itself), as it is or in lower case.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) buffer: u16,
    pub(super) lowered: bool,
}

impl Form {
    /// No rule can match what is here.
    pub(super) const NOTHING: Self = Self { buffer: u16::MAX, lowered: false };
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Capacity in bytes above which a buffer is not kept.
const KEPT: usize = 1 << 20;

/// Takes the thread's room, or makes some.
pub(super) fn take() -> Box<Scratch> {
    SCRATCH.take().unwrap_or_default()
}

/// Gives it back.
pub(super) fn put_back(mut scratch: Box<Scratch>) {
    let large = |buffer: &Buffer| buffer.bytes.capacity().max(buffer.lowered.capacity()) > KEPT;
    let results = scratch.results.as_ref().map_or(&[][..], |results| &results.buffers);
    if scratch.lowered.capacity().max(scratch.bare.capacity()) > KEPT || results.iter().any(large) {
        *scratch = Scratch { verdicts: scratch.verdicts.take(), ..Scratch::default() };
    }
    SCRATCH.set(Some(scratch));
}
