//! A backend to try the edge with, over TLS: it tells what reached it, or answers just what it was asked to.
//!
//! For `./run` and for test suites of rules; it has no bounds of its own and belongs behind an edge.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use pingora_core::{
    apps::{ServerApp as _, http_app::ServeHttp},
    protocols::{http::ServerSession, l4::stream::Stream as TcpStream},
};
use portcullis_config::{CertificateFiles, ClientCert, Tls};
use portcullis_diag::Sources;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    clock,
    connection::{EdgeIo, Patience},
    problem::StartError,
    tls,
};

/// Time a handshake with the demo backend may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Whoever tries the edge may take a while.
const PATIENCE: Patience = Patience { stall: Duration::from_secs(60), rate: 0 };

/// Bytes of a body that are read.
const MOST_BYTES: usize = 512 << 20;

/// What the demo backend needs to know.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Where it listens; port zero takes a free one.
    pub listen: SocketAddr,
    /// PEM file, leaf first.
    pub certificate: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
    /// Answers other than those of `/reflect` have no body, as the Core Rule Set's regression suite wants it.
    pub empty: bool,
}

/// A demo backend that serves; dropping it stops it.
#[derive(Debug)]
pub struct DemoBackend {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Runs a demo backend until SIGINT or SIGTERM.
///
/// # Errors
/// Its certificate cannot be used, or its address cannot be bound.
pub fn demo_backend(options: &DemoOptions) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::machine("cannot start threads", error))?;
    runtime.block_on(async {
        let backend = DemoBackend::start(options).await?;
        eprintln!("ready demo backend on https://{}", backend.address());
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|error| StartError::machine("cannot catch signals", error))?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        Ok(())
    })
}

impl DemoBackend {
    /// Starts one within the caller's runtime.
    ///
    /// # Errors
    /// As with [`demo_backend`].
    pub async fn start(options: &DemoOptions) -> Result<Self, StartError> {
        let files = CertificateFiles {
            certificate: options.certificate.clone(),
            key: options.key.clone(),
            ..CertificateFiles::default()
        };
        let settings = Tls { certificates: vec![files], allow_tls12: true };
        let mut diagnostics = Vec::new();
        let Some(server) = tls::Server::load(&settings, None, clock::unix_time(), &mut diagnostics) else {
            return Err(StartError::Config { sources: Sources::new(), diagnostics });
        };
        let failed = |error| StartError::machine(format!("cannot listen on {}", options.listen), error);
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let task = tokio::spawn(accept(listener, Arc::new(server), Arc::new(Demo { empty: options.empty })));
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for DemoBackend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: Arc<tls::Server>, demo: Arc<Demo>) {
    // Pingora's sessions want to be told of a shutdown; here there never is one.
    let (_never, shutdown) = watch::channel(false);
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let _ = tcp.set_nodelay(true);
        let (server, demo, shutdown) = (Arc::clone(&server), Arc::clone(&demo), shutdown.clone());
        tokio::spawn(async move {
            let terms = |_: Option<&str>| server.terms(ClientCert::Off);
            if let Ok(handshake) = tls::accept(TcpStream::from(tcp), terms, HANDSHAKE).await {
                demo.process_new(Box::new(EdgeIo::new(handshake.stream, PATIENCE)), &shutdown).await;
            }
        });
    }
}

#[derive(Debug)]
struct Demo {
    empty: bool,
}

#[async_trait]
impl ServeHttp for Demo {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match session.read_request_body().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= MOST_BYTES => body.extend_from_slice(&chunk),
                Ok(None) => break,
                _ => {
                    return answer(
                        StatusCode::BAD_REQUEST,
                        "text/plain",
                        b"the body cannot be read\n".to_vec(),
                    );
                }
            }
        }
        let request = session.req_header();
        if request.uri.path() == "/reflect" && request.method == http::Method::POST {
            return reflect(&body);
        }
        if self.empty {
            return answer(StatusCode::OK, "text/plain", Vec::new());
        }
        let names: Vec<&str> = request.headers.keys().map(HeaderName::as_str).collect();
        let echo = json!({
            "method": request.method.as_str(),
            "path": request.uri.path(),
            "protocol": format!("{:?}", request.version),
            "headers": names,
            "body_bytes": body.len(),
            "body_sha256": hex(&Sha256::digest(&body)),
        });
        answer(StatusCode::OK, "application/json", format!("{echo:#}\n").into_bytes())
    }
}

/// `{status, headers, body | encodedBody, logMessage}`: the answer that is wanted.
fn reflect(request: &[u8]) -> Response<Vec<u8>> {
    let Ok(wanted) = serde_json::from_slice::<Value>(request) else {
        return answer(StatusCode::BAD_REQUEST, "text/plain", b"JSON is wanted\n".to_vec());
    };
    let status = wanted["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    let body = match (wanted["encodedBody"].as_str(), wanted["body"].as_str()) {
        (Some(encoded), _) => STANDARD.decode(encoded).unwrap_or_default(),
        (None, body) => body.unwrap_or_default().as_bytes().to_vec(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    for (name, value) in wanted["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = value.as_str().map(|value| HeaderValue::from_bytes(value.as_bytes()));
        if let (Ok(name), Some(Ok(value))) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    let length = HeaderValue::from(response.body().len());
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    if let Some(message) = wanted["logMessage"].as_str() {
        eprintln!("demo backend: {}", message.escape_debug());
    }
    response
}

fn answer(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    response
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
