//! `[rate_limits]` and `[[rate_limit]]`: how much clients may ask.

use std::{num::NonZeroU32, time::Duration};

use toml::de::DeTable;

use super::{admission, clients, routing::Ids};
use crate::{
    LimitStore, Pki, RateKey, RateLimit, RateLimits, Route, codes, names,
    written::{Reader, Section},
};

pub(crate) fn rate_limits(
    root: &DeTable<'_>,
    reader: &mut Reader<'_>,
    routes: &[Route],
    pki: &Pki,
) -> RateLimits {
    let section = reader.table(root, "rate_limits");
    let mut ids = Ids::new("rate_limit");
    RateLimits {
        ipv4_prefix: reader.count(section, "ipv4_prefix").map_or(32, |bits| bits.value),
        ipv6_prefix: reader.count(section, "ipv6_prefix").map_or(64, |bits| bits.value),
        store: store(section, reader),
        limits: reader
            .tables(root, "rate_limit")
            .into_iter()
            .map(|section| rate_limit(section, reader, (routes, pki), &mut ids))
            .collect(),
    }
}

/// What makes no sense without a store.
const OF_STORE: [&str; 4] = ["store_ca", "store_user", "store_password_file", "store_secret_file"];

fn store(section: Section<'_>, reader: &mut Reader<'_>) -> Option<LimitStore> {
    let before = reader.diagnostics.len();
    let url = reader.text(section, "store");
    let ca = reader.path(section, "store_ca");
    let user = reader.text(section, "store_user").map(|user| user.value);
    let password_file = reader.path(section, "store_password_file").map(|path| path.value);
    let secret_file = reader.path(section, "store_secret_file");
    let timeout = reader.duration(section, "store_timeout").value;
    let on_failure = reader.choice(section, "on_store_failure");
    let Some(url) = url else {
        if let Some(name) = OF_STORE.iter().find(|name| reader.span_of(section, name).is_some()) {
            let span = reader.span_of(section, name);
            // A `store` that could not be read has been told of.
            if reader.span_of(section, "store").is_none() && reader.diagnostics.len() == before {
                let message = format!("`rate_limits.{name}` needs `store`");
                reader.error(codes::CONTRADICTION, span, message);
            }
        }
        return None;
    };
    let tls = url.value.starts_with("rediss://");
    if let Err(help) = store_url(&url.value) {
        // The URL itself is not drawn in words: it may hold a password.
        reader.error(codes::BAD_STORE, url.span, "not the URL of a store").help.push(help.to_owned());
    }
    if tls && ca.is_none() {
        let help = "add `store_ca = \"redis-ca.pem\"`; its certificate is always verified";
        reader
            .error(codes::MISSING_KEY, url.span, "a store over TLS needs `store_ca`")
            .help
            .push(help.to_owned());
    }
    if let Some(ca) = ca.as_ref().filter(|_| !tls) {
        let message = "`rate_limits.store_ca` has no effect: `store` is not \"rediss://\"";
        reader.error(codes::CONTRADICTION, ca.span, message);
    }
    let Some(secret_file) = secret_file else {
        let help = "add `store_secret_file` with 32 random bytes in hexadecimal, the same for all edges";
        reader
            .error(codes::MISSING_KEY, url.span, "a store needs `store_secret_file`")
            .help
            .push(help.to_owned());
        return None;
    };
    Some(LimitStore {
        url: url.value,
        span: url.span,
        ca: ca.map(|ca| ca.value),
        user,
        password_file,
        secret_file: secret_file.value,
        timeout,
        refuse_when_away: on_failure.is_some_and(|word| word.value == "refuse"),
    })
}

/// `redis://host:port/number`, the number left out or not.
fn store_url(url: &str) -> Result<(), &'static str> {
    const HELP: &str = "write \"redis://127.0.0.1:6379/0\" or \"rediss://limits.example:6379/0\"";
    let rest = url.strip_prefix("redis://").or_else(|| url.strip_prefix("rediss://")).ok_or(HELP)?;
    if rest.contains('@') {
        return Err("put the user into `store_user` and the password into a file for `store_password_file`");
    }
    let (server, number) = rest.split_once('/').unwrap_or((rest, ""));
    let number_fits = number.is_empty() || number.parse::<u32>().is_ok();
    if names::server(server).is_ok() && number_fits { Ok(()) } else { Err(HELP) }
}

