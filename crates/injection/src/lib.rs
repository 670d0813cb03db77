//! SQL and XSS detection by libinjection's method: tokenise, fold, look the fingerprint up.

pub mod sqli {
    //! `@detectSQLi`

    /// Token types of an injection, such as `s&1c`; at most five.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Fingerprint {
        bytes: [u8; 5],
        len: u8,
    }

    impl Fingerprint {
        /// The fingerprint as text.
        #[must_use]
        pub fn as_bytes(&self) -> &[u8] {
            self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
        }
    }

    /// The fingerprint of `input` if it is an injection.
    #[must_use]
    pub fn detect(input: &[u8]) -> Option<Fingerprint> {
        let _ = input;
        None
    }
}

pub mod xss {
    //! `@detectXSS`

    /// Whether `input` would run script in one of the five HTML contexts libinjection tries.
    #[must_use]
    pub fn detect(input: &[u8]) -> bool {
        let _ = input;
        false
    }
}
