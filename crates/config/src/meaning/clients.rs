//! `[pki]`, `[[authority]]`, `[[host]]`, and what routes say of certificates.

use std::path::PathBuf;

use toml::de::DeTable;

use super::routing::{Ids, Site, host_names};
use crate::{
    Authority, ClientCert, Host, Pki, codes, names,
    written::{Found, Reader, Section},
};

pub(crate) fn pki(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Pki {
    let section = reader.table(root, "pki");
    let dir = reader.path(section, "dir");
    let grace = reader.duration(section, "grace").value;
    let field = reader.text(section, "customer_field");
    if let Some(field) = &field
        && let Err(problem) = own_field(&field.value)
    {
        reader.error(codes::BAD_FIELD, field.span, format!("`pki.customer_field` {problem}"));
    }
    let mut authorities = Vec::new();
    let mut ids = Ids::new("authority");
    for section in reader.tables(root, "authority") {
        let id = ids.read(reader, section);
        let bundle = reader.path(section, "bundle").unwrap_or(Found { value: PathBuf::new(), span: None });
        let crl = reader.path(section, "crl").map(|crl| crl.value).unwrap_or_default();
        if dir.is_none() {
            no_register(reader, Reader::section_span(section), &format!("authority `{id}`"));
        }
        authorities.push(Authority { id, bundle: bundle.value, bundle_span: bundle.span, crl });
    }
    let (dir, dir_span) = dir.map_or((None, None), |dir| (Some(dir.value), dir.span));
    let customer_field = field.map(|field| field.value).unwrap_or_default();
    Pki { dir, dir_span, grace, customer_field, authorities }
}

pub(crate) fn hosts(root: &DeTable<'_>, reader: &mut Reader<'_>, pki: &Pki) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    for section in reader.tables(root, "host") {
        let names = host_names(reader, section, "names");
        if let Some(twice) = names.iter().find(|name| hosts.iter().any(|other| other.names.contains(name))) {
            let message = format!("a second [[host]] for {twice}");
            reader.error(codes::DUPLICATE_HOST, Reader::section_span(section), message);
        }
        let client_cert = client_cert(reader, section).unwrap_or_default();
        if client_cert != ClientCert::Off && pki.dir.is_none() {
            let span = reader.span_of(section, "client_cert");
            no_register(reader, span, "`host.client_cert`");
        }
        hosts.push(Host { names, client_cert });
    }
    hosts
}

/// What a route says. It may ask for more than its hosts do; less than a host requires would be said in vain.
pub(super) fn of_route(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    site: &Site<'_>,
    names: &[String],
) -> Option<ClientCert> {
    let client_cert = client_cert(reader, section)?;
    let span = reader.span_of(section, "client_cert");
    if client_cert != ClientCert::Off && site.pki.dir.is_none() {
        no_register(reader, span, "`route.client_cert`");
    }
    let demanding = names.iter().find(|name| of_host(site.hosts, name) == ClientCert::Required);
    if client_cert != ClientCert::Required
        && let Some(host) = demanding
    {
        let message = format!("this route does not require a certificate, but [[host]] does for {host}");
        let diagnostic = reader.error(codes::CONTRADICTION, span, message);
        diagnostic.help.push(String::from("make the host \"optional\", and \"required\" its other routes"));
    }
    Some(client_cert)
}

pub(super) fn customers(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    site: &Site<'_>,
    client_cert: Option<ClientCert>,
    names: &[String],
) -> Vec<String> {
    let written = customer_ids(section, reader, site.pki, "`route.customers`");
    let span = reader.span_of(section, "customers");
    let asks = |name: &String| of_host(site.hosts, name) != ClientCert::Off;
    let asked = match client_cert {
        Some(own) => own != ClientCert::Off,
        None => !names.is_empty() && names.iter().all(asks),
    };
    if !written.is_empty() && site.pki.dir.is_some() && !asked {
        let message = "this route names customers, but nobody is asked for a certificate here";
        let diagnostic = reader.error(codes::CONTRADICTION, span, message);
        diagnostic.help.push(String::from("add `client_cert = \"required\"`"));
    }
    written
}

/// The `customers` that a table holds for. Which there are only the register knows, and it changes while the edge runs.
pub(super) fn customer_ids(
    section: Section<'_>,
    reader: &mut Reader<'_>,
    pki: &Pki,
    what: &str,
) -> Vec<String> {
    let written = reader.texts(section, "customers");
    for customer in &written {
        if let Err(problem) = names::id(&customer.value) {
            let message = format!("customer `{}` {problem}", customer.value);
            reader.error(codes::BAD_ID, customer.span, message);
        }
    }
    if !written.is_empty() && pki.dir.is_none() {
        let span = reader.span_of(section, "customers");
        no_register(reader, span, what);
    }
    written.into_iter().map(|customer| customer.value).collect()
}

/// An exact name goes before a wildcard.
fn of_host(hosts: &[Host], name: &str) -> ClientCert {
    hosts
        .iter()
        .find(|host| host.names.iter().any(|other| other == name))
        .map_or(ClientCert::Off, |host| host.client_cert)
}

fn client_cert(reader: &mut Reader<'_>, section: Section<'_>) -> Option<ClientCert> {
    Some(match reader.choice(section, "client_cert")?.value {
        "required" => ClientCert::Required,
        "optional" => ClientCert::Optional,
        _ => ClientCert::Off,
    })
}

pub(super) fn no_register(reader: &mut Reader<'_>, span: Option<portcullis_diag::Span>, what: &str) {
    let diagnostic = reader.error(codes::NO_REGISTER, span, format!("{what} needs a register of customers"));
    diagnostic
        .help
        .push(String::from("make one with `portcullis cert init` and name it: [pki] dir = \"pki\""));
}

/// A field that backends read must be one that no client and no proxy sends for other reasons.
fn own_field(name: &str) -> Result<(), &'static str> {
    let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() > 64 || !name.bytes().all(token) {
        return Err("must be a field name in lower case: letters, digits and `-`");
    }
    const TAKEN: [&str; 12] = [
        "host",
        "connection",
        "content-length",
        "content-type",
        "transfer-encoding",
        "te",
        "upgrade",
        "cookie",
        "authorization",
        "accept",
        "expect",
        "client-cert",
    ];
    if TAKEN.contains(&name)
        || name.starts_with("x-forwarded-")
        || name == "client-cert-chain"
        || name == "x-request-id"
    {
        return Err("has a meaning already");
    }
    Ok(())
}
