//! Writing the register: the rules of issuing and revoking, and what is left when the writer dies between any two writes.

use std::{cell::Cell, rc::Rc, slice::from_ref};

use portcullis_pki::{
    Algorithm, Authority, Certificate, ClientKey, CustomerId, Fault, Files, Network, NewRegister, PkiError,
    Reason, Register, Registrar, Secrecy, Serial, State, Store, Unidentified, ending, init, parse_span,
    repair_crl, verify_offboarded,
};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType};
use time::{Duration, OffsetDateTime};

use crate::support::{Memory, now};

const WHO: &str = "test (uid 0)";

fn id(text: &str) -> CustomerId {
    CustomerId::parse(text).unwrap()
}

fn founding(environment: &str) -> NewRegister<'_> {
    NewRegister {
        environment,
        algorithm: Algorithm::P256,
        lifetime: Duration::days(1825),
        certificate_lifetime: Duration::days(90),
        longest_certificate: Duration::days(397),
        longest_key: Duration::days(730),
        crl_lifetime: Duration::days(30),
        passphrase: None,
    }
}

/// A store that several may look at and that stops working after so many writes, as a process that is killed does.
#[derive(Clone, Debug, Default)]
struct Shared {
    memory: Rc<std::cell::RefCell<Memory>>,
    left: Rc<Cell<Option<usize>>>,
    writes: Rc<Cell<usize>>,
}

impl Shared {
    fn write_one(&self, name: &str) -> Result<(), PkiError> {
        self.writes.set(self.writes.get() + 1);
        match self.left.get() {
            Some(0) => Err(PkiError::File(Fault::told(name.to_owned(), "killed", ""))),
            left => {
                self.left.set(left.map(|left| left - 1));
                Ok(())
            }
        }
    }

    fn text(&self, name: &str) -> String {
        self.memory.borrow().text(name).to_owned()
    }
}

impl Files for Shared {
    fn read(&self, name: &str) -> Result<Option<String>, PkiError> {
        self.memory.borrow().read(name)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, PkiError> {
        self.memory.borrow().list(directory)
    }
}

impl Store for Shared {
    fn write(&mut self, name: &str, content: &str, secrecy: Secrecy) -> Result<(), PkiError> {
        self.write_one(name)?;
        self.memory.borrow_mut().write(name, content, secrecy)
    }

    fn append(&mut self, name: &str, line: &str) -> Result<(), PkiError> {
        self.write_one(name)?;
        self.memory.borrow_mut().append(name, line)
    }

