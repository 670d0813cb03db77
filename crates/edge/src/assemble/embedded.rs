//! Rule files that the binary carries: the engine's defaults and the baseline set. Their names begin with [`SCHEME`].

/// First part of the name of an embedded file; no path on disk begins so.
pub(crate) const SCHEME: &str = "embedded:";

/// Name within the table of the engine's defaults.
pub(crate) const ENGINE: &str = "portcullis.conf";

/// Directory within the table of the baseline set.
pub(crate) const BASELINE: &str = "baseline/";

/// Names below `rules/` and contents, sorted by name.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded_rules.rs"));

/// A file by its name without the scheme.
pub(crate) fn read(name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// Names, with scheme, of the rule files in a directory of the table.
pub(crate) fn conf_files(directory: &str) -> Vec<String> {
    FILES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| {
            name.strip_prefix(directory).is_some_and(|rest| rest.ends_with(".conf") && !rest.contains('/'))
        })
        .map(|name| format!("{SCHEME}{name}"))
        .collect()
}
