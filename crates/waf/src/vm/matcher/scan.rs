//! The pass over a value: which pairs of neighbours occur, for all rules at once.

use super::bits::{Rules, both, join};
use crate::ir::sieve::{CLASSES, EDGE, Mesh, PAIRS, Row, SIGN_SHIFT, Signs, UPPER, class};

/// What a pass over a value showed: rules both of whose clauses hold, and signs.
#[derive(Clone, Copy)]
pub(crate) struct Scanned<const W: usize> {
    pub(crate) hits: Rules<W>,
    pub(crate) signs: Signs,
    held: Row<W>,
}

impl<const W: usize> Scanned<W> {
    fn new(held: Row<W>, classes: u64) -> Self {
        let Row([first, second]) = &held;
        let pairs = u16::try_from(first[W - 1] >> SIGN_SHIFT).unwrap_or(u16::MAX);
        Self { hits: both(first, second), signs: Signs { classes, pairs }, held }
    }

    /// What a pass over a part of the value would show, and maybe more.
    pub(super) fn of_part(&self, mesh: &Mesh<W>, part: &[u8]) -> Self {
        let mut held = self.held;
        let place = |byte: Option<&u8>| byte.map(|byte| &PLACES[usize::from(*byte)]);
        let second = place(part.first()).map_or(END, |first| first.second);
        let first = place(part.last()).map_or(BEGIN, |last| last.first);
        take(&mut held, &mesh.table[(BEGIN | second) as usize % PAIRS]);
        take(&mut held, &mesh.table[(first | END) as usize % PAIRS]);
        Self::new(held, self.signs.classes)
    }

    /// Rules whose clauses hold with blanks wherever they may be wanted.
    pub(super) fn spaced(&self, mesh: &Mesh<W>) -> Rules<W> {
        let Row([mut first, mut second]) = self.held;
        let Row([first_blank, second_blank]) = &mesh.blank;
        join(&mut first, first_blank);
        join(&mut second, second_blank);
        both(&first, &second)
    }
}

/// Where the rows of a pair of bytes stand in the table of a mesh: the part of it that a byte decides as the first, and as the second.
struct Place {
    first: u32,
    second: u32,
}

/// What stands before the first byte, as the first of a pair.
const BEGIN: u32 = EDGE as u32 * CLASSES as u32;
/// What stands behind the last byte, as the second.
const END: u32 = EDGE as u32;

static PLACES: [Place; 256] = {
    let mut table = [const { Place { first: 0, second: 0 } }; 256];
    let mut byte = 0;
    while byte < 256 {
        let class = class(byte as u8) as u32;
        table[byte] = Place { first: class * CLASSES as u32, second: class };
        byte += 1;
    }
    table
};

static MASK_OF: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let upper = if (byte as u8).is_ascii_uppercase() { UPPER } else { 0 };
        table[byte] = 1 << class(byte as u8) | upper;
        byte += 1;
    }
    table
};

/// Bytes that are gone over in one step of the loop.
const STEP: usize = 4;

/// The pass over a value.
pub(crate) fn scan<const W: usize>(mesh: &Mesh<W>, value: &[u8]) -> Scanned<W> {
    pass(mesh, value)
}

/// The same in the place where it is called for nearly every value, most of which are short.
#[inline(always)]
pub(super) fn pass<const W: usize>(mesh: &Mesh<W>, value: &[u8]) -> Scanned<W> {
    let table: &[Row<W>; PAIRS] = &mesh.table;
    let mut held = mesh.absent;
    let mut classes = 0;
    let mut before = BEGIN;
    let mut step = |byte: u8| {
        let place = &PLACES[usize::from(byte)];
        classes |= MASK_OF[usize::from(byte)];
        // Both parts are of classes below 64: the place is in the table.
        take(&mut held, &table[(before | place.second) as usize % PAIRS]);
        before = place.first;
    };
    let (steps, rest) = value.as_chunks::<STEP>();
    for bytes in steps {
        bytes.iter().for_each(|byte| step(*byte));
    }
    rest.iter().for_each(|byte| step(*byte));
    take(&mut held, &table[(before | END) as usize % PAIRS]);
    Scanned::new(held, classes)
}

#[inline(always)]
fn take<const W: usize>(held: &mut Row<W>, row: &Row<W>) {
    // As a whole: the parts of a row are not known to be aligned.
    let row = *row;
    for (held, row) in held.0.iter_mut().zip(&row.0) {
        for (held, row) in held.iter_mut().zip(row) {
            *held |= row;
        }
    }
}
