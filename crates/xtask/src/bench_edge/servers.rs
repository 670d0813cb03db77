//! The servers that are compared. Each is one process on the first core; only one of them has something to do at a time.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use portcullis_testkit::{Authority, Backend, Edge, EdgeConfig, free_port};

pub(super) const ON: &str = "edge, CRS at paranoia 1";
pub(super) const OFF: &str = "edge, WAF off";
pub(super) const NGINX: &str = "nginx";
pub(super) const MODSECURITY: &str = "nginx with ModSecurity";

/// Those of which there are several processes.
pub(super) const REPEATED: [&str; 2] = [OFF, ON];

type Starter = fn(&Place) -> anyhow::Result<Server>;

/// All of them, by name. The edges are neighbours: they are compared in pairs.
pub(super) const ALL: &[(&str, Starter)] = &[
    (OFF, |place| edge(place, "off")),
    (ON, |place| edge(place, "block")),
    (NGINX, |place| nginx(place, "nginx", "")),
    (MODSECURITY, |place| {
        let rules = format!("modsecurity on; modsecurity_rules_file {};", place.rules.display());
        nginx(place, "modsecurity", &rules)
    }),
];

/// Where they find what they need.
pub(super) struct Place {
    directory: PathBuf,
    rules: PathBuf,
    crs: PathBuf,
    binary: PathBuf,
    backend: SocketAddr,
}

impl Place {
    pub(super) fn new(directory: &Path, rules: &Path, crs: &Path, binary: &Path) -> anyhow::Result<Self> {
        Authority::new("bench authority").leaf(&["localhost"]).write(directory, "server")?;
        Ok(Self {
            directory: directory.to_owned(),
            rules: rules.to_owned(),
            crs: crs.to_owned(),
            binary: binary.to_owned(),
            backend: free_port(),
        })
    }
}

/// A server that runs. It is ended when dropped.
pub(super) enum Server {
    Edge(Box<Edge>),
    Nginx(Nginx),
}

pub(crate) struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Server {
    pub(super) fn pid(&self) -> u32 {
        match self {
            Self::Edge(edge) => edge.pid(),
            Self::Nginx(nginx) => nginx.child.id(),
        }
    }

    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Edge(edge) => edge.https().port(),
            Self::Nginx(nginx) => nginx.address.port(),
        }
    }
}

impl Nginx {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It has ended already, or cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What everybody forwards to: one page of a kibibyte, from the second core.
pub(super) fn backend(place: &Place) -> anyhow::Result<Nginx> {
    let page = "<p>All is well, and nothing here is worth a second look.</p>".repeat(17);
    let server =
        format!("listen {}; location / {{ default_type text/html; return 200 '{page}'; }}", place.backend);
    started(&place.directory.join("backend"), place.backend, place.backend, "1", "", &server)
}

fn edge(place: &Place, mode: &str) -> anyhow::Result<Server> {
    let config = EdgeConfig {
        mode: mode.to_owned(),
        crs: place.crs.to_string_lossy().into_owned(),
        threads: 1,
        ..EdgeConfig::with_backend(Backend::plain_at("backend", place.backend))
    };
    let edge = Edge::start(&place.binary, config)
        .map_err(|start| anyhow::anyhow!("not ready ({:?}):\n{}", start.status, start.log))?;
    pin(edge.pid(), "0")?;
    Ok(Server::Edge(Box::new(edge)))
}

fn nginx(place: &Place, directory: &str, waf: &str) -> anyhow::Result<Server> {
    let address = free_port();
    let certificate = place.directory.join("server.pem");
    let key = place.directory.join("server.key");
    let module = match waf {
        "" => "",
        _ => "load_module /usr/lib/nginx/modules/ngx_http_modsecurity_module.so;",
    };
    let server = format!(
        "listen {address} ssl; ssl_certificate {}; ssl_certificate_key {}; {waf}\n\
         location / {{ proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ''; \
         proxy_set_header Host $host; add_header Strict-Transport-Security max-age=31536000 always; }}",
        certificate.display(),
        key.display()
    );
    started(&place.directory.join(directory), place.backend, address, "0", module, &server).map(Server::Nginx)
}

/// nginx as one process, its files in a directory of its own.
pub(crate) fn started(
    directory: &Path,
    backend: SocketAddr,
    address: SocketAddr,
    core: &str,
    module: &str,
    server: &str,
) -> anyhow::Result<Nginx> {
    fs::create_dir_all(directory)?;
    let here = directory.display();
    let text = format!(
        "{module}\ndaemon off; master_process off; worker_processes 1; pid {here}/pid; error_log {here}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log {here}/access.log; keepalive_requests 1000000000; client_body_temp_path {here}/body;\n\
         proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
         upstream backend {{ server {backend}; keepalive 64; keepalive_requests 1000000000; }}\n\
         server {{ {server} }} }}\n"
    );
    let file = directory.join("nginx.conf");
    fs::write(&file, text)?;
    let child = Command::new("taskset")
        .args(["-c", core, "/usr/sbin/nginx", "-c"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(directory.join("stderr"))?)
        .spawn()
        .context("nginx")?;
    let mut nginx = Nginx { child, address };
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_err() {
        if nginx.child.try_wait()?.is_some() || Instant::now() > deadline {
            bail!("nginx: {}", fs::read_to_string(directory.join("stderr")).unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(nginx)
}

/// Every thread of a process.
pub(crate) fn pin(pid: u32, core: &str) -> anyhow::Result<()> {
    let status = Command::new("taskset")
        .args(["-a", "-p", "-c", core, &pid.to_string()])
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        bail!("taskset: {status}");
    }
    Ok(())
}
