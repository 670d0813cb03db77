//! `[listen]`, `[tls]`, `[hsts]`, `[limits]`, `[server]`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use toml::de::DeTable;

use crate::{
    CertificateFiles, Hsts, Limits, Listen, Tls, codes,
    written::{Found, Reader, Section},
};

pub(crate) fn listen(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Listen {
    let section = reader.table(root, "listen");
    let before = reader.diagnostics.len();
    let https = reader.sockets(section, "https");
    let readable = reader.diagnostics.len() == before;
    let http = reader.sockets(section, "http");
    let admin = reader.socket_or_off(section, "admin");
    if https.is_empty() && readable {
        let span = reader.span_of(section, "https");
        reader.error(codes::NOTHING_TO_SERVE, span, "`listen.https` needs at least one address");
    }
    one_listener_each(reader, https.iter().chain(&http).chain(&admin));
    admin_stays_home(reader, section, admin.as_ref());
    let public = reader.count(section, "public_https_port").map(|port| port.value);
    let first = https.first().map_or(443, |address| address.value.port());
    Listen {
        https: https.into_iter().map(|address| address.value).collect(),
        http: http.into_iter().map(|address| address.value).collect(),
        public_https_port: public.unwrap_or(first),
        admin: admin.map(|address| address.value),
    }
}

pub(crate) fn tls(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Tls {
    let section = reader.table(root, "tls");
    let mut certificates = vec![certificate_files(section, reader)];
    let min_version = reader.choice(section, "min_version");
    for section in reader.tables(root, "certificate") {
        certificates.push(certificate_files(section, reader));
    }
    Tls { certificates, allow_tls12: min_version.is_some_and(|version| version.value == "1.2") }
}

fn certificate_files(section: Section<'_>, reader: &mut Reader<'_>) -> CertificateFiles {
    let nowhere = Found { value: PathBuf::new(), span: None };
    let certificate = reader.path(section, "certificate").unwrap_or_else(|| nowhere.clone());
    let key = reader.path(section, "key").unwrap_or(nowhere);
    CertificateFiles {
        certificate: certificate.value,
        key: key.value,
        certificate_span: certificate.span,
        key_span: key.span,
    }
}

pub(crate) fn hsts(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Hsts {
    let section = reader.table(root, "hsts");
    let max_age = reader.duration(section, "max_age");
    let include_subdomains = reader.flag(section, "include_subdomains");
    let preload = reader.flag(section, "preload");
    // What hstspreload.org asks; with less, `preload` is a promise that no list takes up.
    if preload && !(include_subdomains && max_age.value >= Duration::from_secs(365 * 86_400)) {
        let span = reader.span_of(section, "preload");
        let message = "`hsts.preload` needs `include_subdomains = true` and a `max_age` of \"365d\" or more";
        reader.error(codes::CONTRADICTION, span, message);
    }
    Hsts { max_age: max_age.value, include_subdomains, preload }
}

pub(crate) fn limits(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Limits {
    let section = reader.table(root, "limits");
    let mut size = |name: &str| {
        let size = reader.size(section, name);
        size.unwrap_or(Found { value: 0, span: None })
    };
    let head = size("head_bytes");
    let line = size("header_line_bytes");
    let target = size("target_bytes");
    let body = size("body_bytes");
    let buffered = size("buffered_bytes");
    let (body_rate, answer_rate) = (size("body_rate"), size("answer_rate"));
    let pairs = [
        ("header_line_bytes", &line, "head_bytes", &head),
        ("target_bytes", &target, "head_bytes", &head),
        ("body_bytes", &body, "buffered_bytes", &buffered),
    ];
    for (small, small_size, large, large_size) in pairs {
        let span = small_size.span.or(large_size.span);
        if small_size.value > large_size.value && large_size.value > 0 {
            let message =
                format!("`limits.{small}` is larger than `limits.{large}`, which it can never reach");
            reader.error(codes::CONTRADICTION, span, message);
        }
    }
    let connections: usize = count(reader, section, "connections");
    // The default is never in the way of a smaller `connections`.
    let per_address = reader.count::<usize>(section, "connections_per_address");
    if let Some(Found { value, span: span @ Some(_) }) = &per_address
        && *value > connections
        && connections > 0
    {
        let message =
            "`limits.connections_per_address` is larger than `limits.connections`, which it can never reach";
        reader.error(codes::CONTRADICTION, *span, message);
    }
    let per_address = per_address.map_or(connections, |count| count.value.min(connections));
    let (body_timeout, body_grace) =
        (reader.duration(section, "body_timeout"), reader.duration(section, "body_grace"));
    if body_grace.span.is_some()
        && body_grace.value > body_timeout.value
        && body_timeout.value > Duration::ZERO
    {
        let span = body_grace.span;
        let message = "`limits.body_grace` is longer than `limits.body_timeout`, so that `body_rate` is never asked for";
        reader.error(codes::CONTRADICTION, span, message);
    }
    Limits {
        connections,
        connections_per_address: per_address,
        handshake_timeout: reader.duration(section, "handshake_timeout").value,
        head_timeout: reader.duration(section, "head_timeout").value,
        idle_timeout: reader.duration(section, "idle_timeout").value,
        body_timeout: body_timeout.value,
        body_rate: body_rate.value,
        body_grace: body_grace.value,
        write_timeout: reader.duration(section, "write_timeout").value,
        answer_rate: answer_rate.value,
        answer_timeout: reader.duration(section, "answer_timeout").value,
        requests_per_connection: count(reader, section, "requests_per_connection"),
        head_bytes: head.value,
        header_fields: count(reader, section, "header_fields"),
        header_line_bytes: line.value,
        target_bytes: target.value,
        body_bytes: body.value,
        buffered_bytes: buffered.value,
        queue_time: reader.duration(section, "queue_time").value,
        h2_streams: count(reader, section, "h2_streams"),
        h2_resets: count(reader, section, "h2_resets"),
        h2_control_frames: count(reader, section, "h2_control_frames"),
    }
}

/// Worker threads and the time for a drain.
pub(crate) fn server(root: &DeTable<'_>, reader: &mut Reader<'_>) -> (usize, Duration) {
    let section = reader.table(root, "server");
    let threads = match count(reader, section, "threads") {
        0 => reader.surroundings.processors.max(1),
        threads => threads,
    };
    (threads, reader.duration(section, "drain_timeout").value)
}

fn count<T: TryFrom<u64> + Default>(reader: &mut Reader<'_>, section: Section<'_>, name: &str) -> T {
    reader.count(section, name).map(|count| count.value).unwrap_or_default()
}

fn one_listener_each<'f>(reader: &mut Reader<'_>, addresses: impl Iterator<Item = &'f Found<SocketAddr>>) {
    let mut taken: Vec<&Found<SocketAddr>> = Vec::new();
    for address in addresses {
        if let Some(first) = taken.iter().find(|taken| taken.value == address.value) {
            let place = address.span.or(first.span);
            let message = format!("two listeners on {}", address.value);
            let diagnostic = reader.error(codes::DUPLICATE_ADDRESS, place, message);
            match (address.span, first.span) {
                (Some(_), Some(first)) => {
                    let text = String::from("the other one");
                    diagnostic.labels.push(portcullis_diag::Label { span: first, text });
                }
                (Some(_), None) | (None, Some(_)) => {
                    diagnostic.help.push(String::from(
                        "the other one is a default of [listen]; give it another port or switch it off",
                    ));
                }
                (None, None) => {}
            }
        }
        taken.push(address);
    }
}

/// Metrics tell routes, backends and attack patterns: they leave the machine only when somebody says so.
fn admin_stays_home(reader: &mut Reader<'_>, section: Section<'_>, admin: Option<&Found<SocketAddr>>) {
    let public = reader.flag(section, "admin_public");
    match admin {
        Some(address) if !address.value.ip().is_loopback() && !public => {
            let message =
                format!("`listen.admin` offers metrics on {}, which is not loopback", address.value);
            reader.error(codes::ADMIN_PUBLIC, address.span, message).help.push(String::from(
                "use 127.0.0.1, or add `admin_public = true` if the network is closed to strangers",
            ));
        }
        Some(address) if !address.value.ip().is_loopback() => {}
        _ if public => {
            let span = reader.span_of(section, "admin_public");
            reader.warning(
                codes::NO_EFFECT,
                span,
                "`listen.admin_public` has no effect: `admin` is not public",
            );
        }
        _ => {}
    }
}
