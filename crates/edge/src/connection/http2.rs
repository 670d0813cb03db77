//! The HTTP/2 loop: streams are accepted one by one, vetted, and each is served by a task of its own.
//!
//! What pingora's own loop cannot do: refuse a request with an answer of ours, tell of requests that the library refused, see a flood
//! and end it, bound the streams of a connection, and drain.

use std::{sync::Arc, task::Poll};

use bytes::Bytes;
use pingora_core::{
    apps::HttpServerApp as _,
    protocols::{
        Digest, GetSocketDigest as _, SocketDigest, Stream,
        http::{ServerSession, v2::server::H2Options},
    },
    server::ShutdownWatch,
};
use portcullis_config::Limits;
use tokio::{
    task::JoinSet,
    time::{Duration, Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use super::{
    Connections,
    flood::{Frames, Inbound, InboundState},
    frames::{FrameErrors, FrameWatch},
    io::EdgeIo,
    pace::Patience,
    stream::Http2Stream,
};
use crate::{
    answer::{self, Refusal, Reply},
    context::{Arrival, Connection, Notes},
    edge::Edge,
    gate::{self, Head},
    request_id,
    stages::record,
};

/// Window of one stream and of the connection: with the protocol's 64 KiB an upload waits for a round trip every 64 KiB.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// Bytes of an answer that wait in the library for a client that does not read.
const SEND_BUFFER: usize = 64 << 10;

/// Malformed requests after which a connection is cut; a client that is merely broken stops earlier.
const MOST_MALFORMED: u64 = 32;

/// How often a connection is looked at for a header block that does not end.
const TICK: Duration = Duration::from_millis(500);

/// Time that a connection which is cut gets to take our last frames.
const FAREWELL: Duration = Duration::from_millis(500);

type Http2 = h2::server::Connection<Stream, Bytes>;

/// Serves streams until the connection ends.
pub(super) async fn serve(
    app: &Connections,
    mut io: EdgeIo,
    connection: Arc<Connection>,
    mut shutdown: ShutdownWatch,
) {
    let limits = app.edge.snapshot().config.limits.clone();
    let (errors, inbound) = (Arc::new(FrameErrors::default()), Arc::new(InboundState::default()));
    let frames = Frames { resets: limits.h2_resets, control: limits.h2_control_frames };
    let socket = io.get_socket_digest();
    let watch = Inbound::new(frames, Arc::clone(&inbound), Arc::clone(&errors), Instant::now());
    io.watch_frames(watch, FrameWatch::new(Arc::clone(&errors)));
    let Some(mut http2) = open(io, &limits).await else {
        record::connection(&app.edge, &connection, &Refusal::Http2ConnectionError);
        return;
    };

    let streams =
        Streams { app, connection: &connection, socket, limits: &limits, shutdown: shutdown.clone() };
    let mut malformed = Malformed { app, connection: &connection, errors: &errors, total: 0 };
    let mut running = JoinSet::new();
    let (mut served, mut served_since_closing): (u32, u32) = (0, 0);
    let mut closing = false;
    let mut idle_since = Instant::now();
    let mut tick = interval(TICK.min(limits.head_timeout));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cut = None;
    loop {
        tokio::select! {
            biased;
            // A sender that is gone counts as a drain: nothing will ever wake this loop for one again.
            _ = shutdown.changed(), if !closing => {
                http2.graceful_shutdown();
                closing = true;
            }
            Some(_) = running.join_next(), if !running.is_empty() => idle_since = Instant::now(),
            () = errors.seen.notified() => malformed.settle(),
            accepted = http2.accept() => match accepted {
                Some(Ok((request, answer))) => {
                    served = served.saturating_add(1);
                    served_since_closing = served_since_closing.saturating_add(u32::from(closing));
                    if served >= limits.requests_per_connection && !closing {
                        http2.graceful_shutdown();
                        closing = true;
                    }
                    if !streams.begin(request, answer, &mut running) {
                        malformed.total += 1;
                    }
                }
                Some(Err(_)) | None => break,
            },
            _ = tick.tick() => {
                if inbound.open_since().is_some_and(|since| since.elapsed() > limits.head_timeout) {
                    cut = Some(Refusal::HeadTimeout);
                }
            }
            () = sleep_until(idle_since + limits.idle_timeout), if running.is_empty() => break,
        }
        // What was on its way when a goodbye was sent is served. Who goes on does not want to know of it.
        if inbound.is_flooded() || served_since_closing > limits.h2_streams {
            cut = Some(Refusal::Http2Flood);
        }
        if malformed.total >= MOST_MALFORMED {
            cut = Some(Refusal::Http2ConnectionError);
        }
        if cut.is_some() {
            break;
        }
    }
    // Streams whose connection is gone end by themselves, and leave their records.
    running.detach_all();
    if let Some(refusal) = cut {
        malformed.settle();
        record::connection(&app.edge, &connection, &refusal);
        inbound.close();
        farewell(&mut http2).await;
        // Our own goodbye is no second fault.
        errors.take_calmed();
    }
    drop(http2);
    malformed.settle();
}

/// GOAWAY, and the time to take it.
async fn farewell(http2: &mut Http2) {
    http2.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
    let closed = std::future::poll_fn(|cx| match http2.poll_closed(cx) {
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending => Poll::Pending,
    });
    let _ = timeout(FAREWELL, closed).await;
}

/// The connection preface and settings, within the time of a head.
async fn open(io: EdgeIo, limits: &Limits) -> Option<Http2> {
    let stream: Stream = Box::new(io);
    let opened = timeout(limits.head_timeout, options(limits).handshake(stream)).await;
    opened.ok()?.ok()
}

fn options(limits: &Limits) -> H2Options {
    let mut options = H2Options::new();
    options
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.h2_streams)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        // One bound on streams taken back, whether a task had them yet or not.
        .max_pending_accept_reset_streams(limits.h2_resets as usize)
        .max_send_buffer_size(SEND_BUFFER);
    options
}

/// What all streams of a connection have in common.
struct Streams<'a> {
    app: &'a Connections,
    connection: &'a Arc<Connection>,
    socket: Option<Arc<SocketDigest>>,
    limits: &'a Limits,
    shutdown: ShutdownWatch,
}

