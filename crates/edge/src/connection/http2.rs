//! The HTTP/2 loop: streams are accepted one by one and each is served by a task of its own.
//!
//! Pingora has such a loop; this one adds what it cannot tell: requests that the library refused, a bound on streams per connection,
//! and a drain that ends.

use std::sync::{Arc, atomic::AtomicBool};

use bytes::Bytes;
use pingora_core::{
    apps::HttpServerApp as _,
    protocols::{
        Digest, GetProxyDigest as _, GetSocketDigest as _, Stream,
        http::{
            ServerSession,
            v2::server::{H2Accept, H2Options, HttpSession, default_h2_options, handshake},
        },
    },
    server::ShutdownWatch,
};
use portcullis_config::Limits;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Connections,
    frames::{FrameErrors, FrameWatch},
    io::EdgeIo,
};
use crate::{
    answer::{self, Refusal},
    context::{Arrival, Connection},
    gate::Head,
    request_id,
    stages::record,
};

/// Window of one stream and of the connection: with the protocol's 64 KiB an upload waits for a round trip every 64 KiB.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// Malformed requests after which a connection is cut; a client that is merely broken stops earlier.
const MOST_MALFORMED: u64 = 32;

/// Serves streams until the connection ends.
pub(super) async fn serve(
    app: &Connections,
    io: EdgeIo,
    connection: Arc<Connection>,
    mut shutdown: ShutdownWatch,
) {
    let snapshot = app.edge.snapshot();
    let limits = snapshot.config.limits.clone();
    drop(snapshot);
    let errors = Arc::new(FrameErrors::default());
    let Some((mut http2, digest)) = open(io, &connection, &limits, &errors).await else {
        record::connection(&app.edge, &connection, &Refusal::Http2ConnectionError);
        return;
    };

    let mut malformed = Malformed { app, connection: &connection, errors: &errors, rejected: 0, total: 0 };
    let mut streams = JoinSet::new();
    let mut served: u32 = 0;
    let mut closing = false;
    let mut idle_since = Instant::now();
    loop {
        tokio::select! {
            biased;
            // A sender that is gone counts as a drain: nothing will ever wake this loop for one again.
            _ = shutdown.changed(), if !closing => {
                http2.graceful_shutdown();
                closing = true;
            }
            Some(_) = streams.join_next(), if !streams.is_empty() => idle_since = Instant::now(),
            () = errors.seen.notified() => malformed.settle(),
            accepted = HttpSession::from_h2_conn(&mut http2, Arc::clone(&digest)) => match accepted {
                Ok(Some(H2Accept::Session(session))) => {
                    served = served.saturating_add(1);
                    if served >= limits.requests_per_connection && !closing {
                        http2.graceful_shutdown();
                        closing = true;
                    }
                    spawn(app, &connection, session, &mut streams, &shutdown);
                }
                Ok(Some(H2Accept::Rejected)) => malformed.rejected += 1,
                Ok(None) | Err(_) => break,
            },
            () = sleep_until(idle_since + limits.idle_timeout), if streams.is_empty() => break,
        }
        if malformed.count() >= MOST_MALFORMED {
            break;
        }
    }
    // Streams whose connection is gone end by themselves, and leave their records.
    streams.detach_all();
    drop(http2);
    malformed.end();
}

/// The connection preface and settings, within the time of a head.
async fn open(
    mut io: EdgeIo,
    connection: &Arc<Connection>,
    limits: &Limits,
    errors: &Arc<FrameErrors>,
) -> Option<(h2::server::Connection<Stream, Bytes>, Arc<Digest>)> {
    io.watch_frames(FrameWatch::new(Arc::clone(errors)));
    io.announce(Arrival {
        connection: Arc::clone(connection),
        head: None,
        began: None,
        last: false,
        taken: Arc::new(AtomicBool::new(false)),
    });
    let digest = Arc::new(Digest {
        ssl_digest: None,
        timing_digest: Vec::new(),
        proxy_digest: io.get_proxy_digest(),
        socket_digest: io.get_socket_digest(),
    });
    let stream: Stream = Box::new(io);
    let opened = timeout(limits.head_timeout, handshake(stream, Some(options(limits)))).await;
    Some((opened.ok()?.ok()?, digest))
}

fn options(limits: &Limits) -> H2Options {
    let mut options = default_h2_options();
    options
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.h2_streams)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    options
}

fn spawn(
    app: &Connections,
    connection: &Arc<Connection>,
    session: HttpSession,
    streams: &mut JoinSet<()>,
    shutdown: &ShutdownWatch,
) {
    let mut session = ServerSession::new_http2(session);
    let edge = Arc::clone(&app.edge);
    if session.req_header().method == http::Method::CONNECT {
        // Pingora would answer this one by itself, unseen.
        let connection = Arc::clone(connection);
        streams.spawn(async move {
            let head = Head::from_http2(session.req_header());
            let id = request_id::choose(head.field(request_id::FIELD));
            let refusal = Refusal::MethodNotAllowed;
            answer::send(&mut session, answer::over_https(&refusal, &id, &edge.snapshot())).await;
            record::refused(&edge, &connection, Some(&head), &refusal, &id, None);
        });
        return;
    }
    let (proxy, shutdown) = (Arc::clone(&app.proxy), shutdown.clone());
    streams.spawn(async move {
        proxy.process_new_http(session, &shutdown).await;
    });
}

/// Requests that ended before they were one.
struct Malformed<'a> {
    app: &'a Connections,
    connection: &'a Connection,
    errors: &'a FrameErrors,
    /// Refused by pingora's checks; the resets among them pass the frame watch as well and are recorded there.
    rejected: u64,
    total: u64,
}

impl Malformed<'_> {
    fn count(&self) -> u64 {
        self.total + self.rejected
    }

    fn settle(&mut self) {
        let resets = self.errors.take_streams();
        self.rejected = self.rejected.saturating_sub(resets);
        self.record(resets, &Refusal::Http2StreamError);
        let ended = self.errors.take_connections();
        self.record(ended, &Refusal::Http2ConnectionError);
    }

    fn end(mut self) {
        self.settle();
        let answered = std::mem::take(&mut self.rejected);
        self.record(answered, &Refusal::Http2StreamError);
    }

    fn record(&mut self, count: u64, refusal: &Refusal) {
        self.total += count;
        for _ in 0..count {
            if *refusal == Refusal::Http2StreamError {
                self.app.edge.metrics.h2_stream_error();
            }
            record::connection(&self.app.edge, self.connection, refusal);
        }
    }
}
