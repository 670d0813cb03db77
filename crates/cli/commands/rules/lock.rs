//! `rules/crs.lock`: the releases of the Core Rule Set that this binary knows, by the digest of what is in them.

use anyhow::Context as _;
use serde::Deserialize;

/// The lock file, as it was when the binary was built: a lock that lies beside what it locks could be changed with it.
const LOCK: &str = include_str!("../../../../rules/crs.lock");

#[derive(Deserialize)]
struct Lock {
    release: Vec<Known>,
}

/// A known release.
#[derive(Debug, Deserialize)]
pub(crate) struct Known {
    /// `4.28.0`
    pub(crate) name: String,
    /// See [`super::release::Release::digest`].
    pub(crate) digest: String,
}

/// All known releases.
pub(crate) fn releases() -> anyhow::Result<Vec<Known>> {
    let lock: Lock = toml::from_str(LOCK).context("rules/crs.lock of this binary")?;
    Ok(lock.release)
}
