//! Bounds on what one transaction may hold, so that no request can make the engine grow without end.
//!
//! A body is bounded by its own limits (`SecRequestBodyLimit`, [`portcullis_body::Limits`]); what rules make of it is bounded here.

/// Variables of `TX` (and of `ENV`) in one transaction. CRS sets about 120, plus one for each argument name.
pub const VARIABLES: usize = 8192;

/// Bytes of names and values of `TX` in one transaction.
pub const VARIABLE_BYTES: usize = 32 << 20;

/// Bytes that the expansion of one macro text may give.
pub const EXPANSION: usize = 1 << 20;

/// Matched rules kept for the report; rules that match after that still act.
pub const MATCHED_RULES: usize = 1024;

/// Places kept for one matched rule.
pub const MATCHED_TARGETS: usize = 32;

/// `MATCHED_VARS` of one chain. The links behind could not look at what comes after that, so the transaction is refused.
pub const MATCHED_VARS: usize = 65_536;

/// Target exclusions that `ctl` may pile up in one transaction.
pub const TARGET_EXCLUSIONS: usize = 1024;

/// Bytes of a variable's name in a report.
pub const NAME_IN_REPORT: usize = 128;

/// Bytes of a value in an expanded `msg` or `logdata` (kept for the conformance runner only).
pub const VALUE_IN_REPORT: usize = 8192;

/// Names of values that `sanitise*` may hide in one transaction; beyond that none is shown.
pub const HIDDEN: usize = 1024;

/// Units of work that a value costs whatever its length, each time an operator or a sieve looks at it.
pub const WORK_PER_VALUE: u64 = 16;

/// Links of one chain.
pub const CHAIN: usize = 64;
