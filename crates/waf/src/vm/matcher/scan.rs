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
    /// Rules whose clauses hold with blanks wherever they may be wanted.
    pub(super) fn spaced(&self, mesh: &Mesh<W>) -> Rules<W> {
        let Row([mut first, mut second]) = self.held;
        let Row([first_blank, second_blank]) = &mesh.blank;
        join(&mut first, first_blank);
        join(&mut second, second_blank);
        both(&first, &second)
    }
}

const CLASS_OF: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class(byte as u8);
        byte += 1;
    }
    table
};

const MASK_OF: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let upper = if (byte as u8).is_ascii_uppercase() { UPPER } else { 0 };
        table[byte] = 1 << class(byte as u8) | upper;
        byte += 1;
    }
    table
};

/// The pass over a value.
pub(crate) fn scan<const W: usize>(mesh: &Mesh<W>, value: &[u8]) -> Scanned<W> {
    let table: &[Row<W>; PAIRS] = &mesh.table;
    let mut held = mesh.absent;
    let mut classes = 0;
    let mut previous = usize::from(EDGE);
    for &byte in value {
        let class = usize::from(CLASS_OF[usize::from(byte)]);
        classes |= MASK_OF[usize::from(byte)];
        // Both are below 64: the place is in the table.
        take(&mut held, &table[(previous * CLASSES + class) % PAIRS]);
        previous = class;
    }
    take(&mut held, &table[(previous * CLASSES + usize::from(EDGE)) % PAIRS]);
    let Row([first, second]) = &held;
    let pairs = u16::try_from(first[W - 1] >> SIGN_SHIFT).unwrap_or(u16::MAX);
    Scanned { hits: both(first, second), signs: Signs { classes, pairs }, held }
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
