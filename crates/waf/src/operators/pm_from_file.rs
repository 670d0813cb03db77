//! `@pmFromFile`, `@pmf`
//!
//! As `@pm`, with one phrase a line; blanks within and around a phrase belong to it. Blank lines are skipped, and lines whose first
//! character is `#`. Several files may be named. A name is relative to the rule file.
//!
//! Differences: `|41 42|` is no hexadecimal here, as in v3: phrases of CRS hold bars. A carriage return at a line's end is removed (v3 keeps
//! it, and such a phrase matches nothing). v3 takes an `https://` address too; the engine opens no sockets and refuses one.
//!
//! Example: `SecRule REQUEST_FILENAME "@pmFromFile restricted-files.data" "id:1,deny"`

use super::{Operate, Refusal, Resources, pm, written::Written};

pub(super) fn build(written: &Written<'_>, resources: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    let mut phrases: Vec<Vec<u8>> = Vec::new();
    read_each(written.text, resources, |_, bytes| {
        let is_phrase = |line: &&[u8]| !line.trim_ascii().is_empty() && !line.trim_ascii().starts_with(b"#");
        phrases.extend(lines(bytes).map(|(_, line)| line).filter(is_phrase).map(<[u8]>::to_vec));
        Ok(())
    })?;
    pm::search_for(phrases.iter().map(Vec::as_slice))
}

/// Reads the files that an argument names, separated by blanks; a single name may hold blanks.
pub(super) fn read_each(
    argument: &[u8],
    resources: &Resources<'_>,
    mut take: impl FnMut(&str, &[u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let argument = std::str::from_utf8(argument)
        .map_err(|_| Refusal::new("file name that is not UTF-8", "rename the file"))?
        .trim();
    if argument.is_empty() {
        return Err(Refusal::new("no file is named", "name a file, relative to this rule file"));
    }
    if argument.starts_with("https://") || argument.starts_with("http://") {
        return Err(Refusal::new(
            format!("{argument} is an address, the engine reads files only"),
            "fetch the list beforehand and name the file",
        ));
    }
    let read = |reference: &str| {
        let name = resources.loader.resolve(resources.file, reference);
        resources.loader.read(&name).map(|bytes| (name.clone(), bytes)).map_err(|error| {
            Refusal::new(
                format!("{name}: {error}"),
                format!("the file is looked for relative to {}", resources.file),
            )
        })
    };
    if argument.contains(char::is_whitespace)
        && let Ok((name, bytes)) = read(argument)
    {
        return take(&name, &bytes);
    }
    for reference in argument.split_whitespace() {
        let (name, bytes) = read(reference)?;
        take(&name, &bytes)?;
    }
    Ok(())
}

/// Lines and their numbers from 1, line ends of either kind removed.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    (1..).zip(text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)))
}
