//! `[[upstream]]` and `[[route]]`, and the order in which routes are tried.

use portcullis_diag::{Label, Span, closest};
use toml::de::DeTable;

use super::{admission, clients, rules};
use crate::{
    AddressList, Host, Limits, Pki, Route, Transport, Upstream, UpstreamHttp, Waf, codes, names,
    written::{Found, Reader, Section},
};

pub(crate) fn upstreams(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Vec<Upstream> {
    let mut upstreams = Vec::new();
    let mut ids = Ids::new("upstream");
    for section in reader.tables(root, "upstream") {
        let id = ids.read(reader, section);
        let servers = servers(reader, section);
        let transport = transport(reader, section, &id);
        let mut time = |name: &str| reader.duration(section, name).value;
        upstreams.push(Upstream {
            id,
            servers,
            transport,
            connect_timeout: time("connect_timeout"),
            read_timeout: time("read_timeout"),
            write_timeout: time("write_timeout"),
            idle_timeout: time("idle_timeout"),
            http: http(reader, section),
        });
    }
    if upstreams.is_empty() && !root.contains_key("upstream") {
        reader
            .error(codes::NOTHING_TO_SERVE, None, "no upstream: there is no backend to forward to")
            .help
            .push(String::from("add [[upstream]] with `id`, `servers` and `tls = { ca = \"..\" }`"));
    }
    upstreams
}

/// What routes refer to.
pub(crate) struct Site<'a> {
    pub(crate) upstreams: &'a [Upstream],
    pub(crate) lists: &'a [AddressList],
    pub(crate) waf: &'a Waf,
    pub(crate) limits: &'a Limits,
    pub(crate) pki: &'a Pki,
    pub(crate) hosts: &'a [Host],
}

pub(crate) fn routes(root: &DeTable<'_>, reader: &mut Reader<'_>, site: &Site<'_>) -> Vec<Route> {
    let Site { upstreams, lists, waf, limits, .. } = *site;
    let mut routes = Vec::new();
    let mut ids = Ids::new("route");
    let mut seen: Vec<(String, String, Option<Span>)> = Vec::new();
    for section in reader.tables(root, "route") {
        let id = ids.read(reader, section);
        let hosts = hosts(reader, section);
        let path_prefix = path_prefix(reader, section);
        one_route_each(reader, section, &hosts, &path_prefix, &mut seen);
        let upstream = target(reader, section, upstreams);
        let client_cert = clients::of_route(reader, section, site, &hosts);
        let customers = clients::customers(reader, section, site, client_cert, &hosts);
        let policy = rules::policy(reader, section, waf);
        let body_limit = body_limit(reader, section, limits);
        let access = admission::access(section, reader, lists);
        let route = Route {
            id,
            hosts: Vec::new(),
            path_prefix,
            upstream,
            client_cert,
            customers,
            waf: policy,
            access,
            body_bytes: body_limit,
        };
        routes.extend(by_kind_of_host(&route, hosts));
    }
    if routes.is_empty() && !root.contains_key("route") {
        reader
            .error(codes::NOTHING_TO_SERVE, None, "no route: every request would be refused")
            .help
            .push(String::from("add [[route]] with `id` and `upstream`"));
    }
    let all_lead = routes.iter().all(|route| upstreams.iter().any(|upstream| upstream.id == route.upstream));
    for upstream in upstreams.iter().filter(|upstream| all_lead && !upstream.id.is_empty()) {
        if !routes.iter().any(|route| route.upstream == upstream.id) {
            let span = ids_span(root, reader, &upstream.id);
            let message = format!("no route leads to upstream `{}`", upstream.id);
            reader.warning(codes::UNUSED_UPSTREAM, span, message);
        }
    }
    routes.sort_by_key(precedence);
    routes
}

/// Exact hosts, then wildcards, then any; longer prefixes first. Stable: what is equal stays in the order of the file.
fn precedence(route: &Route) -> (u8, std::cmp::Reverse<usize>) {
    let host = match route.hosts.first() {
        Some(host) if host.starts_with("*.") => 1,
        Some(_) => 0,
        None => 2,
    };
    (host, std::cmp::Reverse(route.path_prefix.len()))
}

