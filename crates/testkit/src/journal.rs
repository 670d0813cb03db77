//! A log file of JSON lines that another process appends to.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Reads what is new since the last look; a line counts when its line feed is there.
pub struct Journal {
    path: PathBuf,
    offset: u64,
    partial: Vec<u8>,
    seen: Vec<Value>,
}

impl Journal {
    /// A journal at this path; the file need not exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), offset: 0, partial: Vec::new(), seen: Vec::new() }
    }

    /// The entries that appeared since the last call. A line that is not JSON is an error.
    ///
    /// # Errors
    /// When the file cannot be read or a line does not parse.
    pub fn fresh(&mut self) -> io::Result<Vec<Value>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let read = file.read_to_end(&mut self.partial)?;
        self.offset += read as u64;
        let whole = self.partial.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let rest = self.partial.split_off(whole);
        let lines = std::mem::replace(&mut self.partial, rest);
        lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).map_err(io::Error::other))
            .collect()
    }

    /// Waits until some entry, old or new, satisfies `wanted`.
    ///
    /// # Errors
    /// When none does within five seconds; the error shows what was there.
    pub fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> io::Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let fresh = self.fresh()?;
            self.seen.extend(fresh);
            if let Some(entry) = self.seen.iter().find(|entry| wanted(entry)) {
                return Ok(entry.clone());
            }
            if Instant::now() > deadline {
                let seen: Vec<String> = self.seen.iter().map(ToString::to_string).collect();
                let what =
                    format!("no such entry in {}; it holds:\n{}", self.path.display(), seen.join("\n"));
                return Err(io::Error::new(io::ErrorKind::TimedOut, what));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Every entry read so far, after another look.
    ///
    /// # Errors
    /// As [`Journal::fresh`].
    pub fn entries(&mut self) -> io::Result<&[Value]> {
        let fresh = self.fresh()?;
        self.seen.extend(fresh);
        Ok(&self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn half_a_line_waits_for_its_other_half() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut journal = Journal::new(&path);
        assert!(journal.fresh().unwrap().is_empty());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"{\"a\":1}\n{\"a\":").unwrap();
        assert_eq!(journal.fresh().unwrap().len(), 1);
        file.write_all(b"2}\n").unwrap();
        assert_eq!(journal.fresh().unwrap()[0]["a"], 2);
    }
}
