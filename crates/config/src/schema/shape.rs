//! What the table of keys is made of: tables, keys, what a value must look like and what stands in for it.

/// A table of the file.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// `limits`; empty for the top of the file, dotted for a table within a table.
    pub name: &'static str,
    /// Written `[[name]]`, any number of times.
    pub many: bool,
    /// One line about it.
    pub doc: &'static str,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// [`Table::name`] it stands in.
    pub table: &'static str,
    /// As written.
    pub name: &'static str,
    /// What it must look like.
    pub kind: Kind,
    /// What stands in.
    pub absent: Absent,
    /// One line about it.
    pub doc: &'static str,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// `true` or `false`.
    Flag,
    /// A whole number within these bounds.
    Count(u64, u64),
    /// Bytes with a unit (`"10MiB"`) within these bounds.
    Size(u64, u64),
    /// A time with a unit (`"30s"`) within these bounds, in milliseconds.
    Duration(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A file or directory.
    Path,
    /// A list of files, wildcards allowed.
    Paths,
    /// One of these words, or a path, which has a slash.
    WordOrPath(&'static [&'static str]),
    /// `"address:port"`, or `"off"`.
    SocketOrOff,
    /// A list of `"address:port"`.
    Sockets,
    /// A moment with its offset, `2026-12-01T18:00:00Z`.
    Moment,
    /// A list of addresses and prefixes, `"192.0.2.0/24"`.
    Prefixes,
    /// A list of ids of rules, ranges of them and tags: `942100`, `"942130-942200"`, `"tag:attack-sqli"`.
    Rules,
    /// An inline table of this name.
    Inline(&'static str),
}

/// What stands in for a key that is left out.
#[derive(Clone, Copy, Debug)]
pub enum Absent {
    /// It must be written.
    Required,
    /// These words say what then holds.
    Otherwise(&'static str),
    /// This TOML value.
    Default(&'static str),
}
