//! Files and strictness flags of `multipart/form-data`.

use portcullis_body::multipart::Flags;
use portcullis_seclang::vocabulary::Variable as V;

use super::{
    Line,
    Meaning::{Collection, Members, Names, Refused, Single},
    line,
};
use crate::state::{State, Value, decimal, flag};

pub(super) const LINES: &[Line] = &[
    // FILES is the client's file name, FILES_NAMES the field's (trap 45).
    line(V::Files, Members(|state| [&[], &state.body.files])),
    line(V::FilesNames, Names(|state| [&[], &state.body.contents])),
    line(V::FilesTmpContent, Members(|state| [&[], &state.body.contents])),
    line(
        V::FilesSizes,
        Collection(|state, visit| {
            for file in &state.body.contents {
                visit(&file.name, &decimal(file.value.len()));
            }
        }),
    ),
    // Files only (trap 46: Coraza adds form fields).
    line(
        V::FilesCombinedSize,
        Single(|state| Some(decimal(state.body.contents.iter().map(|file| file.value.len()).sum::<usize>()))),
    ),
    line(
        V::FilesTmpnames,
        Refused("uploads are inspected in memory, there are no temporary files", "use FILES_TMP_CONTENT"),
    ),
    line(V::MultipartPartHeaders, Members(|state| [&[], &state.body.part_headers])),
    line(V::MultipartFilename, Members(|state| [&[], &state.body.files])),
    line(V::MultipartName, Names(|state| [&[], &state.body.contents])),
    line(V::MultipartBoundaryQuoted, Single(|state| is(state, |flags| flags.boundary_quoted))),
    line(V::MultipartBoundaryWhitespace, Single(|state| is(state, |flags| flags.boundary_whitespace))),
    line(V::MultipartCrlfLfLines, Single(|state| is(state, |flags| flags.crlf_lf_lines))),
    line(V::MultipartDataAfter, Single(|state| is(state, |flags| flags.data_after))),
    line(V::MultipartDataBefore, Single(|state| is(state, |flags| flags.data_before))),
    line(V::MultipartFileLimitExceeded, Single(|state| is(state, |flags| flags.file_limit_exceeded))),
    line(V::MultipartHeaderFolding, Single(|state| is(state, |flags| flags.header_folding))),
    line(V::MultipartInvalidHeaderFolding, Single(|state| is(state, |flags| flags.invalid_header_folding))),
    line(V::MultipartInvalidPart, Single(|state| is(state, |flags| flags.invalid_part))),
    line(V::MultipartInvalidQuoting, Single(|state| is(state, |flags| flags.invalid_quoting))),
    line(V::MultipartLfLine, Single(|state| is(state, |flags| flags.lf_line))),
    line(V::MultipartMissingSemicolon, Single(|state| is(state, |flags| flags.missing_semicolon))),
    line(V::MultipartSemicolonMissing, Single(|state| is(state, |flags| flags.missing_semicolon))),
    line(V::MultipartStrictError, Single(|state| is(state, Flags::strict_error))),
    line(V::MultipartUnmatchedBoundary, Single(|state| Some(decimal(state.body.flags.unmatched_boundary)))),
];

fn is(state: &State, which: fn(&Flags) -> bool) -> Option<Value> {
    Some(flag(which(&state.body.flags)))
}
