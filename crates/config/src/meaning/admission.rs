//! `[client]`: who may come in, and how that is known.

use toml::de::DeTable;

use crate::{Client, ForwardedField, codes, written::Reader};

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
