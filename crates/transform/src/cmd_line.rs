//! `t:cmdLine`: undoes the tricks of command shells.
//!
//! Removes `"`, `'`, `\` and `^`; makes one space of every run of blanks, line ends, `,` and `;`; removes the space before `/` and `(`;
//! lowercases ASCII. Differences: v3 reports a change only when the length changes, which multiMatch would see; here any change counts.
//!
//! Example: `SecRule ARGS "@contains cmd.exe/c" "id:1,phase:2,deny,t:cmdLine"`

use crate::Context;

pub(crate) fn apply(input: &[u8], out: &mut Vec<u8>, _: &Context<'_>) -> bool {
    let Some(first) = first_change(input) else { return false };
    out.reserve(input.len());
    out.extend_from_slice(&input[..first]);
    // `first_change` stops at a run's second blank, so what stands before it may end in the first.
    let mut space = out.last() == Some(&b' ');
    for &byte in &input[first..] {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' => {}
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if !space {
                    out.push(b' ');
                }
                space = true;
            }
            b'/' | b'(' => {
                if space {
                    out.pop();
                }
                space = false;
                out.push(byte);
            }
            _ => {
                space = false;
                out.push(byte.to_ascii_lowercase());
            }
        }
    }
    true
}

fn first_change(input: &[u8]) -> Option<usize> {
    let mut space = false;
    for (at, &byte) in input.iter().enumerate() {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' | b',' | b';' | b'\t' | b'\r' | b'\n' | b'A'..=b'Z' => {
                return Some(at);
            }
            b' ' | b'/' | b'(' if space => return Some(at),
            _ => space = byte == b' ',
        }
    }
    None
}
