//! Certificates: customers' certificates, the register that keeps them and the authority that issues them; a development authority.
//!
//! Everything here is values in, values out: the time and a [`Store`] are passed in, no clock is read, and the one module that touches
//! files is [`Directory`], a store on a disk. So the same code serves a command, the edge and a test. Keys are P-256 or P-384 (ECDSA),
//! PKCS#8 in PEM.
//!
//! Who only reads (the edge) needs [`Register::load`] and [`Register::identify`]:
//!
//! ```no_run
//! use portcullis_pki::{Certificate, Directory, Register};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (leaf_der, now) = (Vec::new(), time::OffsetDateTime::UNIX_EPOCH);
//! let directory = Directory::new("/etc/portcullis/pki".as_ref());
//! let register = Register::load(&directory)?;
//! let leaf = Certificate::from_der(&leaf_der)?;
//! let customer = register.identify(&leaf, now)?.customer;
//! # Ok(()) }
//! ```

mod authority;
mod certificate;
mod crl;
mod customer;
pub mod development;
mod directory;
mod error;
mod expiry;
mod identity;
mod key;
mod moment;
mod package;
mod register;
mod registrar;
mod request;
mod serial;
mod store;
mod trail;
mod trust;

pub use authority::{Algorithm, Authority, Issued, Subject};
pub use certificate::{Certificate, Name};
pub use crl::Crl;
pub use customer::{
    CertificateRecord, Customer, Exclusion, KeyOrigin, Mode, Moment, Network, Overlay, Rate, Reason,
    Revocation, State,
};
pub use directory::{Directory, LockedDirectory, Stamp};
pub use error::{Fault, PkiError};
pub use expiry::{AgedKey, Ending, REMINDERS, Reminder, aged_keys, ending};
pub use identity::{CustomerId, check_environment, customer_of, environment_of, environment_uri};
pub use moment::{parse_span, show_moment, show_span};
pub use package::{passphrase, pkcs12};
pub use register::{CA, CA_KEY, CRL, CUSTOMERS, Identified, REGISTER, Register, Terms, Unidentified};
pub use registrar::{
    LIVE_AT_MOST, NewRegister, Prepared, RECEIPTS, Receipt, Registrar, init, repair_crl, verify_offboarded,
};
pub use request::ClientKey;
pub use serial::Serial;
pub use store::{Files, Secrecy, Store};
pub use trail::AUDIT;
pub use trust::Trust;

/// Random bytes of the system.
fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    Ok(bytes)
}