/// A route with both exact and wildcard hosts takes two places in the order.
fn by_kind_of_host(route: &Route, hosts: Vec<String>) -> Vec<Route> {
    let (wild, exact): (Vec<String>, Vec<String>) =
        hosts.into_iter().partition(|host| host.starts_with("*."));
    if wild.is_empty() || exact.is_empty() {
        let hosts = if wild.is_empty() { exact } else { wild };
        return vec![Route { hosts, ..route.clone() }];
    }
    vec![Route { hosts: exact, ..route.clone() }, Route { hosts: wild, ..route.clone() }]
}

fn servers(reader: &mut Reader<'_>, section: Section<'_>) -> Vec<String> {
    let known = reader.span_of(section, "servers").is_some();
    let before = reader.diagnostics.len();
    let written = reader.texts(section, "servers");
    if written.is_empty() && known && reader.diagnostics.len() == before {
        let span = reader.span_of(section, "servers");
        reader.error(codes::EMPTY, span, "`upstream.servers` needs at least one \"host:port\"");
    }
    let mut servers: Vec<String> = Vec::new();
    for server in written {
        if let Err(problem) = names::server(&server.value) {
            let message = format!("server `{}` {problem}", server.value);
            reader.error(codes::BAD_ADDRESS, server.span, message);
        } else if servers.contains(&server.value) {
            let message = format!("server `{}` is listed twice", server.value);
            reader.error(codes::DUPLICATE_ADDRESS, server.span, message);
        }
        servers.push(server.value);
    }
    servers
}

fn transport(reader: &mut Reader<'_>, section: Section<'_>, id: &str) -> Transport {
    let tls = reader.inline(section, "tls");
    let written = reader.span_of(section, "tls");
    let plaintext = reader.flag(section, "allow_plaintext");
    let plaintext_span = reader.span_of(section, "allow_plaintext");
    if written.is_some() && plaintext {
        let message = format!("upstream `{id}` has both `tls` and `allow_plaintext = true`");
        let diagnostic = reader.error(codes::TRANSPORT_CONFLICT, plaintext_span, message);
        diagnostic.labels.extend(written.map(|span| Label { span, text: String::from("asks for TLS") }));
        diagnostic.help.push(String::from("leave one of them out"));
    }
    if written.is_none() && !plaintext {
        let message = format!("upstream `{id}` does not say how to speak to it");
        let diagnostic = reader.error(codes::TRANSPORT_MISSING, Reader::section_span(section), message);
        diagnostic
            .help
            .push(String::from("add `tls = { ca = \"ca.pem\" }`; its certificate is always verified"));
        diagnostic
            .help
            .push(String::from("or `allow_plaintext = true`, if the network between is nobody else's"));
    }
    if plaintext && written.is_none() {
        let message = format!("requests to upstream `{id}` are sent without TLS");
        reader.warning(codes::PLAINTEXT, plaintext_span, message);
    }
    let Some(tls) = tls else { return Transport::Plaintext };
    let name = reader.text(tls, "name");
    if let Some(name) = &name
        && let Err(problem) = names::certificate_name(&name.value)
    {
        reader.error(codes::BAD_HOST, name.span, format!("certificate name `{}` {problem}", name.value));
    }
    match reader.path(tls, "ca") {
        Some(ca) => Transport::Tls { ca: ca.value, ca_span: ca.span, name: name.map(|name| name.value) },
        None => Transport::Plaintext,
    }
}

fn http(reader: &mut Reader<'_>, section: Section<'_>) -> UpstreamHttp {
    match reader.choice(section, "http").map(|version| version.value) {
        Some("2") => UpstreamHttp::Http2,
        Some("auto") => UpstreamHttp::Auto,
        _ => UpstreamHttp::Http1,
    }
}

fn hosts(reader: &mut Reader<'_>, section: Section<'_>) -> Vec<String> {
    host_names(reader, section, "hosts")
}

pub(super) fn host_names(reader: &mut Reader<'_>, section: Section<'_>, key: &str) -> Vec<String> {
    let mut hosts = Vec::new();
    for host in reader.texts(section, key) {
        if let Err(problem) = names::host(&host.value) {
            let lower = host.value.to_ascii_lowercase();
            let message = format!("host `{}` {problem}", host.value);
            let diagnostic = reader.error(codes::BAD_HOST, host.span, message);
            if names::host(&lower).is_ok() {
                diagnostic.help.push(format!("write \"{lower}\""));
            } else if host.value == "*" {
                diagnostic.help.push(String::from("leave `hosts` out to fit any host"));
            }
        }
        hosts.push(names::comparable(host.value));
    }
    hosts
}

