//! Certificates of clients: whether one counts at this moment, and whose it is.
//!
//! Asked at each handshake and again for each request, as a connection may outlive a certificate. What it is judged by is read from
//! the register and the files of external authorities, and read anew when they change (`sources`); a request that comes after a change
//! was noticed is judged by it, however old its connection is.
//!
//! A certificate must be issued by one of the named authorities itself: each of them has a CRL, so nothing is ever taken whose
//! revocation nobody could tell.

mod contracts;
mod sources;
mod verifier;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_config::Pki;
use portcullis_diag::Diagnostic;
use portcullis_pki::{Certificate, CustomerId, Identified, Unidentified, environment_of};
use rustls::{crypto::WebPkiSupportedAlgorithms, pki_types::UnixTime};
use time::OffsetDateTime;
use webpki::{EndEntityCert, KeyUsage};

use crate::{
    overlay::{CustomerOverlay, CustomerOverlays, Overlays},
    refusal::Refusal,
};

pub(crate) use contracts::Contract;
pub(crate) use sources::Fault;
pub(crate) use verifier::{Verifier, refusal_of};

use contracts::Contracts;
use sources::Sources;

/// Certificates whose signature is remembered to be good. Customers have two each; more than this are verified again.
const REMEMBERED: usize = 16_384;

/// What clients' certificates are judged by. One for each snapshot.
#[derive(Debug)]
pub(crate) struct Identities {
    grace: Duration,
    environment: String,
    algorithms: WebPkiSupportedAlgorithms,
    state: ArcSwap<State>,
    /// The rules that customers' overlays are looked up in.
    overlays: OnceLock<Arc<Overlays>>,
    /// Customers have changed since somebody asked whether there are all plans.
    changed: AtomicBool,
    watched: Mutex<sources::Watched>,
}

/// The register and the authorities at one moment.
#[derive(Debug)]
struct State {
    sources: Sources,
    contracts: Arc<Contracts>,
    /// Made of this very register.
    overlays: Arc<CustomerOverlays>,
    /// SHA-256 of certificates whose signature was verified by these very authorities.
    signed: Mutex<HashSet<String>>,
}

/// A certificate that a client has shown, and has proven to have the key of.
#[derive(Debug)]
pub(crate) struct Presented {
    leaf: Certificate,
}

/// Who a client is, by its certificate.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The customer's id.
    pub(crate) id: CustomerId,
    contract: Option<Arc<Contract>>,
    overlay: Result<Option<Arc<CustomerOverlay>>, ()>,
    presented: Arc<Presented>,
    /// The authority's certificate, DER.
    authority: Vec<u8>,
}

impl Identities {
    /// Reads everything. `None` without a register, and when a diagnostic is an error.
    pub(crate) fn load(
        settings: &Pki,
        environment: &str,
        algorithms: WebPkiSupportedAlgorithms,
        now: Duration,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let (sources, watched) = sources::load(settings, environment, now, diagnostics)?;
        Some(Self {
            grace: settings.grace,
            environment: environment.to_owned(),
            algorithms,
            state: ArcSwap::from_pointee(State::new(sources, None, Arc::default())),
            overlays: OnceLock::new(),
            changed: AtomicBool::new(false),
            watched: Mutex::new(watched),
        })
    }

    /// Goes on with what customers have asked of the snapshot before.
    pub(crate) fn succeed(&self, previous: &Self) {
        let (current, before) = (self.state.load(), previous.state.load());
        self.state.store(Arc::new(State::new(
            current.sources.clone(),
            Some(&before.contracts),
            Arc::clone(&current.overlays),
        )));
    }

