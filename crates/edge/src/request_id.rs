//! The id that joins a client's complaint, the backend's log and our records.

use uuid::Uuid;

/// Shortest and longest id taken from a client.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=64;

/// Header field that carries it, both ways.
pub(crate) const FIELD: &str = "x-request-id";

/// The client's own id where it is harmless in a log and a header, else a new UUIDv7, which sorts by time.
pub(crate) fn choose(from_client: Option<&[u8]>) -> String {
    from_client
        .filter(|id| LENGTH.contains(&id.len()))
        .filter(|id| id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')))
        .and_then(|id| std::str::from_utf8(id).ok())
        .map_or_else(new, str::to_owned)
}

/// A new one.
pub(crate) fn new() -> String {
    Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_choose_a_harmless_id() {
        assert_eq!(choose(Some(b"abc_DEF-123")), "abc_DEF-123");
        for bad in [&b"short"[..], b"has space in it", b"with\"quote", &[b'a'; 65]] {
            assert_eq!(choose(Some(bad)).len(), 36, "{}", bad.escape_ascii());
        }
        assert_ne!(choose(None), choose(None));
    }
}
