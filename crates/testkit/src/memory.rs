//! Memory of a process, as the kernel tells it.

use std::{fs, io};

/// Bytes of a process that are in memory, in KiB: `VmRSS` of `/proc/PID/status`.
///
/// # Errors
/// When there is no such process, or no `/proc`.
pub fn resident_kib(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other("no VmRSS"))
}
