//! A customer as its file `customers/ID.toml` tells it.
//!
//! The file is written by `portcullis customer` and `portcullis cert` and may be read, and between commands edited, by hand. An unknown
//! key, a wrong value and a file under another customer's name are errors with their line.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{
    CustomerId, Fault, Serial,
    moment::{serde_moment, serde_span},
};

/// A customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// Its id, the name of its file too.
    pub id: CustomerId,
    /// Its name for humans. Empty once it is offboarded.
    pub name: String,
    /// Whether it is served.
    pub state: State,
    /// When it was added.
    #[serde(with = "serde_moment")]
    pub created: OffsetDateTime,
    /// When it was offboarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offboarded: Option<Moment>,
    /// Refused without its certificate, also where one is optional.
    #[serde(default)]
    pub mtls_only: bool,
    /// Where it may come from; empty is anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Network>,
    /// URIs or DNS names in certificates of external authorities that stand for this customer. Those of the register's own
    /// authority name it by `urn:portcullis:customer:ID`, which is not listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<String>,
    /// How fast it may ask; nothing is as fast as everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// What the rule engine does otherwise for it.
    #[serde(default, skip_serializing_if = "Overlay::is_empty")]
    pub waf: Overlay,
    /// All its certificates, oldest first.
    #[serde(default, rename = "certificate", skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateRecord>,
}

/// Whether a customer is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is.
    Active,
    /// Not for now: its certificates stay as they are and are refused.
    Suspended,
    /// Not any more: its certificates are revoked and its data is gone.
    Offboarded,
}

impl State {
    /// As in a file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Offboarded => "offboarded",
        }
    }
}

/// A moment, where it may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(#[serde(with = "serde_moment")] pub OffsetDateTime);

/// Addresses with one prefix. An address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(pub IpNet);

impl Network {
    /// From text.
    ///
    /// # Errors
    /// What is wrong, with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let net =
            parsed.map_err(|_| format!("`{text}` is no network; write 203.0.113.0/24 or 2001:db8::/32"))?;
        // A client is never seen under such an address, so it would let in nobody.
        if net.addr() != net.addr().to_canonical() {
            let address = net.addr().to_canonical();
            let length = net.prefix_len().saturating_sub(96);
            return Err(format!("`{text}` stands for IPv4; write {address}/{length}"));
        }
        if net.trunc() != net {
            return Err(format!("`{text}` has bits after its prefix; write {}", net.trunc()));
        }
        Ok(Self(net))
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

/// So many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests, at least one.
    pub requests: u32,
    /// The time they are for, at least a second.
    #[serde(with = "serde_span")]
    pub per: Duration,
    /// How many may come at once; as many as `requests` unless set. They must be earned back in a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

impl Rate {
    /// Time in which a whole burst is earned back, to the second.
    #[must_use]
    pub fn window(&self) -> Duration {
        let burst = i128::from(self.burst.unwrap_or(self.requests));
        let seconds = i128::from(self.per.whole_seconds()) * burst / i128::from(self.requests.max(1));
        Duration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

/// What the rule engine does otherwise. What is absent is as the route says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// `block`, `detect` or `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Paranoia level whose rules block, 1 to 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paranoia: Option<u8>,
    /// Paranoia level whose rules are recorded, 1 to 4, not below `paranoia`. Where the route's blocks at a higher level, that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection_paranoia: Option<u8>,
    /// Anomaly score at which a request is refused, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_threshold: Option<u32>,
    /// Anomaly score at which an answer is refused, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_threshold: Option<u32>,
    /// Rules, or targets of rules, that are left out.
    #[serde(default, rename = "exclusion", skip_serializing_if = "Vec::is_empty")]
    pub exclusions: Vec<Exclusion>,
}

impl Overlay {
    /// Whether nothing is otherwise.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What the engine does with a request that it finds fault with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Refuses it.
    Block,
    /// Records it.
    Detect,
    /// It does not look.
    Off,
}

/// Rules that are left out, or targets of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Ids of rules, at least one. A rule that the edge does not have refuses the customer's requests.
    pub rules: Vec<u64>,
    /// Targets in SecLang's words (`ARGS:comment`); without any the whole rule is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// When it ends.
    #[serde(with = "serde_moment")]
    pub expires: OffsetDateTime,
}

/// A certificate that the register's authority issued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateRecord {
    /// Its serial number.
    pub serial: Serial,
    /// The URI that names the customer.
    pub identity: String,
    /// The environment it is for.
    pub environment: String,
    /// First moment it holds.
    #[serde(with = "serde_moment")]
    pub not_before: OffsetDateTime,
    /// Last moment it holds.
    #[serde(with = "serde_moment")]
    pub not_after: OffsetDateTime,
    /// SHA-256 of the certificate (DER), lower-case hexadecimal.
    pub sha256: String,
    /// `subjectKeyIdentifier` of the authority that signed it, lower-case hexadecimal.
    pub authority: String,
    /// Who made its key.
    pub key: KeyOrigin,
    /// SHA-256 of its `subjectPublicKeyInfo` (DER), lower-case hexadecimal.
    #[serde(default)]
    pub key_sha256: String,
    /// When it was issued.
    #[serde(with = "serde_moment")]
    pub issued: OffsetDateTime,
    /// The last reminder that it ends soon, in days before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded: Option<u16>,
    /// When and why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Revocation>,
}

