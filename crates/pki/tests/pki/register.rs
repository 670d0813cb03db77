//! The register as readers see it: whose a certificate is, whether it counts, and what is said of files that are wrong.

use portcullis_pki::{Certificate, Register, Serial, Trust, Unidentified, show_moment};
use time::Duration;

use crate::support::{Memory, Outsider, now, outsider};

const ACME: &[&str] = &["urn:portcullis:customer:acme", "urn:portcullis:environment:production"];

fn record(leaf: &Certificate) -> String {
    format!(
        "\n[[certificate]]\nserial = \"{}\"\nidentity = \"urn:portcullis:customer:acme\"\nenvironment = \"production\"\n\
         not_before = \"{}\"\nnot_after = \"{}\"\nsha256 = \"{}\"\nauthority = \"\"\nkey = \"customer\"\nkey_sha256 = \"\"\nissued = \"{}\"\n",
        leaf.serial,
        show_moment(leaf.not_before),
        show_moment(leaf.not_after),
        leaf.sha256,
        show_moment(now()),
    )
}

fn customer(id: &str) -> String {
    format!(
        "id = \"{id}\"\nname = \"A customer\"\nstate = \"active\"\ncreated = \"{}\"\n",
        show_moment(now())
    )
}

/// A register with `acme`, which has the leaf, and `other`, which has none.
fn register(authority: &Outsider, leaf: &Certificate) -> Memory {
    let mut store = Memory::default();
    store.put("register.toml", "format = 1\nenvironment = \"production\"\ncertificate_lifetime = \"90d\"\nlongest_certificate = \"397d\"\ncrl_lifetime = \"30d\"\n");
    store.put("ca.pem", &authority.pem);
    store.put("crl.pem", &authority.crl(1, &[99]));
    store.put("customers/acme.toml", &format!("{}{}", customer("acme"), record(leaf)));
    store.put("customers/other.toml", &customer("other"));
    store
}

fn refusal(store: &Memory, leaf: &Certificate) -> Unidentified {
    Register::load(store).unwrap().identify(leaf, now()).unwrap_err()
}

#[test]
fn a_certificate_leads_to_its_customer() {
    let authority = outsider("ours");
    let leaf = authority.leaf(5, ACME);
    let register = Register::load(&register(&authority, &leaf)).unwrap();
    let identified = register.identify(&leaf, now()).unwrap();
    assert_eq!(identified.customer.id.as_str(), "acme");
    assert_eq!(identified.record.unwrap().serial, Serial::parse("5").unwrap());
    assert_eq!(register.environment(), "production");
    assert_eq!(register.customers().count(), 2);
    assert_eq!(register.fresh_until(), now() + Duration::days(10));
    assert!(!register.crl().unwrap().stale(register.fresh_until()));
    assert!(register.crl().unwrap().stale(register.fresh_until() + Duration::SECOND));
    assert!(register.is_revoked(&Serial::parse("63").unwrap()) && !register.is_revoked(&leaf.serial));
}

#[test]
fn every_other_certificate_is_refused_by_name() {
    let ours = outsider("ours");
    let leaf = ours.leaf(5, ACME);
    let store = register(&ours, &leaf);
    let production = ACME[1];
    let other_environment =
        Unidentified::OtherEnvironment { theirs: String::from("test"), ours: String::from("production") };
    assert_eq!(
        refusal(&store, &ours.leaf(5, &[ACME[0], "urn:portcullis:environment:test"])),
        other_environment
    );
    assert!(matches!(refusal(&store, &ours.leaf(5, &ACME[..1])), Unidentified::OtherEnvironment { .. }));
    assert_eq!(refusal(&store, &ours.leaf(5, &[production])), Unidentified::Nameless);
    let two = [ACME[0], "urn:portcullis:customer:other", production];
    assert_eq!(refusal(&store, &ours.leaf(5, &two)), Unidentified::Nameless);
    // The number of a registered certificate is not enough: it must be that certificate.
    assert_eq!(refusal(&store, &ours.leaf(5, ACME)), Unidentified::Unregistered);
    assert_eq!(refusal(&store, &ours.leaf(6, ACME)), Unidentified::Unregistered);
    assert_eq!(refusal(&store, &ours.leaf(99, ACME)), Unidentified::Revoked);
    let unknown = ["urn:portcullis:customer:nobody", production];
    assert_eq!(refusal(&store, &ours.leaf(6, &unknown)), Unidentified::UnknownCustomer);
    let server = ours.leaf_with(5, ACME, |params| params.extended_key_usages.clear());
    assert_eq!(refusal(&store, &server), Unidentified::NotForClients);
    // An authority that nobody listed an identity for.
    assert_eq!(refusal(&store, &outsider("theirs").leaf(5, ACME)), Unidentified::Nameless);
    let register = Register::load(&store).unwrap();
    assert_eq!(
        register.identify(&leaf, leaf.not_after + Duration::SECOND).unwrap_err(),
        Unidentified::Expired
    );
    assert_eq!(
        register.identify(&leaf, leaf.not_before - Duration::SECOND).unwrap_err(),
        Unidentified::NotYetValid
    );
}

