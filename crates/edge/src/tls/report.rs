//! `portcullis tls report`: a battery of handshakes against a server, and what SSL Labs' rating guide makes of it.
//!
//! One file for each family of questions: `wire` and `client` ask, `suites`, `groups`, `behaviour`, `renegotiation`, `shown` and `answer`
//! know what, `grade` judges. Nothing here is on the way of a request.

mod answer;
mod behaviour;
mod client;
mod grade;
mod groups;
mod local;
mod renegotiation;
mod shown;
mod suites;
mod wire;

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
    time::Duration,
};

use portcullis_diag::{Diagnostic, Sources};
use rustls::{RootCertStore, pki_types::ServerName};

pub use answer::Answer;
pub use behaviour::Behaviour;
pub use grade::{Cap, Grade, Scores, Verdict};
pub use groups::Group;
pub use renegotiation::Renegotiation;
pub use shown::{Link, Shown};
pub use suites::{KeyExchange, Suite};

use self::{
    behaviour::Known,
    client::Terms,
    local::Local,
    shown::Judge,
    wire::{Offer, Reply, SCHEMES, SSL3, Server, TLS10, TLS11, TLS12, TLS13},
};
use crate::{StartError, clock, codes, tls::pem};

/// A version of its own form, that has no number in a ClientHello.
const SSL2: u16 = 0x0002;

/// How long the server may take for each step.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked about.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// Whose TLS settings a listener of our own gets, when `connect` names no server.
    pub config_path: PathBuf,
    /// A running server, `HOST:PORT`.
    pub connect: Option<String>,
    /// Names to ask for. When empty: one of each certificate of the configuration, or the host of `connect`.
    pub names: Vec<String>,
    /// PEM file of authorities that clients know, beside those that this machine knows.
    pub authorities: Option<PathBuf>,
}

/// What was found out about a server.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether the listener was started for the report alone.
    pub is_own: bool,
    /// One for each name, at least one.
    pub sheets: Vec<Sheet>,
}

/// What was found out under one name.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What the server does.
    pub findings: Findings,
    /// What is to be said of it.
    pub verdict: Verdict,
}

/// What a server does under one name.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The name that was asked for; empty when none was.
    pub name: String,
    /// Every version there is, oldest first: its number, and whether it is spoken.
    pub versions: Vec<(u16, bool)>,
    /// Suites of each version that is spoken, in the order in which the server prefers them.
    pub suites: Vec<(u16, Vec<Suite>)>,
    /// Whether the server goes by that order, rather than by the client's.
    pub own_order: bool,
    /// Groups of TLS 1.2 and 1.3.
    pub groups: Vec<(u16, Vec<Group>)>,
    /// Bits of the prime, where Diffie-Hellman is spoken.
    pub prime_bits: Option<usize>,
    /// What else it does.
    pub behaviour: Behaviour,
    /// Chains that it shows.
    pub certificates: Vec<Shown>,
    /// What it answers.
    pub answer: Option<Answer>,
}

impl Report {
    /// The worst of all names.
    #[must_use]
    pub fn grade(&self) -> Grade {
        self.sheets.iter().map(|sheet| sheet.verdict.grade).max().unwrap_or(Grade::F)
    }

    /// Whether clients would trust all that was shown.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.sheets.iter().all(|sheet| sheet.verdict.trust.is_none())
    }
}

impl Findings {
    /// Versions that are spoken, oldest first.
    pub fn spoken(&self) -> impl Iterator<Item = u16> + Clone + '_ {
        self.versions.iter().filter(|(_, spoken)| *spoken).map(|(version, _)| *version)
    }
}

/// `TLSv1.3`
#[must_use]
pub fn version_name(version: u16) -> &'static str {
    match version {
        SSL2 => "SSLv2",
        SSL3 => "SSLv3",
        TLS10 => "TLSv1.0",
        TLS11 => "TLSv1.1",
        TLS12 => "TLSv1.2",
        TLS13 => "TLSv1.3",
        _ => "unknown",
    }
}

/// Asks a server everything, and grades it.
///
/// # Errors
/// The configuration does not hold, or there is no server that speaks TLS.
pub fn tls_report(options: &ReportOptions) -> Result<Report, StartError> {
    let roots = roots(options)?;
    match &options.connect {
        None => {
            let local = Local::start(&options.config_path)?;
            let address = local.address().ok_or_else(|| no_server("no address", &[]))?;
            let names = if options.names.is_empty() { &local.names } else { &options.names };
            let sheets = sheets(address, names, &roots, Asked::Ours)?;
            Ok(Report { address, is_own: true, sheets })
        }
        Some(place) => {
            let address = resolve(place)?;
            let host = place.rsplit_once(':').map_or("", |(host, _)| host).to_owned();
            // An address is no name that can be asked for (RFC 6066, section 3).
            let host = if matches!(ServerName::try_from(host.as_str()), Ok(ServerName::DnsName(_))) {
                host
            } else {
                String::new()
            };
            let names = if options.names.is_empty() { &vec![host] } else { &options.names };
            let sheets = sheets(address, names, &roots, Asked::Theirs)?;
            Ok(Report { address, is_own: false, sheets })
        }
    }
}

/// Whom an answer is asked of.
#[derive(Clone, Copy)]
enum Asked {
    /// An edge of ours, which answers without a backend when it is asked what it serves nobody.
    Ours,
    Theirs,
}