impl CertificateRecord {
    /// Whether it holds at this moment, or will, and is not revoked.
    #[must_use]
    pub fn live(&self, now: OffsetDateTime) -> bool {
        self.revocation.is_none() && now <= self.not_after
    }
}

/// Who made a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyOrigin {
    /// The customer, who sent a request for a certificate (RFC 2986).
    Customer,
    /// `portcullis cert issue`, which handed it over and kept no copy.
    Here,
}

impl KeyOrigin {
    /// As in a file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Here => "here",
        }
    }
}

/// When and why a certificate was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// When.
    #[serde(with = "serde_moment")]
    pub at: OffsetDateTime,
    /// Why.
    pub reason: Reason,
}

/// Why a certificate was revoked (RFC 5280, section 5.3.1), as far as it fits a customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// Not said.
    Unspecified,
    /// Somebody else has the key, or may have.
    KeyCompromise,
    /// The customer's name or standing changed.
    AffiliationChanged,
    /// Another certificate took its place.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
    /// What it allowed is taken back.
    PrivilegeWithdrawn,
}

impl Reason {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// In the RFC's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
        }
    }
}

impl Customer {
    /// A customer that is served like everybody.
    #[must_use]
    pub fn new(id: CustomerId, name: &str, created: OffsetDateTime) -> Self {
        Self {
            id,
            name: name.to_owned(),
            state: State::Active,
            created,
            offboarded: None,
            mtls_only: false,
            allow: Vec::new(),
            identities: Vec::new(),
            rate: None,
            waf: Overlay::default(),
            certificates: Vec::new(),
        }
    }

    /// Reads a customer's file.
    ///
    /// # Errors
    /// What is wrong, with the line.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, Fault> {
        let customer: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            Fault::new(file, error.message().to_owned()).line(line).remedy(REMEDY)
        })?;
        customer.problem().map_or(Ok(customer), |problem| Err(Fault::new(file, problem).remedy(REMEDY)))
    }

    /// As a file.
    ///
    /// # Errors
    /// It breaks a rule that [`Self::from_toml`] would refuse it for, or holds what TOML cannot.
    pub fn to_toml(&self) -> Result<String, String> {
        if let Some(problem) = self.problem() {
            return Err(problem);
        }
        let text = toml::to_string(self).map_err(|error| error.to_string())?;
        Ok(format!("{HEAD}{text}"))
    }

    /// What no single value shows.
    fn problem(&self) -> Option<String> {
        let Self { name, allow, identities, certificates, .. } = self;
        let clear = |text: &str| text.len() <= 256 && !text.chars().any(char::is_control);
        if !clear(name) || (name.is_empty() && self.state != State::Offboarded) {
            return Some(String::from("`name` must have 1 to 256 characters on one line"));
        }
        if allow.len() > 10_000 || identities.len() > 100 || certificates.len() > 10_000 {
            return Some(String::from("more than 10000 networks, 100 identities or 10000 certificates"));
        }
        if let Some(bad) = identities.iter().find(|identity| identity.is_empty() || !clear(identity)) {
            return Some(format!("identity `{bad}` must be a URI or a DNS name of at most 256 characters"));
        }
        if identities.iter().any(|identity| identity.starts_with("urn:portcullis:")) {
            return Some(String::from(
                "`identities` are for external authorities; `urn:portcullis:` names are given by this register",
            ));
        }
        if let Some(rate) = self.rate
            && (rate.requests == 0 || rate.burst == Some(0) || rate.per < Duration::SECOND)
        {
            return Some(String::from("`rate` needs at least one request, a burst of one and a second"));
        }
        if self.rate.is_some_and(|rate| rate.window() > LONGEST_WINDOW) {
            return Some(String::from(
                "`rate` needs more than a year to earn its burst back: less burst, or a shorter time",
            ));
        }
        self.waf.problem()
    }
}