#[test]
fn a_revocation_counts_in_the_file_and_in_the_list() {
    let authority = outsider("ours");
    let leaf = authority.leaf(5, ACME);
    let mut store = register(&authority, &leaf);
    store.put("crl.pem", &authority.crl(2, &[5]));
    assert_eq!(refusal(&store, &leaf), Unidentified::Revoked);
    let mut store = register(&authority, &leaf);
    let revoked = format!(
        "{}revocation = {{ at = \"{}\", reason = \"superseded\" }}\n",
        record(&leaf),
        show_moment(now())
    );
    store.edit("customers/acme.toml", &record(&leaf), &revoked);
    assert_eq!(refusal(&store, &leaf), Unidentified::Revoked);
}

#[test]
fn a_customer_that_is_not_active_is_refused() {
    let authority = outsider("ours");
    let leaf = authority.leaf(5, ACME);
    for (state, refused) in [("suspended", Unidentified::Suspended), ("offboarded", Unidentified::Offboarded)]
    {
        let mut store = register(&authority, &leaf);
        store.edit("customers/acme.toml", "\"active\"", &format!("\"{state}\""));
        assert_eq!(refusal(&store, &leaf), refused);
    }
}

#[test]
fn an_external_identity_stands_for_the_customer_that_lists_it() {
    let (ours, theirs) = (outsider("ours"), outsider("theirs"));
    let leaf = ours.leaf(5, ACME);
    let mut store = register(&ours, &leaf);
    store.edit("customers/other.toml", "created", "identities = [\"spiffe://partner/other\"]\ncreated");
    let register = Register::load(&store).unwrap();
    let identified = |uris: &[&str]| {
        register.identify(&theirs.leaf(5, uris), now()).map(|found| found.customer.id.to_string())
    };
    assert_eq!(identified(&["spiffe://partner/other"]).unwrap(), "other");
    assert!(identified(&["spiffe://partner/others"]).is_err());
    assert!(identified(ACME).is_err(), "our names are given by our authority alone");
}

#[test]
fn what_is_wrong_names_its_file() {
    let authority = outsider("ours");
    let leaf = authority.leaf(5, ACME);
    let good = register(&authority, &leaf);
    let problem = |change: &dyn Fn(&mut Memory)| {
        let mut store = good.clone();
        change(&mut store);
        Register::load(&store).unwrap_err().to_string()
    };
    let gone = |name: &'static str| problem(&move |store: &mut Memory| drop(store.files.remove(name)));
    for name in ["register.toml", "ca.pem", "crl.pem"] {
        assert_eq!(gone(name), format!("{name}: is not there"));
    }
    let other = outsider("ours");
    assert!(
        problem(&|store| store.put("crl.pem", &other.crl(1, &[]))).starts_with("crl.pem: is not signed by")
    );
    assert!(problem(&|store| store.put("crl.pem", &other.pem)).starts_with("crl.pem: holds a CERTIFICATE"));
    assert!(problem(&|store| store.put("ca.pem", "nothing")).starts_with("ca.pem: holds no PEM block"));
    assert!(problem(&|store| store.edit("register.toml", "format = 1", "format = 2")).contains("form 2"));
    assert!(
        problem(&|store| store.edit("register.toml", "format", "formatt"))
            .starts_with("register.toml:1: unknown field")
    );
    assert!(
        problem(&|store| store.put("customers/b.toml", &customer("c")))
            .starts_with("customers/b.toml: is the file of")
    );
    let twice =
        |store: &mut Memory| store.put("customers/b.toml", &format!("{}{}", customer("b"), record(&leaf)));
    assert!(problem(&twice).contains("in the file of customer `acme` too"));
    let torn = |store: &mut Memory| store.edit("customers/other.toml", "active\"", "act");
    assert!(problem(&torn).starts_with("customers/other.toml:3: "));
}

#[test]
fn a_bundle_needs_a_list_of_each_authority() {
    let (one, two) = (outsider("one"), outsider("two"));
    let mut store = Memory::default();
    store.put("bundle.pem", &format!("{}{}", one.pem, two.pem));
    store.put("crls/one.crl", &one.crl(7, &[3]));
    store.put("crls/older.crl", &one.crl(6, &[]));
    let load = |store: &Memory| Trust::load(store, "bundle.pem", &[String::from("crls")], now());
    assert_eq!(load(&store).unwrap_err().to_string(), "crls: there is no CRL of `CN=two`");
    store.put("crls/two.crl", &two.crl(1, &[]));
    let trust = load(&store).unwrap();
    assert!(trust.revoked(&one.leaf(3, &[])), "the newest list counts, whatever its file is called");
    assert!(!trust.revoked(&two.leaf(3, &[])), "a list is about its own authority");
    let late = now() + Duration::days(101);
    assert!(Trust::load(&store, "bundle.pem", &[String::from("crls")], late).is_err());
    store.put("crls/two.crl", &outsider("two").crl(1, &[]));
    assert!(load(&store).unwrap_err().to_string().starts_with("crls/two.crl: is not signed by"));
}