impl Asked {
    fn request(self, name: &str) -> Vec<u8> {
        let method = match self {
            Self::Ours => "TRACE",
            Self::Theirs => "GET",
        };
        let host = if name.is_empty() { "localhost" } else { name };
        format!("{method} / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: portcullis-tls-report\r\nAccept: */*\r\nConnection: close\r\n\r\n")
            .into_bytes()
    }
}

fn sheets(
    address: SocketAddr,
    names: &[String],
    roots: &RootCertStore,
    asked: Asked,
) -> Result<Vec<Sheet>, StartError> {
    let judge = Judge { anchors: &roots.roots, now: clock::unix_time() };
    let one = |name: &String| {
        let server = Server { address, name: name.clone(), patience: PATIENCE };
        let findings = look(&server, &judge, asked)
            .map_err(|error| StartError::machine(format!("cannot connect to {address}"), error))?;
        if findings.spoken().next().is_none() {
            return Err(no_server(&address.to_string(), &[name]));
        }
        let verdict = grade::judge(&findings);
        Ok(Sheet { findings, verdict })
    };
    names.iter().map(one).collect()
}

/// Everything about one name. Each step builds on what the ones before have found.
fn look(server: &Server, judge: &Judge<'_>, asked: Asked) -> io::Result<Findings> {
    let groups = Group::codes();
    let mut found = Findings { name: server.name.clone(), ..Findings::default() };
    found.versions.push((SSL2, server.speaks_ssl2()?));
    for version in [SSL3, TLS10, TLS11, TLS12, TLS13] {
        let suites = suites::accepted(server, version, &groups)?;
        found.versions.push((version, !suites.is_empty()));
        if !suites.is_empty() {
            found.suites.push((version, suites));
        }
    }
    let Some((newest, suites)) = found.suites.last().cloned() else { return Ok(found) };
    found.own_order = suites::prefers_its_own(server, newest, &suites, &groups)?;
    for (version, suites) in &found.suites {
        if *version >= TLS12 {
            let codes: Vec<u16> = suites.iter().map(|suite| suite.code).collect();
            found.groups.push((*version, groups::accepted(server, *version, &codes)?));
        }
    }
    found.prime_bits = prime_bits(server, &found)?;
    let below = found.suites.iter().rev().find(|(version, _)| *version < TLS13);
    let old: Vec<u16> = below.iter().flat_map(|(_, suites)| suites).map(|suite| suite.code).collect();
    let version = below.map_or(TLS13, |(version, _)| *version);
    let offer = Offer { version, suites: &old, groups: &groups, schemes: &SCHEMES, compression: &[0] };
    found.certificates = shown::all(server, judge, &offer)?;
    let request = asked.request(&server.name);
    let versions: Vec<u16> = found.spoken().collect();
    let suites = below.map(|(_, suites)| suites.as_slice()).unwrap_or_default();
    found.behaviour =
        Behaviour::of(server, &Known { versions: &versions, suites, groups: &groups }, &request)?;
    found.answer = answered(server, asked)?;
    Ok(found)
}

/// A host that asks for our certificate has no answer for us; its listener has one for who names no host.
fn answered(server: &Server, asked: Asked) -> io::Result<Option<Answer>> {
    let nameless = Server { name: String::new(), ..server.clone() };
    for server in [server, &nameless] {
        if let Some(mut talk) = Terms::default().talk(server)?
            && let Some(answer) = Answer::read(&talk.ask(&asked.request(&server.name)))
        {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

fn prime_bits(server: &Server, found: &Findings) -> io::Result<Option<usize>> {
    let mut least = None;
    for (version, suites) in &found.suites {
        let finite =
            |suite: &&Suite| matches!(suite.key_exchange(), KeyExchange::Dhe | KeyExchange::AnonymousDh);
        let codes: Vec<u16> = suites.iter().filter(finite).map(|suite| suite.code).collect();
        if codes.is_empty() {
            continue;
        }
        // No group of RFC 7919 is named: so the server shows the prime of its own.
        let offer = Offer {
            version: *version,
            suites: &codes,
            groups: &[29, 23],
            schemes: &SCHEMES,
            compression: &[0],
        };
        if let Reply::Hello(hello) = server.ask(&offer)? {
            least = least.into_iter().chain(hello.prime_bits).min();
        }
    }
    Ok(least)
}

/// Authorities that clients know: those of this machine, and those that are named.
fn roots(options: &ReportOptions) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &options.authorities {
        let mut diagnostics = Vec::new();
        let named = pem::certificates(file, None, &mut diagnostics).unwrap_or_default();
        let (_, ignored) = roots.add_parsable_certificates(named);
        if ignored > 0 {
            let message = format!("{}: {ignored} certificates are no authorities", file.display());
            diagnostics.push(Diagnostic::error(codes::EMPTY_PEM, message));
        }
        if !diagnostics.is_empty() {
            return Err(StartError::Config { sources: Sources::new(), diagnostics });
        }
    }
    Ok(roots)
}

fn resolve(place: &str) -> Result<SocketAddr, StartError> {
    let found = place.to_socket_addrs().map(|mut addresses| addresses.next());
    let found = found.and_then(|first| first.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)));
    found.map_err(|error| StartError::machine(format!("{place} (HOST:PORT)"), error))
}

fn no_server(place: &str, names: &[&String]) -> StartError {
    let name = names.first().map_or("", |name| name.as_str());
    let error = io::Error::other(format!("no version of TLS is spoken there under the name `{name}`"));
    StartError::machine(place, error)
}
