//! Where rule files come from: the language reads none itself, a [`Loader`] is passed in.

/// Reads rule files and the data files they name.
///
/// Names are paths as a [`portcullis_diag::Sources`] shows them; a relative name is relative to the file that wrote it, which
/// [`Loader::resolve`] knows how to join.
pub trait Loader {
    /// The name of `reference` as written in the file `from`.
    fn resolve(&self, from: &str, reference: &str) -> String;

    /// Names that match a pattern with `*`, `?` and `[..]` in its last part, sorted. An `Include` whose pattern holds no wildcard and matches nothing is an
    /// error; one with a wildcard may match nothing, as with ModSecurity v3.
    ///
    /// # Errors
    /// What went wrong, in words that can follow the name and a colon.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, String>;

    /// The bytes of a file.
    ///
    /// # Errors
    /// What went wrong, in words that can follow the name and a colon.
    fn read(&self, name: &str) -> Result<Vec<u8>, String>;
}