impl Streams<'_> {
    /// Vets a request and serves it in a task. `false` when it was refused as malformed.
    fn begin(
        &self,
        request: http::Request<h2::RecvStream>,
        mut answer: h2::server::SendResponse<Bytes>,
        running: &mut JoinSet<()>,
    ) -> bool {
        let (parts, body) = request.into_parts();
        let (request, head, outcome) = gate::vet_http2(parts);
        let began = Instant::now();
        if let Err(refusal) = outcome {
            refuse(&self.app.edge, self.connection, &refusal, (&head, began), &mut answer);
            return refusal == Refusal::MethodNotAllowed;
        }
        let arrival = Arrival {
            connection: Arc::clone(self.connection),
            head: Arc::new(head),
            began,
            last: false,
            notes: Arc::new(Notes::default()),
        };
        let digest = Digest {
            ssl_digest: None,
            timing_digest: Vec::new(),
            proxy_digest: arrival.into_digest(),
            socket_digest: self.socket.clone(),
        };
        let patience = Patience { stall: self.limits.write_timeout, rate: self.limits.answer_rate };
        let stream = Http2Stream::new(request, body, answer, digest, patience);
        let (proxy, shutdown) = (Arc::clone(&self.app.proxy), self.shutdown.clone());
        running.spawn(async move {
            let session = ServerSession::new_custom(Box::new(stream));
            proxy.process_new_http(session, &shutdown).await;
        });
        true
    }
}

/// Answers a request that goes no further. Its body, if it has one, is not waited for.
fn refuse(
    edge: &Edge,
    connection: &Connection,
    refusal: &Refusal,
    (head, began): (&Head, Instant),
    answer: &mut h2::server::SendResponse<Bytes>,
) {
    let id = request_id::choose(head.field(request_id::FIELD));
    if let Reply::Answer(reply) = answer::over_https(refusal, &id, &edge.snapshot())
        && let Some(header) = reply.header()
    {
        let to_head = head.method() == b"HEAD";
        let response = http::Response::from_parts(header.as_owned_parts(), ());
        // A client that is gone needs no answer. The body is short, so it may wait in the library for its window.
        if let Ok(mut writer) = answer.send_response(response, to_head)
            && !to_head
        {
            let _ = writer.send_data(reply.body, true);
        }
    }
    record::refused(edge, connection, Some(head), refusal, &id, Some(began));
}

/// Requests that ended before they were one, and what the library ended by itself.
struct Malformed<'a> {
    app: &'a Connections,
    connection: &'a Connection,
    errors: &'a FrameErrors,
    total: u64,
}

impl Malformed<'_> {
    fn settle(&mut self) {
        let resets = self.errors.take_streams();
        self.record(resets, &Refusal::Http2StreamError);
        let ended = self.errors.take_connections();
        self.record(ended, &Refusal::Http2ConnectionError);
        let calmed = self.errors.take_calmed();
        self.record(calmed, &Refusal::Http2Flood);
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
