//! Everything a request is judged by, in one immutable piece. A request takes one and keeps it to its end, whatever a reload does.

use std::sync::Arc;

use http::HeaderValue;
use portcullis_config::{Config, Hsts, Route, WafMode};
use portcullis_waf::Program;

use crate::{answer::Refusal, assemble::RuleSet, host, logs::Logs, upstream::Upstream};

/// Configuration, rules, certificate, backends and logs that belong together.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) config: Config,
    pub(crate) tls: Arc<rustls::ServerConfig>,
    pub(crate) program: Arc<Program>,
    pub(crate) rule_set: RuleSet,
    pub(crate) logs: Arc<Logs>,
    /// Value of `Strict-Transport-Security`.
    pub(crate) hsts: HeaderValue,
    upstreams: Vec<Arc<Upstream>>,
}

impl Snapshot {
    pub(crate) fn new(
        config: Config,
        tls: Arc<rustls::ServerConfig>,
        program: Program,
        rule_set: RuleSet,
        upstreams: Vec<Arc<Upstream>>,
        logs: Arc<Logs>,
    ) -> Self {
        let hsts = hsts(&config.hsts);
        Self { config, tls, program: Arc::new(program), rule_set, logs, hsts, upstreams }
    }

    /// Index of the first route that fits. A host that no route names is misdirected; a path that none of the host's routes has
    /// does not exist.
    pub(crate) fn route(&self, host: &str, path: &[u8]) -> Result<usize, Refusal> {
        let mut host_known = false;
        for (index, route) in self.config.routes.iter().enumerate() {
            if route.hosts.is_empty() || route.hosts.iter().any(|pattern| host::fits(pattern, host)) {
                host_known = true;
                if has_prefix(path, route.path_prefix.as_bytes()) {
                    return Ok(index);
                }
            }
        }
        Err(if host_known { Refusal::UnknownPath } else { Refusal::UnknownHost })
    }

    /// Whether any route takes this host; the plain listener redirects to no other.
    pub(crate) fn knows_host(&self, host: &str) -> bool {
        self.config.routes.iter().any(|route| {
            route.hosts.is_empty() || route.hosts.iter().any(|pattern| host::fits(pattern, host))
        })
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

/// The engine's word for a configured mode.
pub(crate) fn engine_mode(mode: WafMode) -> portcullis_waf::Mode {
    match mode {
        WafMode::Block => portcullis_waf::Mode::Block,
        WafMode::Detect => portcullis_waf::Mode::Detect,
        WafMode::Off => portcullis_waf::Mode::Off,
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

/// Whole segments: `/api` fits `/api`, `/api/` and `/api/x`, not `/apix`.
fn has_prefix(path: &[u8], prefix: &[u8]) -> bool {
    let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
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
    fn prefixes_fit_whole_segments() {
        for (path, prefix, fits) in [
            ("/", "/", true),
            ("/a", "/", true),
            ("/api", "/api", true),
            ("/api/", "/api", true),
            ("/api/x", "/api/", true),
            ("/apix", "/api", false),
            ("*", "/", false),
        ] {
            assert_eq!(has_prefix(path.as_bytes(), prefix.as_bytes()), fits, "{path} {prefix}");
        }
    }

    #[test]
    fn hsts_says_what_was_configured() {
        let settings = Hsts { max_age: Duration::from_secs(60), include_subdomains: true, preload: false };
        assert_eq!(hsts(&settings), "max-age=60; includeSubDomains");
    }
}
