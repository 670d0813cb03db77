//! Private keys as they rest: PKCS#8 in PEM, plain or encrypted with a passphrase (RFC 5958, RFC 8018).

use pkcs8::{
    EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SecretDocument,
    der::pem::{LineEnding, PemLabel as _},
    pkcs5::pbes2,
};
use zeroize::Zeroizing;

use crate::random;

/// Rounds of PBKDF2 with HMAC-SHA-256: what OWASP asks for.
const ROUNDS: u32 = 600_000;

/// Encrypts a key: PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, which every version of OpenSSL in use reads.
pub(crate) fn seal(key_pem: &str, passphrase: &str) -> Result<Zeroizing<String>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("cannot be encrypted: {error}");
    let (_, document) = SecretDocument::from_pem(key_pem).map_err(|error| wrong(&error))?;
    let key = PrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|error| wrong(&error))?;
    let (salt, iv) = (random::<16>()?, random::<16>()?);
    let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv)
        .map_err(|error| wrong(&error))?;
    let sealed = key.encrypt_with_params(parameters, passphrase).map_err(|error| wrong(&error))?;
    sealed.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF).map_err(|error| wrong(&error))
}

/// Whether a key's text says that it is encrypted.
pub(crate) fn sealed(key_pem: &str) -> bool {
    key_pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
}

/// Decrypts a key.
pub(crate) fn unseal(sealed_pem: &str, passphrase: &str) -> Result<Zeroizing<String>, String> {
    let (_, document) =
        SecretDocument::from_pem(sealed_pem).map_err(|error| format!("is not PEM: {error}"))?;
    let sealed = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
        .map_err(|error| format!("is no encrypted private key: {error}"))?;
    let key =
        sealed.decrypt(passphrase).map_err(|_| String::from("cannot be decrypted with this passphrase"))?;
    key.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|error| format!("cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_with_its_passphrase_only() {
        let plain = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let text = seal(&plain, "correct horse").unwrap();
        assert!(sealed(&text) && !sealed(&plain));
        let again = unseal(&text, "correct horse").unwrap();
        assert_eq!(rcgen::KeyPair::from_pem(&again).unwrap().serialize_pem(), plain);
        assert!(unseal(&text, "wrong horse").unwrap_err().contains("passphrase"));
    }
}
