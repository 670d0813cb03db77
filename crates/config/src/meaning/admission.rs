//! `[client]`, `[access]`, `[[address_list]]`, `[[break_glass]]`: who may come in, and how that is known.

use portcullis_diag::closest;
use toml::de::DeTable;

use super::{clients, routing::Ids};
use crate::{
    Access, AddressList, BreakGlass, Client, ForwardedField, Pki, Route, codes,
    written::{Found, Reader, Section},
};

pub(crate) fn client(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Client {
    let section = reader.table(root, "client");
    let proxy_protocol_from = reader.prefixes(section, "proxy_protocol_from");
    let trusted_proxies = reader.prefixes(section, "trusted_proxies");
    for (name, prefixes) in
        [("proxy_protocol_from", &proxy_protocol_from), ("trusted_proxies", &trusted_proxies)]
    {
        if let Some(all) = prefixes.iter().find(|prefix| prefix.prefix_len() == 0) {
            let span = reader.span_of(section, name);
            let message = format!("`client.{name}` holds {all}: every client could claim any address");
            let help = "name the addresses of your proxies";
            reader.error(codes::CONTRADICTION, span, message).help.push(help.to_owned());
        }
    }
    let field = reader.choice(section, "forwarded_field").map(|field| field.value);
    Client {
        proxy_protocol_from,
        trusted_proxies,
        forwarded_field: match field {
            Some("forwarded") => ForwardedField::Forwarded,
            _ => ForwardedField::XForwardedFor,
        },
    }
}

pub(crate) fn address_lists(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Vec<AddressList> {
    let mut ids = Ids::new("address_list");
    let mut lists = Vec::new();
    for section in reader.tables(root, "address_list") {
        let id = ids.read(reader, section);
        let before = reader.diagnostics.len();
        let prefixes = reader.prefixes(section, "prefixes");
        let files = reader.paths(section, "files");
        if prefixes.is_empty() && files.is_empty() && reader.diagnostics.len() == before {
            let span = Reader::section_span(section);
            let help = "add `prefixes = [\"192.0.2.0/24\"]` or `files = [\"list.txt\"]`";
            reader
                .error(codes::EMPTY, span, format!("address list `{id}` is empty"))
                .help
                .push(help.to_owned());
        }
        let files_span = reader.span_of(section, "files");
        lists.push(AddressList { id, prefixes, files, files_span });
    }
    lists
}

/// `allow` and `deny` of `[access]` or of a route.
pub(crate) fn access(section: Section<'_>, reader: &mut Reader<'_>, lists: &[AddressList]) -> Access {
    let mut ids = |name| {
        let ids = reader.texts(section, name);
        let known = |id: &str| lists.iter().any(|list| list.id == id);
        for id in ids.iter().filter(|id| !known(&id.value)) {
            let near = closest(&id.value, lists.iter().map(|list| list.id.as_str()));
            let message = format!("no address list has the id `{}`", id.value);
            let diagnostic = reader.error(codes::UNKNOWN_LIST, id.span, message);
            diagnostic.help.push(match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add [[address_list]] with `id = \"{}\"`", id.value),
            });
        }
        ids.into_iter().map(|id| id.value).collect()
    };
    Access { allow: ids("allow"), deny: ids("deny") }
}

/// A list that stands nowhere keeps nobody out.
pub(crate) fn lists_are_used(
    root: &DeTable<'_>,
    reader: &mut Reader<'_>,
    lists: &[AddressList],
    access: &Access,
    routes: &[Route],
) {
    let scopes = || std::iter::once(access).chain(routes.iter().map(|route| &route.access));
    let spans = reader.tables(root, "address_list");
    for (list, section) in lists.iter().zip(spans) {
        let used = |scope: &Access| scope.allow.contains(&list.id) || scope.deny.contains(&list.id);
        if !scopes().any(used) {
            let message =
                format!("address list `{}` has no effect: it is in no `allow` and no `deny`", list.id);
            reader.warning(codes::NO_EFFECT, Reader::section_span(section), message);
        }
    }
}

pub(crate) fn break_glass(
    root: &DeTable<'_>,
    reader: &mut Reader<'_>,
    routes: &[Route],
    pki: &Pki,
) -> Vec<BreakGlass> {
    let mut ids = Ids::new("break_glass");
    let mut entries = Vec::new();
    for section in reader.tables(root, "break_glass") {
        let id = ids.read(reader, section);
        let prefixes = reader.prefixes(section, "prefixes");
        let routes = route_ids(section, reader, routes);
        let customers = clients::customer_ids(section, reader, pki, "`break_glass.customers`");
        let expires = reader.moment(section, "expires");
        let mut text = |name| reader.text(section, name).map(|text| text.value).unwrap_or_default();
        let (reason, ticket, approved_by) = (text("reason"), text("ticket"), text("approved_by"));
        let expires_span = expires.as_ref().and_then(|expires| expires.span);
        let expires = expires.map(|expires| expires.value).unwrap_or_default();
        entries.push(BreakGlass {
            id,
            prefixes,
            routes,
            customers,
            expires,
            expires_span,
            reason,
            ticket,
            approved_by,
        });
    }
    entries
}

/// The `routes` that a table holds for.
pub(crate) fn route_ids(section: Section<'_>, reader: &mut Reader<'_>, routes: &[Route]) -> Vec<String> {
    let ids: Vec<Found<String>> = reader.texts(section, "routes");
    for id in ids.iter().filter(|id| !routes.iter().any(|route| route.id == id.value)) {
        let near = closest(&id.value, routes.iter().map(|route| route.id.as_str()));
        let diagnostic =
            reader.error(codes::UNKNOWN_ROUTE, id.span, format!("no route has the id `{}`", id.value));
        diagnostic.help.extend(near.map(|near| format!("did you mean \"{near}\"?")));
    }
    ids.into_iter().map(|id| id.value).collect()
}
