//! The cryptography that handshakes use.
//!
//! aws-lc-rs rather than ring: it agrees on keys that a quantum computer of the future cannot find out from a recording of today
//! (X25519MLKEM768), and its other full handshakes are no slower.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};

/// AEAD suites with forward secrecy only, which is all that the library has; key agreement in the order in which it is preferred.
pub(super) fn provider() -> Arc<CryptoProvider> {
    let kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
    ];
    Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() })
}

/// Signatures that certificates may have.
pub(crate) fn algorithms() -> WebPkiSupportedAlgorithms {
    provider().signature_verification_algorithms
}

/// Makes it what connections to backends use too. What was installed before stays, if something was.
pub(crate) fn install() {
    let _ = CryptoProvider::clone(&provider()).install_default();
}
