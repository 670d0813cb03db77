//! From what is written to what it means: one function for each table, and the checks that look at several keys.

mod admission;
mod clients;
mod edge;
mod rates;
mod routing;
mod rules;

use portcullis_diag::Diagnostic;
use toml::de::DeTable;

use crate::{Config, codes, written::Reader};

/// Reads the whole tree. The configuration is to be used only if the reader noted no error.
pub(crate) fn config(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Config {
    let top = reader.top(root);
    let environment = reader.text(top, "environment");
    if let Some(label) = &environment
        && let Err(problem) = crate::names::id(&label.value)
    {
        reader.error(codes::BAD_ID, label.span, format!("`environment` {problem}"));
    }
    let limits = edge::limits(root, reader);
    let waf = rules::waf(root, reader);
    let upstreams = routing::upstreams(root, reader);
    let pki = clients::pki(root, reader);
    let hosts = clients::hosts(root, reader, &pki);
    let address_lists = admission::address_lists(root, reader);
    let site = routing::Site {
        upstreams: &upstreams,
        lists: &address_lists,
        waf: &waf,
        limits: &limits,
        pki: &pki,
        hosts: &hosts,
    };
    let routes = routing::routes(root, reader, &site);
    let access = admission::access(reader.table(root, "access"), reader, &address_lists);
    admission::lists_are_used(root, reader, &address_lists, &access, &routes);
    let break_glass = admission::break_glass(root, reader, &routes, &pki);
    let rate_limits = rates::rate_limits(root, reader, &routes, &pki);
    let (threads, drain_timeout) = edge::server(root, reader);
    Config {
        environment: environment.map(|label| label.value).unwrap_or_default(),
        listen: edge::listen(root, reader),
        tls: edge::tls(root, reader),
        pki,
        hosts,
        hsts: edge::hsts(root, reader),
        limits,
        client: admission::client(root, reader),
        break_glass,
        rate_limits,
        access,
        address_lists,
        rule_exclusions: rules::exclusions(root, reader, &routes),
        waf,
        log: rules::log(root, reader),
        upstreams,
        routes,
        drain_timeout,
        threads,
    }
}

/// In reading order; those without a place come last.
pub(crate) fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.map_or(u32::MAX, |span| span.start));
}
