//! Everything a request is judged by, in one immutable piece. A request takes one and keeps it to its end, whatever a reload does.

use std::sync::Arc;

use http::HeaderValue;
use ipnet::IpNet;
use portcullis_config::{Client, ClientCert, Config, Hsts, Route, WafMode, WorkSpent};
use portcullis_policy::{ForwardedField, NoRoute, PrefixSet, RouteTable, Scope, Trust};
use portcullis_waf::Program;

use crate::{
    access::AddressLists, answer::Refusal, assemble::RuleSet, identity::Identities, limits::RateLimits,
    logs::Logs, overlay::Overlays, tls, upstream::Upstream,
};

/// Configuration, rules, certificate, backends and logs that belong together.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) config: Config,
    pub(crate) tls: Arc<tls::Server>,
    /// Absent where no client is asked for a certificate.
    pub(crate) identities: Option<Arc<Identities>>,
    pub(crate) program: Arc<Program>,
    /// What is otherwise on routes and for customers.
    pub(crate) overlays: Arc<Overlays>,
    pub(crate) rule_set: RuleSet,
    pub(crate) logs: Arc<Logs>,
    /// Who is believed about where requests come from.
    pub(crate) trust: Trust,
    /// Which addresses may come in.
    pub(crate) access: AddressLists,
    /// How much clients may ask.
    pub(crate) limits: RateLimits,
    /// Value of `Strict-Transport-Security`.
    pub(crate) hsts: HeaderValue,
    asked: Asked,
    /// Same order as `config.routes`.
    routes: RouteTable,
    upstreams: Vec<Arc<Upstream>>,
}

/// What clients are met with at a handshake.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) identities: Option<Arc<Identities>>,
    pub(crate) tls: tls::Server,
}

/// Who may come in, and how fast.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) access: AddressLists,
    pub(crate) limits: RateLimits,
}

impl Snapshot {
    pub(crate) fn new(
        config: Config,
        terms: Terms,
        admission: Admission,
        overlays: Arc<Overlays>,
        rule_set: RuleSet,
        upstreams: Vec<Arc<Upstream>>,
        logs: Arc<Logs>,
    ) -> Self {
        let hsts = hsts(&config.hsts);
        let trust = trust(&config.client);
        let scope =
            |route: &Route| Scope { hosts: route.hosts.clone(), path_prefix: route.path_prefix.clone() };
        let routes = RouteTable::new(config.routes.iter().map(scope).collect());
        let Terms { identities, tls } = terms;
        let Admission { access, limits } = admission;
        let asked = Asked::new(&config);
        Self {
            config,
            tls: Arc::new(tls),
            identities,
            asked,
            program: Arc::clone(overlays.program()),
            overlays,
            rule_set,
            logs,
            trust,
            access,
            limits,
            hsts,
            routes,
            upstreams,
        }
    }

    /// Index of the first route that fits. A host that no route names is misdirected; a path that none of the host's routes has
    /// does not exist.
    pub(crate) fn route(&self, host: &str, path: &[u8]) -> Result<usize, Refusal> {
        self.routes.find(host, path).map_err(|none| match none {
            NoRoute::Host => Refusal::UnknownHost,
            NoRoute::Path => Refusal::UnknownPath,
        })
    }

    /// What a handshake for this host asks of the client: what the host's own policy says, and at least to be shown a certificate where
    /// one of its routes wants to see one. A client that names no host is not asked.
    pub(crate) fn asked_of(&self, host: Option<&str>) -> ClientCert {
        let Some(host) = host else { return ClientCert::Off };
        let of_routes = self.routes.all(host).filter_map(|index| self.route_at(index)?.client_cert).max();
        self.asked.of(host).max(of_routes.unwrap_or_default().min(ClientCert::Optional))
    }

