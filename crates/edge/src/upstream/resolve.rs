//! Addresses of servers. A name is looked up in the background, again and again; a request only waits for the very first answer.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Weak},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    net::lookup_host,
    time::{sleep, timeout},
};

use super::Upstream;

/// Time between two look-ups of a name. The system's resolver does not tell how long an answer is good for.
const INTERVAL: Duration = Duration::from_secs(15);

/// Time a look-up in the background may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Addresses of one name that are used.
const MOST_ADDRESSES: usize = 16;

/// One `host:port` of the configuration.
#[derive(Debug)]
pub(super) struct Server {
    host: String,
    port: u16,
    fixed: bool,
    known: ArcSwap<Vec<SocketAddr>>,
}

impl Server {
    /// `host:port`, `192.0.2.1:443`, `[2001:db8::1]:443`
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let address: Option<IpAddr> = host.parse().ok();
        let named =
            !host.contains(':') && crate::host::parse(host.as_bytes()).is_some_and(|host| !host.is_empty());
        let valid = address.is_some() || named;
        valid.then(|| Self {
            host: host.to_owned(),
            port,
            fixed: address.is_some(),
            known: ArcSwap::from_pointee(address.map(|ip| SocketAddr::new(ip, port)).into_iter().collect()),
        })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// What is known; where nothing is yet, what can be learnt within `patience`.
    pub(super) async fn addresses(&self, patience: Duration) -> Arc<Vec<SocketAddr>> {
        let known = self.known.load_full();
        if known.is_empty() {
            self.look_up(patience).await;
            return self.known.load_full();
        }
        known
    }

    /// A failed look-up leaves what is known: an old address is better than none.
    async fn look_up(&self, patience: Duration) {
        let Ok(Ok(found)) = timeout(patience, lookup_host((self.host.as_str(), self.port))).await else {
            tracing::warn!(host = self.host, "a backend's name cannot be resolved");
            return;
        };
        let mut found: Vec<SocketAddr> = found.take(MOST_ADDRESSES).collect();
        found.sort_unstable();
        found.dedup();
        if !found.is_empty() {
            self.known.store(Arc::new(found));
        }
    }
}

/// Keeps the names of these backends fresh for as long as anybody uses them.
pub(crate) fn refresh(upstreams: &[Arc<Upstream>]) {
    for upstream in upstreams {
        if upstream.servers.iter().any(|server| !server.fixed) {
            tokio::spawn(keep_fresh(Arc::downgrade(upstream)));
        }
    }
}

async fn keep_fresh(upstream: Weak<Upstream>) {
    while let Some(upstream) = upstream.upgrade() {
        for server in upstream.servers.iter().filter(|server| !server.fixed) {
            server.look_up(PATIENCE).await;
        }
        drop(upstream);
        sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        for (text, host, fixed) in [
            ("localhost:80", "localhost", false),
            ("127.0.0.1:443", "127.0.0.1", true),
            ("[::1]:443", "::1", true),
        ] {
            let server = Server::parse(text).expect(text);
            assert_eq!((server.host(), server.fixed), (host, fixed));
        }
        for text in ["localhost", "localhost:0", "localhost:x", ":80", "a b:80", "a:80:80"] {
            assert!(Server::parse(text).is_none(), "{text}");
        }
    }
}