    fn remove(&mut self, name: &str) -> Result<(), PkiError> {
        self.write_one(name)?;
        self.memory.borrow_mut().remove(name)
    }
}

/// A register with customer `acme`.
fn new() -> (Shared, Authority) {
    let store = Shared::default();
    init(store.clone(), None, founding("production"), WHO, now()).unwrap();
    let authority = Authority::open(&store.text("ca.pem"), &store.text("ca.key")).unwrap();
    open(&store).add(id("acme"), "Acme Ltd", |customer| customer.mtls_only = true).unwrap();
    (store, authority)
}

fn open(store: &Shared) -> Registrar<Shared> {
    Registrar::open(store.clone(), WHO, now()).unwrap()
}

fn issue(store: &Shared, authority: &Authority, customer: &str) -> Result<Certificate, PkiError> {
    let mut registrar = open(store);
    let key = ClientKey::generate(Algorithm::P256)?;
    let prepared = registrar.prepare(&id(customer), key, None, authority)?;
    registrar.record(&prepared)?;
    Ok(prepared.certificate)
}

fn problem<T>(done: Result<T, PkiError>) -> String {
    done.err().map(|error| error.to_string()).unwrap()
}

#[test]
fn a_certificate_says_what_the_register_says() {
    let (store, authority) = new();
    let leaf = issue(&store, &authority, "acme").unwrap();
    assert_eq!(leaf.uris, ["urn:portcullis:customer:acme", "urn:portcullis:environment:production"]);
    assert!(leaf.client_auth && !leaf.is_authority && leaf.says_issued_by(authority.certificate()));
    assert_eq!(leaf.subject, "CN=acme");
    assert!(leaf.serial.to_bytes().len() > 8);
    assert_eq!(leaf.not_after, now() + Duration::days(90));
    let register = Register::load(&store).unwrap();
    assert_eq!(register.identify(&leaf, now()).unwrap().customer.name, "Acme Ltd");
    assert!(register.customer("acme").unwrap().mtls_only);
}

#[test]
fn what_is_not_recorded_counts_for_nothing() {
    let (store, authority) = new();
    let prepared = open(&store)
        .prepare(&id("acme"), ClientKey::generate(Algorithm::P384).unwrap(), None, &authority)
        .unwrap();
    let register = Register::load(&store).unwrap();
    assert_eq!(register.identify(&prepared.certificate, now()).unwrap_err(), Unidentified::Unregistered);
}

#[test]
fn two_live_certificates_overlap_and_a_third_must_wait() {
    let (store, authority) = new();
    let first = issue(&store, &authority, "acme").unwrap();
    let second = issue(&store, &authority, "acme").unwrap();
    assert_ne!(first.serial, second.serial);
    let third = problem(issue(&store, &authority, "acme"));
    assert!(third.contains("2 live certificates") && third.contains(first.serial.as_str()), "{third}");
    open(&store).revoke(&id("acme"), from_ref(&first.serial), Reason::Superseded).unwrap();
    issue(&store, &authority, "acme").unwrap();
    let register = Register::load(&store).unwrap();
    assert_eq!(
        register.identify(&first, now()).unwrap_err(),
        Unidentified::Revoked,
        "before any list says so"
    );
    assert!(register.identify(&second, now()).is_ok());
    assert_eq!(register.unlisted(now()), *from_ref(&first.serial));
    open(&store).publish(&authority).unwrap();
    let register = Register::load(&store).unwrap();
    assert!(register.unlisted(now()).is_empty() && register.trust().lists(&first.serial));
}

#[test]
fn a_list_is_numbered_upwards_and_can_be_made_from_nothing() {
    let (store, authority) = new();
    let number = |store: &Shared| Register::load(store).unwrap().crl().unwrap().number.clone();
    let first = number(&store);
    open(&store).publish(&authority).unwrap();
    let second = number(&store);
    assert!(second > first && second.len() == first.len());
    let leaf = issue(&store, &authority, "acme").unwrap();
    open(&store).revoke(&id("acme"), from_ref(&leaf.serial), Reason::KeyCompromise).unwrap();
    store.memory.borrow_mut().put("crl.pem", "torn");
    assert!(Register::load(&store).is_err());
    repair_crl(&mut store.clone(), &authority, WHO, now() + Duration::days(1)).unwrap();
    assert!(number(&store) > second);
    assert!(Register::load(&store).unwrap().trust().lists(&leaf.serial));
    let stranger = crate::support::outsider("x");
    let other = Authority::open(&stranger.pem, &stranger.issuer.key().serialize_pem()).unwrap();
    assert!(open(&store).publish(&other).is_err());
}

#[test]
fn issuing_keeps_the_list_fresh_by_the_way() {
    let (store, authority) = new();
    let later = |days| Registrar::open(store.clone(), WHO, now() + Duration::days(days)).unwrap();
    assert!(!later(14).publish_if_behind(&authority).unwrap());
    assert!(later(16).publish_if_behind(&authority).unwrap());
    assert_eq!(Register::load(&store).unwrap().fresh_until(), now() + Duration::days(46));
}

/// A request that asks for everything.
fn request(key: &KeyPair) -> String {
    let mut params = CertificateParams::new([String::from("evil.example")]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "somebody else");
    params.subject_alt_names.push(SanType::URI("urn:portcullis:customer:other".try_into().unwrap()));
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.serialize_request(key).unwrap().pem().unwrap()
}

#[test]
fn of_a_request_nothing_is_taken_but_its_key() {
    let (store, authority) = new();
    let pair = KeyPair::generate().unwrap();
    let key = ClientKey::from_request(request(&pair).as_bytes()).unwrap();
    assert!(key.private_pem().is_none());
    let mut registrar = open(&store);
    let prepared = registrar.prepare(&id("acme"), key, None, &authority).unwrap();
    registrar.record(&prepared).unwrap();
    let leaf = &prepared.certificate;
    assert_eq!((leaf.subject.as_str(), leaf.names.len(), leaf.uris.len()), ("CN=acme", 0, 2));
    assert!(leaf.client_auth);
    assert!(Register::load(&store).unwrap().identify(leaf, now()).is_ok());
}

#[test]
fn a_request_must_be_signed_by_its_own_strong_key() {
    let text = request(&KeyPair::generate().unwrap());
    let pem = x509_parser::pem::Pem::iter_from_buffer(text.as_bytes()).next().unwrap().unwrap();
    let mut der = pem.contents;
    assert!(ClientKey::from_request(&der).is_ok());
    *der.last_mut().unwrap() ^= 1;
    assert!(ClientKey::from_request(&der).unwrap_err().contains("not signed by the key"));
    let key = KeyPair::generate().unwrap().serialize_pem();
    assert!(ClientKey::from_request(key.as_bytes()).unwrap_err().contains("is a private key"));
    assert!(ClientKey::from_request(b"0").is_err() && ClientKey::from_request(b"").is_err());
}

#[test]
fn a_key_belongs_to_one_customer_and_a_lost_one_to_nobody() {
    let (store, authority) = new();
    open(&store).add(id("other"), "Other", |_| {}).unwrap();
    let text = request(&KeyPair::generate().unwrap());
    let prepare = |customer: &str| {
        let key = ClientKey::from_request(text.as_bytes()).unwrap();
        open(&store).prepare(&id(customer), key, None, &authority)
    };
    let prepared = prepare("acme").unwrap();
    open(&store).record(&prepared).unwrap();
    assert!(problem(prepare("other")).contains("is customer `acme`'s"));
    assert!(prepare("acme").is_ok(), "a customer may send its request again");
    open(&store).revoke(&id("acme"), &[prepared.certificate.serial], Reason::KeyCompromise).unwrap();
    assert!(problem(prepare("acme")).contains("compromised"));
}

#[test]
fn bounds_of_a_certificate_hold() {
    let (store, authority) = new();
    let prepare = |days: i64, at: OffsetDateTime| {
        let registrar = Registrar::open(store.clone(), WHO, at).unwrap();
        let key = ClientKey::generate(Algorithm::P256).unwrap();
        registrar.prepare(&id("acme"), key, Some(Duration::days(days)), &authority)
    };
    assert!(problem(prepare(398, now())).contains("up to 397d, not 398d"));
    let late = prepare(90, now() + Duration::days(1800)).unwrap();
    assert_eq!(late.certificate.not_after, authority.certificate().not_after, "none outlives its authority");
    assert!(problem(prepare(90, now() + Duration::days(1825))).contains("the authority ended"));
    let mut registrar = open(&store);
    registrar.change(&id("acme"), "customer.suspend", |customer| customer.state = State::Suspended).unwrap();
    assert!(problem(prepare(90, now())).contains("suspended"));
}

#[test]
fn customers_are_added_once_and_changed_by_the_rules() {
    let (store, _) = new();
    assert!(problem(open(&store).add(id("acme"), "Again", |_| {})).contains("is there already"));
    assert!(open(&store).add(id("b"), "two\nlines", |_| {}).is_err());
    let mut registrar = open(&store);
    registrar
        .change(&id("acme"), "customer.set", |customer| {
            customer.allow = vec![Network::parse("192.0.2.0/24").unwrap()];
        })
        .unwrap();
    registrar
        .change(&id("acme"), "customer.set", |customer| {
            customer.identities = vec![String::from("spiffe://x/acme")];
        })
        .unwrap();
    let taken =
        registrar.add(id("c"), "C", |customer| customer.identities = vec![String::from("spiffe://x/acme")]);
    assert!(problem(taken).contains("stands for customer `acme`"));
    assert!(registrar.change(&id("nobody"), "customer.set", |_| {}).is_err());
    let register = Register::load(&store).unwrap();
    assert_eq!(register.customer("acme").unwrap().allow.len(), 1);
    assert!(register.customer("b").is_none() && register.customer("c").is_none());
}

#[test]
fn the_trail_tells_who_did_what_and_holds_no_policy() {
    let (store, authority) = new();
    let leaf = issue(&store, &authority, "acme").unwrap();
    let trail = store.text("audit.log");
    let steps =
        |step: &str| trail.lines().filter(|line| line.starts_with(&format!("{{\"step\":\"{step}\""))).count();
    assert_eq!((steps("begin"), steps("done")), (3, 3));
    let issued = trail.lines().find(|line| line.contains("certificate.issue")).unwrap();
    assert!(
        issued.contains(WHO)
            && issued.contains(leaf.serial.as_str())
            && issued.contains("\"customer\":\"acme\"")
    );
    assert!(!trail.contains("Acme Ltd"));
}

#[test]
fn offboarding_leaves_nothing_and_says_so() {
    let (store, authority) = new();
    let leaf = issue(&store, &authority, "acme").unwrap();
    let left = |store: &Shared| {
        verify_offboarded(store, &Register::load(store).unwrap(), &id("acme"), now()).unwrap()
    };
    assert!(left(&store).len() >= 4);
    let receipt = open(&store).offboard(&id("acme"), &authority).unwrap();
    assert_eq!(receipt.certificates, *from_ref(&leaf.serial));
    assert_eq!(left(&store), [""; 0]);
    assert!(!store.text("customers/acme.toml").contains("Acme Ltd"));
    assert_eq!(open(&store).offboard(&id("acme"), &authority).unwrap(), receipt, "twice is once");
    let register = Register::load(&store).unwrap();
    assert_eq!(register.identify(&leaf, now()).unwrap_err(), Unidentified::Revoked);
    assert!(problem(open(&store).add(id("acme"), "Acme", |_| {})).contains("was a customer"));
    assert!(problem(issue(&store, &authority, "acme")).contains("offboarded"));
    store.memory.borrow_mut().edit("receipts/acme.toml", "production", "nowhere");
    let register = Register::load(&store).unwrap();
    assert!(problem(verify_offboarded(&store, &register, &id("acme"), now())).contains("was changed"));
}

#[test]
fn a_certificate_that_ends_soon_is_told_of_three_times() {
    let (store, authority) = new();
    let leaf = issue(&store, &authority, "acme").unwrap();
    let told = |days: i64| {
        let at = now() + Duration::days(90 - days) + Duration::HOUR;
        Registrar::open(store.clone(), WHO, at)
            .unwrap()
            .reminders(at)
            .unwrap()
            .iter()
            .map(|reminder| reminder.days)
            .collect::<Vec<_>>()
    };
    assert_eq!(told(31), [0; 0]);
    assert_eq!(told(30), [30]);
    assert_eq!(told(29), [0; 0]);
    // A timer that did not run for a while tells the nearest alone.
    assert_eq!(told(4), [5]);
    assert_eq!(told(3), [0; 0]);
    let register = Register::load(&store).unwrap();
    let soon = |days: i64| ending(&register, Duration::days(30), now() + Duration::days(90 - days));
    assert_eq!(soon(31).len(), 0);
    assert_eq!((soon(10)[0].days_left, soon(10)[0].renewed), (10, false));
    assert!(soon(-1)[0].days_left < 0);
    let at = now() + Duration::days(80);
    let mut registrar = Registrar::open(store.clone(), WHO, at).unwrap();
    let key = ClientKey::generate(Algorithm::P256).unwrap();
    let next = registrar.prepare(&id("acme"), key, None, &authority).unwrap();
    registrar.record(&next).unwrap();
    let found = ending(registrar.register(), Duration::days(30), at);
    assert_eq!((found.len(), &found[0].serial, found[0].renewed), (1, &leaf.serial, true));
}

#[test]
fn a_register_is_made_once() {
    let (store, _) = new();
    assert!(
        problem(init(store.clone(), None, founding("production"), WHO, now())).contains("has a register")
    );
    store.memory.borrow_mut().files.remove("register.toml");
    assert!(problem(init(store, None, founding("production"), WHO, now())).contains("has customers"));
    let mut keys = Memory::default();
    keys.put("production.key", "somebody's");
    let apart =
        init(Memory::default(), Some((&mut keys, "production.key")), founding("production"), WHO, now());
    assert!(problem(apart).starts_with("production.key: is there already"));
    let bad = NewRegister { longest_certificate: Duration::days(30), ..founding("production") };
    assert!(init(Memory::default(), None, bad, WHO, now()).is_err());
    assert!(init(Memory::default(), None, founding("a b"), WHO, now()).is_err());
}

#[test]
fn a_key_may_be_encrypted_and_live_apart() {
    let (store, mut keys) = (Shared::default(), Memory::default());
    let founding = NewRegister {
        passphrase: Some("correct horse"),
        algorithm: Algorithm::P384,
        ..founding("integration")
    };
    init(store.clone(), Some((&mut keys, "a.key")), founding, WHO, now()).unwrap();
    assert!(store.read("ca.key").unwrap().is_none());
    let (sealed, secrecy) = &keys.files["a.key"];
    assert!(Authority::sealed(sealed) && *secrecy == Secrecy::Private);
    let ca = store.text("ca.pem");
    assert!(Authority::open_sealed(&ca, sealed, Some("wrong")).unwrap_err().contains("passphrase"));
    let authority = Authority::open_sealed(&ca, sealed, Some("correct horse")).unwrap();
    open(&store).add(id("acme"), "Acme", |_| {}).unwrap();
    issue(&store, &authority, "acme").unwrap();
}

/// A life of a register, each step as its own process would do it.
fn live(store: &Shared, seen: &mut Vec<Serial>) -> Result<(), PkiError> {
    if store.read("register.toml")?.is_none() {
        init(store.clone(), None, founding("production"), WHO, now())?;
    }
    let authority = Authority::open(&store.text("ca.pem"), &store.text("ca.key")).unwrap();
    let mut registrar = Registrar::open(store.clone(), WHO, now())?;
    for customer in ["acme", "other"] {
        if registrar.register().customer(customer).is_none() {
            registrar.add(id(customer), "A customer", |_| {})?;
        }
        let live = registrar
            .register()
            .customer(customer)
            .unwrap()
            .certificates
            .iter()
            .filter(|record| record.live(now()))
            .count();
        if live < 1 && registrar.register().customer(customer).unwrap().state == State::Active {
            let prepared =
                registrar.prepare(&id(customer), ClientKey::generate(Algorithm::P256)?, None, &authority)?;
            registrar.record(&prepared)?;
            seen.push(prepared.certificate.serial.clone());
            registrar.publish_if_behind(&authority)?;
        }
    }
    let all: Vec<_> = registrar
        .register()
        .customer("other")
        .unwrap()
        .certificates
        .iter()
        .map(|record| record.serial.clone())
        .collect();
    registrar.revoke(&id("other"), &all, Reason::Superseded)?;
    registrar.publish_if_behind(&authority)?;
    registrar.offboard(&id("acme"), &authority)?;
    Ok(())
}

#[test]
fn a_writer_that_dies_between_any_two_writes_leaves_a_whole_register() {
    let whole = Shared::default();
    live(&whole, &mut Vec::new()).unwrap();
    let writes = whole.writes.get();
    assert!(writes > 25, "{writes}");
    for deadly in 0..writes {
        let store = Shared::default();
        let mut seen = Vec::new();
        store.left.set(Some(deadly));
        assert!(live(&store, &mut seen).is_err(), "write {deadly}");
        store.left.set(None);
        check(&store, &seen, deadly);
        // Whoever does it again finishes it.
        live(&store, &mut seen).unwrap_or_else(|error| panic!("after write {deadly}: {error}"));
        check(&store, &seen, deadly);
        let register = Register::load(&store).unwrap();
        assert!(register.unlisted(now()).is_empty(), "write {deadly}");
        assert!(
            verify_offboarded(&store, &register, &id("acme"), now()).unwrap().is_empty(),
            "write {deadly}"
        );
    }
}

fn check(store: &Shared, seen: &[Serial], deadly: usize) {
    if store.read("register.toml").unwrap().is_none() {
        assert!(seen.is_empty() && store.list("customers").unwrap().is_empty());
        return;
    }
    let register = Register::load(store).unwrap_or_else(|error| panic!("after write {deadly}: {error}"));
    for serial in seen {
        assert!(register.certificate(serial).is_some(), "after write {deadly}: {serial} is lost");
    }
    for (customer, record) in register
        .customers()
        .flat_map(|customer| customer.certificates.iter().map(move |record| (customer, record)))
    {
        let listed = register.trust().lists(&record.serial);
        assert!(
            !listed || record.revocation.is_some(),
            "after write {deadly}: a list is ahead of customer {}",
            customer.id
        );
    }
}

#[test]
fn spans_of_a_register_are_read_back() {
    let (store, _) = new();
    let register = Register::load(&store).unwrap();
    assert_eq!(register.terms().crl_lifetime, parse_span("30d").unwrap());
    assert!(store.text("register.toml").contains("longest_certificate = \"397d\""));
}
