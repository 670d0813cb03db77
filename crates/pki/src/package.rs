//! What a customer is handed: PKCS#12 (RFC 7292) with a passphrase made for it.

use p12_keystore::{
    Certificate as Link, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};
use zeroize::Zeroizing;

use crate::{Certificate, PkiError, random};

/// Letters and digits that nobody takes for another when read aloud.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A passphrase of 130 random bits, in groups that can be read aloud.
///
/// # Errors
/// The system gives no random bytes.
pub fn passphrase() -> Result<Zeroizing<String>, PkiError> {
    let bytes = Zeroizing::new(random::<26>().map_err(PkiError::Make)?);
    let mut text = Zeroizing::new(String::new());
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 && index % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
    }
    Ok(text)
}

/// A key, its certificate and its authority's as PKCS#12: AES-256 and HMAC-SHA-256, keys derived by PBKDF2 with SHA-256.
///
/// # Errors
/// The key is no PKCS#8, or it cannot be encrypted.
pub fn pkcs12(
    name: &str,
    key_der: &[u8],
    leaf: &Certificate,
    authority: &Certificate,
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, PkiError> {
    let make = || {
        let chain = [Link::from_der(&leaf.der)?, Link::from_der(&authority.der)?];
        let chain = PrivateKeyChain::new(leaf.serial.to_bytes(), PrivateKey::from_der(key_der)?, chain);
        let mut store = KeyStore::new();
        store.add_entry(name, KeyStoreEntry::PrivateKeyChain(chain));
        store
            .writer(passphrase)
            .encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
            .encryption_iterations(100_000)
            .mac_algorithm(MacAlgorithm::HmacSha256)
            .mac_iterations(100_000)
            .write()
    };
    let made: Result<Vec<u8>, p12_keystore::error::Error> = make();
    made.map(Zeroizing::new).map_err(|error| PkiError::Make(format!("PKCS#12: {error}")))
}
