//! `@ipMatchFromFile`, `@ipMatchF`
//!
//! As `@ipMatch`, with the list in a file: one or more entries a line, `#` begins a comment.
//!
//! Differences: v3 takes an `https://` address too; the engine opens no sockets and refuses one.
//!
//! Example: `SecRule REMOTE_ADDR "@ipMatchFromFile blocked.data" "id:1,deny"`

use super::{
    Operate, Refusal, Resources,
    ip_match::{Networks, not_an_address, parse_list},
    pm_from_file::{lines, read_each},
    written::Written,
};

pub(super) fn build(written: &Written<'_>, resources: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    let mut entries = Vec::new();
    read_each(written.text, resources, |name, bytes| {
        for (number, line) in lines(bytes) {
            let entry = line.split(|byte| *byte == b'#').next().unwrap_or(&[]);
            parse_list(entry, &mut entries)
                .map_err(|entry| not_an_address(&format!("{name}:{number}"), &entry))?;
        }
        Ok(())
    })?;
    Ok(Box::new(Networks::new(&entries)))
}