impl Overlay {
    fn problem(&self) -> Option<String> {
        let level = |level: Option<u8>| level.is_none_or(|level| (1..=4).contains(&level));
        if !level(self.paranoia) || !level(self.detection_paranoia) {
            return Some(String::from("a paranoia level is 1, 2, 3 or 4"));
        }
        if let (Some(blocking), Some(detecting)) = (self.paranoia, self.detection_paranoia)
            && detecting < blocking
        {
            return Some(String::from("`detection_paranoia` is below `paranoia`"));
        }
        if self.inbound_threshold == Some(0) || self.outbound_threshold == Some(0) {
            return Some(String::from("a threshold of 0 would refuse everything; 1 is the least"));
        }
        let bad = |exclusion: &Exclusion| {
            exclusion.rules.is_empty()
                || exclusion.reason.trim().is_empty()
                || exclusion.owner.trim().is_empty()
        };
        if self.exclusions.len() > MOST_EXCLUSIONS {
            return Some(format!("more than {MOST_EXCLUSIONS} exclusions"));
        }
        self.exclusions
            .iter()
            .any(bad)
            .then(|| String::from("an exclusion needs `rules`, a `reason` and an `owner`"))
    }
}

/// Exclusions of one customer: each is looked at for every request of it.
const MOST_EXCLUSIONS: usize = 200;

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// Longest time in which a burst may be earned back.
const LONGEST_WINDOW: Duration = Duration::days(366);

const HEAD: &str =
    "# Kept by `portcullis customer` and `portcullis cert`; the edge sees a change within a second.\n";

const REMEDY: &str =
    "mend the file, or set it back from a backup; nothing is served from a register that cannot be read";

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"
id = "acme"
name = "Acme Ltd"
state = "active"
created = "2026-11-24T09:00:00Z"
mtls_only = true
allow = ["203.0.113.0/24", "2001:db8::/32"]
identities = ["spiffe://partner/acme"]

[rate]
requests = 600
per = "1m"
burst = 50

[waf]
mode = "detect"
paranoia = 2
inbound_threshold = 10

[[waf.exclusion]]
rules = [942100, 942110]
targets = ["ARGS:comment"]
reason = "prose"
owner = "api team"
expires = "2027-01-01T00:00:00Z"

[[certificate]]
serial = "0abc"
identity = "urn:portcullis:customer:acme"
environment = "production"
not_before = "2026-11-24T08:00:00Z"
not_after = "2027-02-22T09:00:00Z"
sha256 = "00"
authority = "01"
key = "customer"
key_sha256 = "02"
issued = "2026-11-24T09:00:00Z"
revocation = { at = "2026-12-01T00:00:00Z", reason = "keyCompromise" }
"#;

    #[test]
    fn what_is_written_is_what_was_read() {
        let customer = Customer::from_toml("acme.toml", FULL).unwrap();
        assert_eq!(customer.certificates[0].revocation.unwrap().reason, Reason::KeyCompromise);
        let again = Customer::from_toml("acme.toml", &customer.to_toml().unwrap()).unwrap();
        assert_eq!(again, customer);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let fault = |from: &str, to: &str| {
            let text = FULL.replacen(from, to, 1);
            assert_ne!(text, FULL);
            Customer::from_toml("acme.toml", &text).unwrap_err().to_string()
        };
        assert!(fault("mtls_only", "mtls_onyl").starts_with("acme.toml:6: unknown field `mtls_onyl`"));
        assert!(fault("\"active\"", "\"gone\"").starts_with("acme.toml:4: "));
        assert!(fault("203.0.113.0/24", "203.0.113.1/24").contains("acme.toml:7: `203.0.113.1/24` has bits"));
        assert!(fault("id = \"acme\"", "id = \"../x\"").starts_with("acme.toml:2: "));
        assert!(fault("per = \"1m\"", "per = \"1\"").starts_with("acme.toml:12: "));
        assert!(fault("requests = 600", "requests = 0").contains("`rate`"));
        assert!(fault("per = \"1m\"", "per = \"9000d\"").contains("more than a year"));
        assert!(fault("203.0.113.0/24", "::ffff:203.0.113.0/120").contains("write 203.0.113.0/24"));
        assert!(fault("paranoia = 2", "paranoia = 5").contains("paranoia"));
        assert!(fault("\"prose\"", "\" \"").contains("`reason`"));
        assert!(fault("spiffe://partner/acme", "urn:portcullis:customer:b").contains("identities"));
        assert!(fault("\"keyCompromise\"", "\"lost\"").starts_with("acme.toml:"));
    }
}
