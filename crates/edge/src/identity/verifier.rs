//! The handshake's side of the judgement: what rustls asks, and what an alert says.

use std::{fmt, io, sync::Arc, time::Duration};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use super::{Identities, Presented};
use crate::refusal::Refusal;

/// Asks clients for a certificate and judges it.
#[derive(Debug)]
pub(crate) struct Verifier {
    identities: Arc<Identities>,
    algorithms: WebPkiSupportedAlgorithms,
    mandatory: bool,
}

/// A refusal on its way through rustls.
#[derive(Debug)]
struct Carried(Refusal);

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.reason())
    }
}

impl std::error::Error for Carried {}

impl Verifier {
    pub(crate) fn new(identities: &Arc<Identities>, mandatory: bool) -> Self {
        Self { identities: Arc::clone(identities), algorithms: identities.algorithms, mandatory }
    }
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    /// No hints: authorities come and go while this lives, and clients of programs have one certificate.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let judged = Presented::read(end_entity)
            .and_then(|presented| self.identities.judge(&presented, Duration::from_secs(now.as_secs())));
        match judged {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(Error::InvalidCertificate(alert(refusal))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The alert that TLS has for it (RFC 8446, section 6.2); `certificate_unknown` for what only we can know.
fn alert(refusal: Refusal) -> CertificateError {
    match refusal {
        Refusal::CertificateUnknown => CertificateError::UnknownIssuer,
        Refusal::CertificateExpired => CertificateError::Expired,
        Refusal::CertificateNotYetValid => CertificateError::NotValidYet,
        Refusal::CertificateRevoked => CertificateError::Revoked,
        refusal => CertificateError::Other(OtherError(Arc::new(Carried(refusal)))),
    }
}

/// Why a handshake failed, if it was for the client's certificate.
pub(crate) fn refusal_of(error: &io::Error) -> Option<Refusal> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::NoCertificatesPresented => Some(Refusal::CertificateMissing),
        Error::InvalidCertificate(certificate) => Some(match certificate {
            CertificateError::UnknownIssuer => Refusal::CertificateUnknown,
            CertificateError::Expired => Refusal::CertificateExpired,
            CertificateError::NotValidYet => Refusal::CertificateNotYetValid,
            CertificateError::Revoked => Refusal::CertificateRevoked,
            CertificateError::Other(OtherError(other)) => match other.downcast_ref::<Carried>() {
                Some(Carried(refusal)) => refusal.clone(),
                None => Refusal::CertificateInvalid,
            },
            _ => Refusal::CertificateInvalid,
        }),
        _ => None,
    }
}
