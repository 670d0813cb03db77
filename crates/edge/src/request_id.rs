//! The id that joins a client's complaint, the backend's log and our records.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use uuid::Builder;

use crate::clock;

/// Shortest and longest id taken from a client.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=64;

/// Header field that carries it, both ways.
pub(crate) const FIELD: &str = "x-request-id";

/// The client's own id where it is harmless in a log and a header, else a new UUIDv7, which sorts by time, to the millisecond.
pub(crate) fn choose(from_client: Option<&[u8]>) -> String {
    from_client
        .filter(|id| LENGTH.contains(&id.len()))
        .filter(|id| id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')))
        .and_then(|id| std::str::from_utf8(id).ok())
        .map_or_else(new, str::to_owned)
}

/// A new one. Its random part comes from a keyed hash of a count, whose key is the system's: to ask the system each time costs every
/// request more than all the rest of its id.
pub(crate) fn new() -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let halves = [KEY.hash_one((count, 0_u8)), KEY.hash_one((count, 1_u8))].map(u64::to_ne_bytes);
    let mut bytes = halves.into_iter().flatten();
    let random: [u8; 10] = std::array::from_fn(|_| bytes.next().unwrap_or_default());
    let now = u64::try_from(clock::unix_time().as_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(now, &random).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_differ_and_sort_by_time() {
        let first = new();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let later: std::collections::BTreeSet<String> = (0..10_000).map(|_| new()).collect();
        assert_eq!(later.len(), 10_000);
        assert!(later.iter().all(|id| *id > first && id.as_bytes().get(14) == Some(&b'7')));
    }

    #[test]
    fn a_client_may_choose_a_harmless_id() {
        assert_eq!(choose(Some(b"abc_DEF-123")), "abc_DEF-123");
        for bad in [&b"short"[..], b"has space in it", b"with\"quote", &[b'a'; 65]] {
            assert_eq!(choose(Some(bad)).len(), 36, "{}", bad.escape_ascii());
        }
        assert_ne!(choose(None), choose(None));
    }
}