fn path_prefix(reader: &mut Reader<'_>, section: Section<'_>) -> String {
    let prefix = reader.text(section, "path_prefix");
    let prefix = prefix.unwrap_or(Found { value: String::from("/"), span: None });
    if let Err(problem) = names::path_prefix(&prefix.value) {
        let message = format!("path prefix `{}` {problem}", prefix.value);
        reader.error(codes::BAD_PATH_PREFIX, prefix.span, message);
    }
    prefix.value
}

fn target(reader: &mut Reader<'_>, section: Section<'_>, upstreams: &[Upstream]) -> String {
    let Some(upstream) = reader.text(section, "upstream") else { return String::new() };
    // An upstream that could not be read may be the one that is meant.
    let all_read = !upstreams.is_empty() && upstreams.iter().all(|known| !known.id.is_empty());
    if all_read && !upstreams.iter().any(|known| known.id == upstream.value) {
        let near = closest(&upstream.value, upstreams.iter().map(|known| known.id.as_str()));
        let message = format!("no upstream has the id `{}`", upstream.value);
        let diagnostic = reader.error(codes::UNKNOWN_UPSTREAM, upstream.span, message);
        diagnostic.help.extend(near.map(|near| format!("did you mean \"{near}\"?")));
    }
    upstream.value
}

fn body_limit(reader: &mut Reader<'_>, section: Section<'_>, limits: &Limits) -> usize {
    let Some(limit) = reader.size(section, "body_limit") else { return limits.body_bytes };
    if limit.value > limits.buffered_bytes && limits.buffered_bytes > 0 {
        let message = "`route.body_limit` is larger than `limits.buffered_bytes`, which it can never reach";
        reader.error(codes::CONTRADICTION, limit.span, message);
    }
    limit.value
}

/// Two routes for one host and one prefix: the second would never get a request.
fn one_route_each(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    hosts: &[String],
    prefix: &str,
    seen: &mut Vec<(String, String, Option<Span>)>,
) {
    let span = Reader::section_span(section);
    let any = [String::from("any host")];
    for host in if hosts.is_empty() { &any } else { hosts } {
        let first = seen.iter().find(|(other, path, _)| other == host && path == prefix).map(|found| found.2);
        if let Some(first) = first {
            let message = format!("a second route for {host} and `{prefix}`: it would never get a request");
            let diagnostic = reader.error(codes::DUPLICATE_ROUTE, span, message);
            diagnostic.labels.extend(first.map(|span| Label { span, text: String::from("the first one") }));
        }
        seen.push((host.clone(), prefix.to_owned(), span));
    }
}

fn ids_span(root: &DeTable<'_>, reader: &Reader<'_>, id: &str) -> Option<Span> {
    let upstreams = root.get("upstream")?.get_ref().as_array()?;
    let ids = upstreams.iter().filter_map(|upstream| upstream.get_ref().get("id"));
    ids.into_iter()
        .find(|written| written.get_ref().as_str() == Some(id))
        .map(|written| reader.span(written.span()))
}

/// Ids given so far, to find the second of a kind.
pub(crate) struct Ids {
    table: &'static str,
    taken: Vec<Found<String>>,
}

impl Ids {
    pub(crate) fn new(table: &'static str) -> Self {
        Self { table, taken: Vec::new() }
    }

    pub(crate) fn read(&mut self, reader: &mut Reader<'_>, section: Section<'_>) -> String {
        let Some(id) = reader.text(section, "id") else { return String::new() };
        let table = self.table;
        if let Err(problem) = names::id(&id.value) {
            reader.error(codes::BAD_ID, id.span, format!("`{table}.id` {problem}"));
        }
        if let Some(first) = self.taken.iter().find(|taken| taken.value == id.value) {
            let message = format!("two of [[{table}]] have the id `{}`", id.value);
            let diagnostic = reader.error(codes::DUPLICATE_ID, id.span, message);
            diagnostic
                .labels
                .extend(first.span.map(|span| Label { span, text: String::from("the first one") }));
        }
        self.taken.push(id.clone());
        id.value
    }
}
