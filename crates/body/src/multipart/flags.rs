//! The `MULTIPART_*` variables that say what was suspicious about a body.

/// The `MULTIPART_*` flags; [`Flags::strict_error`] joins them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The body could not be read; the error itself is returned beside the parts.
    pub error: bool,
    /// `MULTIPART_BOUNDARY_QUOTED`
    pub boundary_quoted: bool,
    /// `MULTIPART_BOUNDARY_WHITESPACE`
    pub boundary_whitespace: bool,
    /// `MULTIPART_DATA_BEFORE`
    pub data_before: bool,
    /// `MULTIPART_DATA_AFTER`
    pub data_after: bool,
    /// `MULTIPART_HEADER_FOLDING`
    pub header_folding: bool,
    /// `MULTIPART_INVALID_HEADER_FOLDING`
    pub invalid_header_folding: bool,
    /// `MULTIPART_LF_LINE`
    pub lf_line: bool,
    /// `MULTIPART_CRLF_LF_LINES`: both line ends were seen.
    pub crlf_lf_lines: bool,
    /// `MULTIPART_MISSING_SEMICOLON`
    pub missing_semicolon: bool,
    /// `MULTIPART_INVALID_QUOTING`
    pub invalid_quoting: bool,
    /// `MULTIPART_INVALID_PART`
    pub invalid_part: bool,
    /// `MULTIPART_FILE_LIMIT_EXCEEDED`: there were more parts than allowed.
    pub file_limit_exceeded: bool,
    /// `MULTIPART_UNMATCHED_BOUNDARY`: 0; 1 when a line looked like a boundary and no boundary came after it; 2 when one came.
    ///
    /// ModSecurity v3 says 2 for every body with two boundaries, v2 never says 2. This way `@eq 1` (the rule of the recommended set-up)
    /// matches what it matches in v3, and `!@eq 0` what it matches in v2.
    pub unmatched_boundary: u8,
}

impl Flags {
    /// `MULTIPART_STRICT_ERROR`: an error or any flag, but for [`Self::unmatched_boundary`], which has a variable and a rule of its own.
    #[must_use]
    pub fn strict_error(&self) -> bool {
        self.error
            || self.boundary_quoted
            || self.boundary_whitespace
            || self.data_before
            || self.data_after
            || self.header_folding
            || self.invalid_header_folding
            || self.lf_line
            || self.missing_semicolon
            || self.invalid_quoting
            || self.invalid_part
            || self.file_limit_exceeded
    }
}
