//! Rule files on disk for tests: a loader, and the sets of real rules at hand.

use std::{fs, path::Path};

use portcullis_seclang::{Loader, wildcard_matches};

/// Reads from the file system; names are paths.
pub(crate) struct Disk;

impl Loader for Disk {
    fn resolve(&self, from: &str, reference: &str) -> String {
        Path::new(from).parent().unwrap_or(Path::new("")).join(reference).display().to_string()
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let pattern = Path::new(pattern);
        let last = pattern.file_name().ok_or("no file name")?.to_string_lossy().into_owned();
        let directory = pattern.parent().ok_or("no directory")?;
        let mut names: Vec<String> = fs::read_dir(directory)
            .map_err(|error| error.to_string())?
            .filter_map(Result::ok)
            .filter(|entry| wildcard_matches(last.as_bytes(), entry.file_name().to_string_lossy().as_bytes()))
            .map(|entry| entry.path().display().to_string())
            .collect();
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        fs::read(name).map_err(|error| error.to_string())
    }
}

/// Every rule file at hand, with its name: CRS 4.28.0, Debian's CRS, ModSecurity's recommended settings.
pub(crate) fn corpus() -> Vec<String> {
    let mut patterns = Vec::new();
    if let Some(crs) = portcullis_vectors::data("crs/4.28.0") {
        let crs = crs.display();
        patterns.extend(
            ["rules/*.conf", "rules/*.conf.example", "plugins/*.conf", "crs-setup.conf.example"]
                .map(|pattern| format!("{crs}/{pattern}")),
        );
    }
    patterns.extend(
        [
            "/usr/share/modsecurity-crs/rules/*.conf",
            "/etc/modsecurity/crs/*.conf",
            "/etc/modsecurity/*.conf*",
        ]
        .map(str::to_owned),
    );
    patterns.extend(
        ["/etc/nginx/modsecurity.conf", "/etc/modsecurity/modsecurity.conf-recommended"].map(str::to_owned),
    );
    patterns.iter().flat_map(|pattern| Disk.glob(pattern).unwrap_or_default()).collect()
}
