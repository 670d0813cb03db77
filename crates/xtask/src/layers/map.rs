//! The drawing as tables. Whoever changes it changes ARCHITECTURE.md in the same commit.

/// One crate of the drawing.
pub(crate) struct Layer {
    /// Directory below `crates`.
    pub(crate) name: &'static str,
    /// Crates of ours that it may import.
    pub(crate) imports: &'static [&'static str],
    /// Below the purity line.
    pub(crate) pure: bool,
}

impl Layer {
    /// Directory of the manifest. The root package is the binary.
    pub(crate) fn manifest(&self) -> String {
        if self.name == "cli" { String::new() } else { format!("crates/{}", self.name) }
    }

    /// The file that the compiler starts from.
    pub(crate) fn root_file(&self) -> String {
        match self.name {
            "cli" => "crates/cli/main.rs".to_owned(),
            "xtask" => "crates/xtask/src/main.rs".to_owned(),
            name => format!("crates/{name}/src/lib.rs"),
        }
    }
}

const fn pure(name: &'static str, imports: &'static [&'static str]) -> Layer {
    Layer { name, imports, pure: true }
}

const fn above(name: &'static str, imports: &'static [&'static str]) -> Layer {
    Layer { name, imports, pure: false }
}

/// Every crate, from the bottom up. `diag` is drawn with by everybody who speaks to a human.
pub(crate) const LAYERS: &[Layer] = &[
    pure("diag", &[]),
    pure("transform", &[]),
    pure("body", &[]),
    pure("injection", &[]),
    pure("seclang", &["diag"]),
    pure("waf", &["seclang", "transform", "body", "injection", "diag"]),
    pure("policy", &[]),
    pure("pki", &[]),
    pure("config", &["diag"]),
    // Beside the edge, above the line: the writers of its logs open files.
    above("telemetry", &[]),
    above("edge", &["policy", "waf", "pki", "telemetry", "config", "seclang", "diag"]),
    above("cli", &["edge", "config", "pki", "seclang", "waf", "diag"]),
    above("vectors", &[]),
    above("testkit", &[]),
    above("conformance", &["testkit", "vectors"]),
    above("fuzzing", &["waf", "seclang", "transform", "body", "injection", "diag"]),
    above("peers", &["waf", "seclang", "diag"]),
    above("xtask", &["conformance", "diag", "fuzzing", "peers", "seclang", "testkit", "waf"]),
];

/// Crates that the tests of any crate may use.
pub(crate) const TEST_SUPPORT: &[&str] = &["vectors", "testkit"];

/// Crates that the benchmarks of the root package time by themselves.
pub(crate) const BENCHED: &[&str] = &["transform", "body", "injection", "policy"];

/// Crates of others, by the beginning of their names, that only some of ours may depend on outside of tests.
pub(crate) const RESERVED: &[(&str, &[&str])] = &[
    ("pingora", &["edge"]),
    ("tokio", &["edge", "testkit"]),
    ("rustls", &["edge", "testkit"]),
    ("prometheus", &["telemetry"]),
    ("regex", &["waf", "conformance"]),
    ("fancy-regex", &["waf"]),
    ("aho-corasick", &["waf"]),
    ("libinjectionrs", &["injection"]),
    ("rcgen", &["pki", "testkit"]),
];

/// What crates below the purity line do without: whoever runs them passes it in.
pub(crate) const IMPURE: &[(&str, &str)] = &[
    ("tokio", "no runtime"),
    ("std::fs", "files come through a Loader"),
    ("std::env", "settings come as values"),
    ("std::process", "no process is started or ended here"),
    ("std::net::TcpStream", "sockets are the edge's"),
    ("std::net::TcpListener", "sockets are the edge's"),
    ("std::net::UdpSocket", "sockets are the edge's"),
    ("std::net::ToSocketAddrs", "names are resolved by the edge"),
    ("std::os::unix::net", "sockets are the edge's"),
    ("std::time::SystemTime::now", "the time comes from a Clock"),
    ("std::time::Instant::now", "the time comes from a Clock"),
    ("std::time::UNIX_EPOCH", "the time comes from a Clock"),
];

/// Arrows inside a crate that are forbidden: crate, module, paths it may not use. A compiled program is the whole contract
/// between the compiler and what runs it.
pub(crate) const INNER: &[(&str, &str, &[&str])] = &[
    ("waf", "vm", &["crate::compile", "portcullis_seclang"]),
    ("waf", "reference", &["crate::compile", "portcullis_seclang"]),
    ("waf", "operators", &["crate::compile"]),
];

/// Doors in the purity line: crate, module, the one thing it may do. The register's files are replaced so that a crash at any point
/// leaves them whole; that stands in one place, beside the code that relies on it. The process id keeps two writers' files apart.
pub(crate) const DOORS: &[(&str, &str, &str)] =
    &[("pki", "directory", "std::fs"), ("pki", "directory", "std::process")];
