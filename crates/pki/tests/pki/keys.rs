//! How long a key may be in use.

use portcullis_pki::{
    Algorithm, Authority, ClientKey, CustomerId, Files, NewRegister, PkiError, Register, Registrar, Secrecy,
    Store, aged_keys, init,
};
use time::{Duration, OffsetDateTime};

use crate::support::{Memory, now};

const WHO: &str = "test (uid 0)";

/// A store that is looked at again afterwards.
struct Borrowed<'a>(&'a mut Memory);

impl Files for Borrowed<'_> {
    fn read(&self, name: &str) -> Result<Option<String>, PkiError> {
        self.0.read(name)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, PkiError> {
        self.0.list(directory)
    }
}

impl Store for Borrowed<'_> {
    fn write(&mut self, name: &str, content: &str, secrecy: Secrecy) -> Result<(), PkiError> {
        self.0.write(name, content, secrecy)
    }

    fn append(&mut self, name: &str, line: &str) -> Result<(), PkiError> {
        self.0.append(name, line)
    }

    fn remove(&mut self, name: &str) -> Result<(), PkiError> {
        self.0.remove(name)
    }
}

fn founded() -> (Memory, Authority, CustomerId) {
    let mut memory = Memory::default();
    let new = NewRegister {
        environment: "production",
        algorithm: Algorithm::P256,
        lifetime: Duration::days(1825),
        certificate_lifetime: Duration::days(397),
        longest_certificate: Duration::days(397),
        longest_key: Duration::days(730),
        crl_lifetime: Duration::days(30),
        passphrase: None,
    };
    let store = Borrowed(&mut memory);
    init(store, None, new, WHO, now()).unwrap();
    let authority = Authority::open(memory.text("ca.pem"), memory.text("ca.key")).unwrap();
    let id = CustomerId::parse("acme").unwrap();
    Registrar::open(Borrowed(&mut memory), WHO, now()).unwrap().add(id.clone(), "Acme", |_| {}).unwrap();
    (memory, authority, id)
}

#[test]
fn a_key_that_is_renewed_for_too_long_is_told_of_and_gets_no_other_certificate() {
    let (mut memory, authority, id) = founded();
    let request = request();
    let issue = |memory: &mut Memory, days: i64| {
        let mut registrar = Registrar::open(Borrowed(memory), WHO, now() + Duration::days(days)).unwrap();
        let prepared = registrar.prepare(&id, ClientKey::from_request(&request).unwrap(), None, &authority);
        prepared.and_then(|prepared| registrar.record(&prepared)).map_err(|error| error.to_string())
    };
    let aged = |memory: &Memory, days: i64| -> Vec<_> {
        let moment: OffsetDateTime = now() + Duration::days(days);
        let register = Register::load(memory).unwrap();
        aged_keys(&register, moment).into_iter().map(|key| (key.customer, key.since)).collect()
    };
    issue(&mut memory, 0).unwrap();
    issue(&mut memory, 390).unwrap();
    assert_eq!(aged(&memory, 400), []);
    issue(&mut memory, 725).unwrap();
    assert_eq!(aged(&memory, 729), []);
    // The authority's own is as old; it holds from a little before it was made.
    let found = aged(&memory, 731);
    assert_eq!(found.first().map(|(customer, _)| customer.clone()), Some(None));
    assert_eq!(found.iter().filter(|(customer, since)| customer.is_some() && *since == now()).count(), 2);
    let refused = issue(&mut memory, 800).unwrap_err();
    assert!(refused.contains("this key is in use since 2027-01-15, and may be for 730d"), "{refused}");
    // After all certificates for it have ended nobody is told of it, and still it gets no other.
    assert_eq!(aged(&memory, 1200).len(), 1);
    assert!(issue(&mut memory, 1200).is_err());
}

fn request() -> Vec<u8> {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::default();
    params.serialize_request(&key).unwrap().pem().unwrap().into_bytes()
}
