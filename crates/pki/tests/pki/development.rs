//! Development certificates: kept while good, made anew when not, trusted by a TLS client for `localhost` and nothing else.

use std::sync::Arc;

use portcullis_pki::{
    Authority, Certificate, Name, PkiError, Secrecy, Store as _, Subject,
    development::{self, Reason},
};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use time::{Duration, OffsetDateTime};

use crate::support::{Memory, now};

fn made(store: &mut Memory, at: OffsetDateTime) -> Vec<Option<Reason>> {
    development::ensure(store, at).unwrap().into_iter().map(|outcome| outcome.made).collect()
}

fn verify(store: &Memory, file: &str, name: &str, at: OffsetDateTime) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(store.text("ca.pem").as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let leaf = CertificateDer::from_pem_slice(store.text(file).as_bytes()).unwrap();
    let seconds = u64::try_from(at.unix_timestamp()).unwrap();
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(&leaf, &[], &name, &[], at).map(drop)
}

#[test]
fn the_first_call_makes_all_and_the_second_nothing() {
    let mut store = Memory::default();
    assert_eq!(made(&mut store, now()), [Some(Reason::Missing); 3]);
    let private: Vec<&str> = store
        .files
        .iter()
        .filter(|(_, (_, secrecy))| *secrecy == Secrecy::Private)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(private, ["backend.key", "ca.key", "server.key"]);
    let before = store.files.clone();
    assert_eq!(made(&mut store, now() + Duration::days(80)), [None; 3]);
    assert_eq!(store.files, before);
}

#[test]
fn a_client_trusts_them_for_localhost_only() {
    let mut store = Memory::default();
    made(&mut store, now());
    for file in ["server.pem", "backend.pem"] {
        for name in ["localhost", "127.0.0.1", "::1"] {
            verify(&store, file, name, now()).unwrap();
        }
        assert!(verify(&store, file, "example.com", now()).is_err());
        assert!(verify(&store, file, "localhost", now() + Duration::days(91)).is_err());
        assert!(verify(&store, file, "localhost", now() - Duration::days(1)).is_err());
        let key = store.text(&file.replace(".pem", ".key")).to_owned();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let leaf = CertificateDer::from_pem_slice(store.text(file).as_bytes()).unwrap();
        rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf], key)
            .unwrap();
    }
}

#[test]
fn the_authority_cannot_speak_for_others() {
    let mut store = Memory::default();
    made(&mut store, now());
    let authority = Authority::open(store.text("ca.pem"), store.text("ca.key")).unwrap();
    let names = [Name::Dns(String::from("bank.example"))];
    let forged = authority.issue_server(&names, now(), Duration::days(1)).unwrap();
    store.write("forged.pem", &forged.chain_pem, Secrecy::Public).unwrap();
    assert!(verify(&store, "forged.pem", "bank.example", now()).is_err());
}

#[test]
fn what_ends_within_a_week_is_made_anew() {
    let mut store = Memory::default();
    made(&mut store, now());
    let later = now() + Duration::days(84);
    assert_eq!(made(&mut store, later), [None, Some(Reason::Expiring), Some(Reason::Expiring)]);
    verify(&store, "server.pem", "localhost", later + Duration::days(80)).unwrap();
    let much_later = now() + Duration::days(360);
    assert_eq!(
        made(&mut store, much_later),
        [Some(Reason::Expiring), Some(Reason::NewAuthority), Some(Reason::NewAuthority)]
    );
    verify(&store, "server.pem", "localhost", much_later).unwrap();
}

#[test]
fn a_server_certificate_does_not_outlive_its_authority() {
    let mut store = Memory::default();
    made(&mut store, now());
    let late = now() + Duration::days(350);
    let outcomes = development::ensure(&mut store, late).unwrap();
    assert_eq!(outcomes[1].not_after, outcomes[0].not_after);
    assert_eq!(Certificate::from_pem(store.text("server.pem")).unwrap().not_after, outcomes[1].not_after);
}

#[test]
fn what_does_not_fit_together_is_made_anew() {
    let mut store = Memory::default();
    made(&mut store, now());
    let other_key = store.text("backend.key").to_owned();
    store.write("server.key", &other_key, Secrecy::Private).unwrap();
    assert_eq!(made(&mut store, now()), [None, Some(Reason::Unusable), None]);
    store.write("backend.pem", "not a certificate", Secrecy::Public).unwrap();
    assert_eq!(made(&mut store, now()), [None, None, Some(Reason::Unusable)]);
    store.files.remove("ca.key");
    assert_eq!(
        made(&mut store, now()),
        [Some(Reason::Missing), Some(Reason::NewAuthority), Some(Reason::NewAuthority)]
    );
}

#[test]
fn somebody_elses_certificate_is_left_alone() {
    let subject = Subject { name: "Real authority", now: now(), lifetime: Duration::days(30) };
    let real = Authority::create(subject, &[]).unwrap();
    let issued = real.issue_server(&development::names(), now(), Duration::days(9)).unwrap();
    let mut store = Memory::default();
    store.write("server.pem", &issued.chain_pem, Secrecy::Public).unwrap();
    let error = development::ensure(&mut store, now()).unwrap_err();
    assert!(matches!(&error, PkiError::Foreign { file, .. } if file == "server.pem"), "{error}");
    assert_eq!(store.files.len(), 1);
}

#[test]
fn facts_are_read() {
    let mut store = Memory::default();
    made(&mut store, now());
    let authority = Certificate::from_pem(store.text("ca.pem")).unwrap();
    assert!(authority.is_authority);
    let leaf = Certificate::from_pem(store.text("server.pem")).unwrap();
    assert!(!leaf.is_authority);
    assert_eq!(leaf.issuer, "CN=Portcullis development authority");
    assert_eq!(leaf.issuer_key_id, authority.key_id);
    assert_eq!(leaf.names.len(), 3);
    assert!(Certificate::from_pem("").is_err());
    assert!(Certificate::from_pem(store.text("server.key")).is_err());
    assert!(Authority::open(store.text("server.pem"), store.text("server.key")).is_err());
    assert!(Authority::open(store.text("ca.pem"), store.text("server.key")).is_err());
}
