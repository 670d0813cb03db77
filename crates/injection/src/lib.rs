//! SQL and XSS detection by libinjection's method: tokenise, fold, look the fingerprint up.
//!
//! `@detectSQLi` and `@detectXSS` of SecLang stand on this crate. The method and its tables are libinjection's (client9, BSD-3-Clause; state
//! of 2026); tokenisers, folder and checks are written anew for bytes. Invariants: no allocation, no panic, time linear in the input,
//! any byte is legal anywhere. The verdicts equal the C library's but for the differences listed in [`xss`].

pub mod sqli;
pub mod xss;

#[cfg(test)]
mod vectors;
