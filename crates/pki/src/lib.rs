//! Certificates: a development authority and the server certificates it issues.
//!
//! Everything here is values in, values out: the time and a [`Store`] are passed in, nothing is read from a disk or a clock. So the
//! same code serves a command, a test and, later, the register of customers. Keys are P-256 (ECDSA with SHA-256), PKCS#8 in PEM.

mod authority;
mod certificate;
pub mod development;
mod error;
mod store;

pub use authority::{Authority, Issued, Subject};
pub use certificate::{Certificate, Name};
pub use error::PkiError;
pub use store::{Secrecy, Store};
