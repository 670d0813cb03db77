//! What is known of a request on its way: facts of the connection, then what each stage found out.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
};

use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_http::ResponseHeader;
use portcullis_config::{Route, WafMode};
use portcullis_policy::{Source, rates::Outcome};
use portcullis_telemetry::{InFlight, TlsFacts};
use tokio::time::Instant;

use crate::{
    answer::Refusal,
    edge::Edge,
    gate::Head,
    identity::{Identity, Presented},
    overlay::{Applied, CustomerOverlay},
    session::Slot,
    snapshot::Snapshot,
    stages::inspect::SharedInspection,
    upstream::Attempt,
};

/// Facts of a connection, the same for all its requests.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The other end of the TCP connection.
    pub(crate) peer: SocketAddr,
    /// Who it is for, as far as those say who are believed: the address that counts, everywhere.
    pub(crate) client: SocketAddr,
    /// How that is known.
    pub(crate) source: Source,
    pub(crate) server: SocketAddr,
    /// Absent on the plain listener.
    pub(crate) tls: Option<TlsFacts>,
    /// Host of the server name (SNI), normalised as a request's is.
    pub(crate) server_name: Option<String>,
    /// What the client has shown at the handshake; whether it still counts is asked for each request.
    pub(crate) certificate: Option<Arc<Presented>>,
}

/// How a request came to be: made by the connection's loop, found again by the pipeline in the session's digest.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) connection: Arc<Connection>,
    /// As vetted by the gate.
    pub(crate) head: Arc<Head>,
    /// When the first byte of the head was there; over HTTP/2, when the head was complete.
    pub(crate) began: Instant,
    /// No further request is read on this connection.
    pub(crate) last: bool,
    pub(crate) notes: Arc<Notes>,
}

/// What the connection and the pipeline tell each other of one message.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// The pipeline has taken the request over: what was never taken was answered behind our back.
    pub(crate) taken: AtomicBool,
    /// The backend has agreed to a WebSocket.
    pub(crate) tunnel: AtomicBool,
    /// The body is not chunked as it says.
    pub(crate) bad_chunks: AtomicBool,
    /// The client read its answer too slowly.
    pub(crate) slow_reader: AtomicBool,
}

impl Arrival {
    /// In the wrapping in which pingora hands it through.
    pub(crate) fn into_digest(self) -> Option<Arc<ProxyDigest>> {
        let unused = ResponseHeader::build(200, Some(0)).ok()?;
        Some(Arc::new(ProxyDigest::new(Box::new(unused), Some(Box::new(self)))))
    }

    pub(crate) fn from_digest(digest: &ProxyDigest) -> Option<&Self> {
        digest.user_data.as_ref()?.downcast_ref()
    }
}

/// One request on its way.
pub(crate) struct Context {
    pub(crate) edge: Arc<Edge>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) request_id: String,
    pub(crate) began: Instant,
    /// When an answer of ours had been sent; a client that lingers after it does not count as a long request.
    pub(crate) answered: Option<Instant>,
    /// When the backend's answer began.
    pub(crate) answer_began: Option<Instant>,
    pub(crate) arrival: Option<Arrival>,
    pub(crate) head: Option<Arc<Head>>,
    /// Index of the route within the snapshot's configuration.
    pub(crate) route: Option<usize>,
    /// Whose certificate the client has shown, once that is known to count.
    pub(crate) identity: Option<Identity>,
    /// What the rules do otherwise for the customer; it goes over the route's.
    pub(crate) overlay: Option<Arc<CustomerOverlay>>,
    pub(crate) inspection: Option<SharedInspection>,
    /// Length of the body that is held, once it is.
    pub(crate) body_length: Option<usize>,
    /// Where the real session waits while a held one stands in for it.
    pub(crate) slot: Option<Slot>,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) refusal: Option<Refusal>,
    /// Index of the break-glass entry that let the request in.
    pub(crate) break_glass: Option<usize>,
    /// What the limits said, and the places it holds among requests at once.
    pub(crate) limits: Outcome,
    /// Counts as active until the context is dropped.
    _in_flight: InFlight,
}

impl Context {
    pub(crate) fn new(edge: &Arc<Edge>) -> Self {
        Self {
            edge: Arc::clone(edge),
            snapshot: edge.snapshot(),
            request_id: String::new(),
            began: Instant::now(),
            answered: None,
            answer_began: None,
            arrival: None,
            head: None,
            route: None,
            identity: None,
            overlay: None,
            inspection: None,
            body_length: None,
            slot: None,
            attempt: None,
            refusal: None,
            break_glass: None,
            limits: Outcome::default(),
            _in_flight: edge.metrics.request(),
        }
    }

    pub(crate) fn route(&self) -> Option<&Route> {
        self.route.and_then(|index| self.snapshot.route_at(index))
    }

    /// Mode of the customer or the route, or of the edge before one is known.
    pub(crate) fn mode(&self) -> WafMode {
        let of_customer = self.overlay.as_ref().and_then(|overlay| overlay.mode());
        of_customer
            .unwrap_or_else(|| self.route().map_or(self.snapshot.config.waf.mode, |route| route.waf.mode))
    }

    /// What the rules do otherwise than `[waf]` says.
    pub(crate) fn applied(&self) -> Result<Applied<'_>, Refusal> {
        self.snapshot.overlays.applied(self.route, self.overlay.as_deref())
    }
}