    /// Who shows this certificate at this moment.
    ///
    /// # Errors
    /// Why it does not count.
    pub(crate) fn judge(&self, presented: &Arc<Presented>, now: Duration) -> Result<Identity, Refusal> {
        let state = self.state.load();
        let leaf = &presented.leaf;
        let moment = moment(now);
        let Sources { register, authorities } = &state.sources;
        let trusted = register.good.trust().issuer_of(leaf).map(|anchor| (anchor, register.standing()));
        let external = || {
            authorities
                .iter()
                .find_map(|source| source.good.issuer_of(leaf).map(|anchor| (anchor, source.standing())))
        };
        let (anchor, standing) = trusted.or_else(external).ok_or(Refusal::CertificateUnknown)?;
        // The register also tells whom an external certificate stands for.
        for standing in [standing, register.standing()] {
            if standing.is_lost(self.grace, now) {
                return Err(Refusal::CertificateTrustLost);
            }
        }
        if moment > anchor.not_after {
            return Err(Refusal::CertificateExpired);
        }
        self.signed(&state, leaf, anchor, now)?;
        if authorities.iter().any(|source| source.good.revoked(leaf)) {
            return Err(Refusal::CertificateRevoked);
        }
        if environment_of(&leaf.uris).is_some_and(|theirs| theirs != self.environment) {
            return Err(Refusal::CertificateOtherEnvironment);
        }
        let Identified { customer, .. } =
            register.good.identify(leaf, moment).map_err(|why| refused(&why))?;
        Ok(Identity {
            id: customer.id.clone(),
            contract: state.contracts.of(&customer.id),
            overlay: state.overlays.get(customer.id.as_str()),
            presented: Arc::clone(presented),
            authority: anchor.der.clone(),
        })
    }

    /// The register's word on a customer, if it has one of this name.
    pub(crate) fn is_mtls_only(&self, customer: &str) -> bool {
        let state = self.state.load();
        state.sources.register.good.customer(customer).is_some_and(|customer| customer.mtls_only)
    }

    /// Looks customers' overlays up in these rules, from now on with every change of the register. Called once, before anybody is judged.
    pub(crate) fn join(&self, rules: &Arc<Overlays>, now: Duration) -> Vec<Diagnostic> {
        let _ = self.overlays.set(Arc::clone(rules));
        let current = self.state.load_full();
        let overlays = CustomerOverlays::of(&current.sources.register.good, rules, &current.overlays, now);
        let diagnostics = overlays.diagnostics(now);
        self.state.store(Arc::new(State::new(
            current.sources.clone(),
            Some(&current.contracts),
            Arc::new(overlays),
        )));
        diagnostics
    }

    /// Makes the plans of rules that routes and customers need and that are not there. Takes seconds where there are several.
    pub(crate) fn plan(&self) {
        if let Some(overlays) = self.overlays.get() {
            overlays.plan(&self.state.load_full().overlays);
        }
    }

    /// Whether [`Self::plan`] has anything to do since the last time somebody asked.
    pub(crate) fn lacks_plans(&self) -> bool {
        self.changed.swap(false, Ordering::AcqRel)
            && self.overlays.get().is_some_and(|overlays| overlays.lacks_plans(&self.state.load().overlays))
    }

    /// Customers who are refused because what the register asks of the rules for them cannot be had, and why.
    pub(crate) fn unmet(&self) -> Vec<(String, String)> {
        self.state.load().overlays.faults()
    }

