//! A listener of our own, with the TLS settings of a configuration: what it will be like is seen before it is deployed.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use portcullis_config::{CertificateFiles, Config, Log, Sink, WafMode};
use portcullis_diag::Sources;
use portcullis_pki::{Certificate, Name};
use tokio::runtime::{self, Runtime};

use crate::{
    ConfigSource, StartError,
    server::{Running, start},
};

/// Connections that the questions may have open at once, from one address.
const CONNECTIONS: usize = 1024;

/// An edge that answers questions about itself. It ends when dropped.
pub(super) struct Local {
    running: Running,
    runtime: Option<Runtime>,
    /// A name of each certificate, in the order of the configuration, each once; empty for one that holds no name.
    pub(super) names: Vec<String>,
}

impl Local {
    /// Serves on a port of the loopback address that is free. Certificates, register and terms of the handshake are those of the
    /// configuration; who is let in, what is inspected and what is written down is not what is asked about.
    ///
    /// # Errors
    /// The configuration does not hold, as with `check`.
    pub(super) fn start(config_path: &Path) -> Result<Self, StartError> {
        let source = ConfigSource::file(config_path);
        let certificates = certificates(&source);
        let base = source.base().to_owned();
        let altered = ConfigSource::function(&base, move |sources| {
            let mut loaded = source.load(sources);
            loaded.config = loaded.config.map(bare);
            loaded
        });
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("edge")
            .enable_all()
            .build()
            .map_err(|error| StartError::machine("cannot start threads", error))?;
        let running = runtime.block_on(start(altered))?;
        let mut names = Vec::new();
        for name in certificates.iter().map(|files| a_name(&files.certificate)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(Self { running, runtime: Some(runtime), names })
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.running.addresses().https.first().copied()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Merely dropped it would wait for what looks at the machine's load.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn certificates(source: &ConfigSource) -> Vec<CertificateFiles> {
    source.load(&mut Sources::new()).config.map(|config| config.tls.certificates).unwrap_or_default()
}

/// Handshakes as they are configured, and nothing that stands in their way.
fn bare(mut config: Config) -> Config {
    config.listen.https = vec![(Ipv4Addr::LOCALHOST, 0).into()];
    config.listen.http = Vec::new();
    config.listen.admin = None;
    config.limits.connections_per_address = CONNECTIONS;
    config.client.proxy_protocol_from = Vec::new();
    config.access.allow = Vec::new();
    config.access.deny = Vec::new();
    config.rate_limits.store = None;
    config.rate_limits.limits = Vec::new();
    config.break_glass = Vec::new();
    config.waf.mode = WafMode::Off;
    for route in &mut config.routes {
        route.waf.mode = WafMode::Off;
    }
    config.log = Log { access: Sink::Off, audit: Sink::Off, ..config.log };
    config
}

/// A name that the certificate in a file holds; one that fits where it has a wildcard.
fn a_name(file: &PathBuf) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let dns = |name: &Name| match name {
        Name::Dns(name) => Some(name.replace("*.", "tls-report.")),
        Name::Address(_) => None,
    };
    let names = Certificate::from_pem(&text).map(|certificate| certificate.names).unwrap_or_default();
    names.iter().find_map(dns).unwrap_or_default()
}
