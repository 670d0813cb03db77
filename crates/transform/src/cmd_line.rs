//! `t:cmdLine`: undoes the tricks of command shells.
//!
//! Removes `"`, `'`, `\` and `^`; makes one space of every run of blanks, line ends, `,` and `;`; removes the space before `/` and `(`;
//! lowercases ASCII. Differences: v3 reports a change only when the length changes, which multiMatch would see; here any change counts.
//!
//! Example: `SecRule ARGS "@contains cmd.exe/c" "id:1,phase:2,deny,t:cmdLine"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let Some(first) = first_change(input) else { return false };
    out.extend_from_slice(input);
    let mut end = first;
    // `first_change` stops at a run's second blank, so what stands before it may end in the first.
    let mut space = first > 0 && input[first - 1] == b' ';
    let mut rest = &input[first..];
    while let [byte, behind @ ..] = rest {
        let byte = *byte;
        rest = behind;
        // Most bytes are plain.
        let lower = PLAIN[usize::from(byte)];
        if lower != 0 {
            out[end] = lower;
            end += 1;
            space = false;
            continue;
        }
        match CLASSES[usize::from(byte)] {
            Class::Vanishes => continue,
            Class::Blank if space => continue,
            Class::Blank => {
                out[end] = b' ';
                space = true;
            }
            Class::Joins | Class::Plain => {
                end -= usize::from(space && byte != 0);
                out[end] = byte;
                space = false;
            }
        }
        end += 1;
    }
    out.truncate(end);
    true
}

fn first_change(input: &[u8]) -> Option<usize> {
    let mut space = false;
    for (at, &byte) in input.iter().enumerate() {
        let changes = match CLASSES[usize::from(byte)] {
            Class::Vanishes => true,
            Class::Blank => space || byte != b' ',
            Class::Joins => space,
            Class::Plain => byte.is_ascii_uppercase(),
        };
        if changes {
            return Some(at);
        }
        space = byte == b' ';
    }
    None
}

/// What becomes of a byte.
#[derive(Clone, Copy)]
enum Class {
    /// It stays, in lower case.
    Plain,
    Vanishes,
    /// One of a run that becomes a space.
    Blank,
    /// It stays, the space in front of it does not.
    Joins,
}

/// Plain bytes in lower case; 0 for any other, and for NUL, which is plain too.
static PLAIN: [u8; 256] = {
    let mut plain = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if matches!(CLASSES[byte], Class::Plain) {
            plain[byte] = (byte as u8).to_ascii_lowercase();
        }
        byte += 1;
    }
    plain
};

static CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'"' | b'\'' | b'\\' | b'^' => Class::Vanishes,
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => Class::Blank,
            b'/' | b'(' => Class::Joins,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
};