    /// Looks whether files have changed, and takes what can be used. What was wrong at the last look and still is, is not told again.
    pub(crate) fn refresh(&self, now: Duration) -> Vec<Fault> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.state.load_full();
        let (next, told) = sources::look(&mut watched, &current.sources, now);
        if let Some(next) = next {
            let overlays = self.overlays.get().map_or_else(CustomerOverlays::default, |overlays| {
                CustomerOverlays::of(&next.register.good, overlays, &current.overlays, now)
            });
            self.state.store(Arc::new(State::new(next, Some(&current.contracts), Arc::new(overlays))));
            self.changed.store(true, Ordering::Release);
        }
        told
    }

    /// What is wrong now: names of sources and words.
    pub(crate) fn faults(&self, now: Duration) -> Vec<(String, String)> {
        let state = self.state.load();
        let Sources { register, authorities } = &state.sources;
        let all = std::iter::once((&register.name, register.standing()))
            .chain(authorities.iter().map(|source| (&source.name, source.standing())));
        all.filter_map(|(name, standing)| Some((name.clone(), standing.fault(now)?))).collect()
    }

    /// Names of all sources.
    pub(crate) fn names(&self) -> Vec<String> {
        let state = self.state.load();
        let authorities = state.sources.authorities.iter().map(|source| source.name.clone());
        std::iter::once(state.sources.register.name.clone()).chain(authorities).collect()
    }

    /// Whether the authority signed it. Signatures do not change: it is verified once while the authorities stay as they are.
    fn signed(
        &self,
        state: &State,
        leaf: &Certificate,
        anchor: &Certificate,
        now: Duration,
    ) -> Result<(), Refusal> {
        let remembered = || state.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered().contains(&leaf.sha256) {
            return Ok(());
        }
        let der = leaf.der.as_slice().into();
        let anchor_der = anchor.der.as_slice().into();
        let anchor =
            webpki::anchor_from_trusted_cert(&anchor_der).map_err(|_| Refusal::CertificateInvalid)?;
        let certificate = EndEntityCert::try_from(&der).map_err(|_| Refusal::CertificateInvalid)?;
        certificate
            .verify_for_usage(
                self.algorithms.all,
                &[anchor],
                // No way round the authorities that are named: each has a CRL.
                &[],
                UnixTime::since_unix_epoch(now),
                KeyUsage::client_auth(),
                None,
                None,
            )
            .map_err(|error| match error {
                webpki::Error::CertExpired { .. } => Refusal::CertificateExpired,
                webpki::Error::CertNotValidYet { .. } => Refusal::CertificateNotYetValid,
                webpki::Error::RequiredEkuNotFoundContext(_) => Refusal::CertificateNotForClients,
                webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => {
                    Refusal::CertificateUnknown
                }
                _ => Refusal::CertificateInvalid,
            })?;
        let mut remembered = remembered();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(leaf.sha256.clone());
        Ok(())
    }
}

impl State {
    fn new(sources: Sources, previous: Option<&Arc<Contracts>>, overlays: Arc<CustomerOverlays>) -> Self {
        let contracts = Contracts::new(&sources.register.good, previous);
        Self { sources, contracts, overlays, signed: Mutex::default() }
    }
}

impl Presented {
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(der: &[u8]) -> Result<Arc<Self>, Refusal> {
        let leaf = Certificate::from_der(der).map_err(|_| Refusal::CertificateInvalid)?;
        Ok(Arc::new(Self { leaf }))
    }
}

impl Identity {
    /// What the rules do otherwise for this customer, where the register says so.
    ///
    /// # Errors
    /// The register asks for what cannot be had. Nothing is served by half a policy.
    pub(crate) fn overlay(&self) -> Result<Option<Arc<CustomerOverlay>>, Refusal> {
        self.overlay.clone().map_err(|()| Refusal::CustomerPolicy)
    }

    /// Where it may come from and how fast it may ask, where either was agreed on.
    pub(crate) fn contract(&self) -> Option<&Contract> {
        self.contract.as_deref()
    }

    /// Serial number of the certificate, lower-case hexadecimal.
    pub(crate) fn serial(&self) -> &str {
        self.presented.leaf.serial.as_str()
    }

    /// `Client-Cert` (RFC 9440, section 2.2).
    pub(crate) fn certificate_field(&self) -> String {
        byte_sequence(&self.presented.leaf.der)
    }

    /// `Client-Cert-Chain` (RFC 9440, section 2.3): the authority that issued it, as it was verified, not as the client sent it.
    pub(crate) fn chain_field(&self) -> String {
        byte_sequence(&self.authority)
    }
}

/// As in a structured field (RFC 9651, section 3.3.5).
fn byte_sequence(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(der))
}

fn refused(why: &Unidentified) -> Refusal {
    match why {
        Unidentified::Nameless => Refusal::CertificateNameless,
        Unidentified::OtherEnvironment { .. } => Refusal::CertificateOtherEnvironment,
        Unidentified::NotForClients => Refusal::CertificateNotForClients,
        Unidentified::NotYetValid => Refusal::CertificateNotYetValid,
        Unidentified::Expired => Refusal::CertificateExpired,
        Unidentified::Unregistered => Refusal::CertificateUnregistered,
        Unidentified::Revoked => Refusal::CertificateRevoked,
        Unidentified::UnknownCustomer => Refusal::CustomerUnknown,
        Unidentified::Suspended => Refusal::CustomerSuspended,
        Unidentified::Offboarded => Refusal::CustomerOffboarded,
        _ => Refusal::CertificateInvalid,
    }
}

fn moment(now: Duration) -> OffsetDateTime {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