fn rate_limit(
    section: Section<'_>,
    reader: &mut Reader<'_>,
    (routes, pki): (&[Route], &Pki),
    ids: &mut Ids,
) -> RateLimit {
    let id = ids.read(reader, section);
    if id == OF_REGISTER {
        let span = reader.span_of(section, "id");
        let message = format!(
            "`{OF_REGISTER}` is the name of the rates that the register has for customers: choose another"
        );
        reader.error(codes::BAD_ID, span, message);
    }
    let before = reader.diagnostics.len();
    let rate = rate(section, reader);
    let concurrent = reader.count(section, "concurrent").map(|most| most.value);
    if rate.is_none() && concurrent.is_none() && reader.diagnostics.len() == before {
        let span = Reader::section_span(section);
        let diagnostic = reader.error(codes::MISSING_KEY, span, format!("rate limit `{id}` limits nothing"));
        diagnostic.help.push(String::from("add `requests`, or `concurrent`, or both"));
    }
    RateLimit {
        id,
        key: key(section, reader, pki),
        routes: admission::route_ids(section, reader, routes),
        customers: clients::customer_ids(section, reader, pki, "`rate_limit.customers`"),
        rate,
        concurrent,
        keys: reader.count(section, "keys").map_or(0, |keys| keys.value),
        shadow: reader.choice(section, "mode").is_some_and(|mode| mode.value == "shadow"),
    }
}

fn rate(section: Section<'_>, reader: &mut Reader<'_>) -> Option<(NonZeroU32, Duration, NonZeroU32)> {
    let requests = reader.count::<u32>(section, "requests");
    let period = reader.duration(section, "period");
    let burst = reader.count::<u32>(section, "burst");
    if reader.span_of(section, "requests").is_none() {
        for name in ["period", "burst"] {
            if let Some(span) = reader.span_of(section, name) {
                let message = format!("`rate_limit.{name}` needs `requests`");
                reader.error(codes::CONTRADICTION, Some(span), message);
            }
        }
        return None;
    }
    let requests = NonZeroU32::new(requests?.value)?;
    let burst = burst.and_then(|burst| NonZeroU32::new(burst.value)).unwrap_or(requests);
    if (period.value / requests.get()).saturating_mul(burst.get()) > LONGEST_WINDOW {
        let span = reader.span_of(section, "burst");
        let message = format!("a burst of {burst} takes more than a year to be earned back");
        let diagnostic = reader.error(codes::OUT_OF_RANGE, span, message);
        diagnostic.help.push(String::from("ask for less burst, more `requests`, or a shorter `period`"));
    }
    Some((requests, period.value, burst))
}

fn key(section: Section<'_>, reader: &mut Reader<'_>, pki: &Pki) -> Vec<RateKey> {
    let mut parts = Vec::new();
    for part in reader.texts(section, "key") {
        let read = match part.value.as_str() {
            "address" => Some(RateKey::Address),
            "customer" => Some(RateKey::Customer),
            "route" => Some(RateKey::Route),
            text => text
                .strip_prefix("header:")
                .filter(|name| is_field_name(name))
                .map(|name| RateKey::Header(name.to_owned())),
        };
        if read == Some(RateKey::Customer) && pki.dir.is_none() {
            clients::no_register(reader, part.span, "a limit by customer");
        }
        match read {
            Some(read) if !parts.contains(&read) => parts.push(read),
            Some(_) => {
                reader.error(
                    codes::BAD_KEY,
                    part.span,
                    format!("`{}` stands twice in `rate_limit.key`", part.value),
                );
            }
            None => {
                let message = format!("requests cannot be counted by `{}`", part.value);
                let help = "write \"address\", \"customer\", \"route\", or \"header:x-api-key\" with a field name in lower case";
                reader.error(codes::BAD_KEY, part.span, message).help.push(help.to_owned());
            }
        }
    }
    parts
}

/// A token (RFC 9110, section 5.6.2) in lower case.
fn is_field_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(fits)
}

/// Longest time in which a burst may be earned back: a year. Counts of more would not end.
const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 86_400);

/// The name of the rate that the register agrees on with a customer.
const OF_REGISTER: &str = "customer";