    /// What a route asks of a request to this host.
    pub(crate) fn asked_by(&self, route: &Route, host: &str) -> ClientCert {
        let of_host = self.asked.of(host);
        route
            .client_cert
            .map_or(of_host, |own| own.max(if of_host == ClientCert::Required { of_host } else { own }))
    }

    /// Whether any route takes this host; the plain listener redirects to no other.
    pub(crate) fn knows_host(&self, host: &str) -> bool {
        self.routes.knows_host(host)
    }

    pub(crate) fn route_at(&self, index: usize) -> Option<&Route> {
        self.config.routes.get(index)
    }

    pub(crate) fn upstream(&self, id: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.iter().find(|upstream| upstream.id() == id)
    }

    pub(crate) fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    /// How long a kept connection may be idle, in the whole seconds that pingora counts in; never zero, which it reads as for ever.
    pub(crate) fn idle_seconds(&self) -> u64 {
        self.config.limits.idle_timeout.as_secs().max(1)
    }
}

/// Policies of hosts.
#[derive(Debug)]
struct Asked {
    table: RouteTable,
    policies: Vec<ClientCert>,
}

impl Asked {
    fn new(config: &Config) -> Self {
        // Exact names before wildcards, as with routes.
        let mut entries: Vec<(&String, ClientCert)> = config
            .hosts
            .iter()
            .flat_map(|host| host.names.iter().map(|name| (name, host.client_cert)))
            .collect();
        entries.sort_by_key(|(name, _)| name.starts_with("*."));
        let scope = |name: &String| Scope { hosts: vec![name.clone()], path_prefix: String::from("/") };
        Self {
            table: RouteTable::new(entries.iter().map(|(name, _)| scope(name)).collect()),
            policies: entries.iter().map(|(_, policy)| *policy).collect(),
        }
    }

    fn of(&self, host: &str) -> ClientCert {
        let found = self.table.find(host, b"/").ok();
        found.and_then(|index| self.policies.get(index).copied()).unwrap_or_default()
    }
}

/// The engine's word for a configured mode.
pub(crate) fn engine_mode(mode: WafMode) -> portcullis_waf::Mode {
    match mode {
        WafMode::Block => portcullis_waf::Mode::Block,
        WafMode::Detect => portcullis_waf::Mode::Detect,
        WafMode::Off => portcullis_waf::Mode::Off,
    }
}

/// The engine's word for what happens to a request beyond its budget.
pub(crate) fn when_spent(action: WorkSpent) -> portcullis_waf::WhenSpent {
    match action {
        WorkSpent::Refuse => portcullis_waf::WhenSpent::Refuse,
        WorkSpent::Detect => portcullis_waf::WhenSpent::Detect,
    }
}

/// The log's word for a configured mode.
pub(crate) fn mode_name(mode: WafMode) -> &'static str {
    match mode {
        WafMode::Block => "block",
        WafMode::Detect => "detect",
        WafMode::Off => "off",
    }
}

fn trust(settings: &Client) -> Trust {
    let set = |prefixes: &[IpNet]| prefixes.iter().copied().collect::<PrefixSet>();
    Trust {
        proxy_protocol: set(&settings.proxy_protocol_from),
        proxies: set(&settings.trusted_proxies),
        field: match settings.forwarded_field {
            portcullis_config::ForwardedField::XForwardedFor => ForwardedField::XForwardedFor,
            portcullis_config::ForwardedField::Forwarded => ForwardedField::Forwarded,
        },
    }
}

fn hsts(settings: &Hsts) -> HeaderValue {
    let mut value = format!("max-age={}", settings.max_age.as_secs());
    if settings.include_subdomains {
        value.push_str("; includeSubDomains");
    }
    if settings.preload {
        value.push_str("; preload");
    }
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("max-age=31536000"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn hsts_says_what_was_configured() {
        let settings = Hsts { max_age: Duration::from_secs(60), include_subdomains: true, preload: false };
        assert_eq!(hsts(&settings), "max-age=60; includeSubDomains");
    }
}
