//! The HTTP/1 loop: a head through the gate, the message through pingora, the connection back, until one side has had enough.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use pingora_core::{
    apps::{HttpPersistentSettings, HttpServerApp as _},
    protocols::{Shutdown, http::ServerSession},
    server::ShutdownWatch,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout},
};

use super::{
    Connections,
    io::{EdgeIo, Extent},
};
use crate::{
    answer::{self, Refusal, Reply},
    context::{Arrival, Connection, Notes},
    gate::{self, Bounds, Chunks, Framing, Head, Passage, Vetted},
    request_id,
    stages::record,
};

/// Idle time a kept connection is granted during a drain: a request that is on its way still gets its answer.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// How long, and over how many bytes, a client that was refused is listened to before the connection is closed.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 1 << 20);

/// Serves requests until the connection ends.
pub(super) async fn serve(
    app: &Connections,
    mut io: EdgeIo,
    connection: Arc<Connection>,
    mut shutdown: ShutdownWatch,
) {
    let mut settings: Option<HttpPersistentSettings> = None;
    let mut served: u32 = 0;
    loop {
        let snapshot = app.edge.snapshot();
        let limits = &snapshot.config.limits;
        let mut began = None;
        let passage = read_head(&mut io, Bounds::from(limits), &mut began, &mut shutdown).await;
        let vetted = match passage {
            Passage::Vetted(vetted) => vetted,
            Passage::Refused(refusal, head) => {
                let refused =
                    Refused { connection: &connection, refusal: &refusal, head: head.as_deref(), began };
                return refuse(app, &mut io, refused).await;
            }
            Passage::Closed => return,
        };
        served = served.saturating_add(1);
        let last = served >= limits.requests_per_connection || *shutdown.borrow();
        drop(snapshot);

        if vetted.framing == Framing::Upgrade && !io.replay.is_empty() {
            // RFC 6455, section 4.1: nothing follows a handshake before its answer. What does is a request in disguise.
            let refused = Refused {
                connection: &connection,
                refusal: &Refusal::BadUpgrade,
                head: Some(&vetted.head),
                began,
            };
            return refuse(app, &mut io, refused).await;
        }
        let handed = hand_over(&mut io, *vetted, &connection, began, last);
        let mut session = ServerSession::new_http1(Box::new(io));
        match settings.take() {
            Some(settings) => settings.apply_to_session(&mut session),
            // What pingora is told here holds until the pipeline sets it for the request.
            None => session.set_keepalive(Some(1)),
        }
        let reused = app.proxy.process_new_http(session, &shutdown).await;
        if !handed.notes.taken.load(Ordering::Relaxed) {
            // Pingora's parser refused what the gate let through, and answered by itself.
            let refusal = Refusal::ParsersDisagree;
            record::refused(&app.edge, &connection, Some(&handed.head), &refusal, &request_id::new(), began);
        }
        let Some((stream, kept)) = reused.map(|reused| reused.consume()) else { return };
        settings = kept;
        let Ok(stream) = stream.into_any().downcast() else { return };
        io = *stream;
    }
}

/// What is remembered of a message that pingora has been given.
struct Handed {
    head: Arc<Head>,
    notes: Arc<Notes>,
}

/// Puts the vetted head before what was read behind it, and says how far the message goes.
fn hand_over(
    io: &mut EdgeIo,
    vetted: Vetted,
    connection: &Arc<Connection>,
    began: Option<Instant>,
    last: bool,
) -> Handed {
    let Vetted { head, wire, framing } = vetted;
    let (head, notes) = (Arc::new(head), Arc::new(Notes::default()));
    let extent = match framing {
        Framing::Length(body) => Extent::Bytes(body),
        Framing::Chunked => Extent::Chunks(Chunks::new()),
        Framing::Upgrade => Extent::Tunnel,
    };
    let arrival = Arrival {
        connection: Arc::clone(connection),
        head: Arc::clone(&head),
        began: began.unwrap_or_else(Instant::now),
        // A handshake that the backend declines leaves a client that may already speak WebSocket.
        last: last || framing == Framing::Upgrade,
        notes: Arc::clone(&notes),
    };
    io.begin(wire, extent, arrival);
    Handed { head, notes }
}

/// One passage through the gate. A drain that begins meanwhile shortens the wait for a first byte.
async fn read_head(
    io: &mut EdgeIo,
    mut bounds: Bounds,
    began: &mut Option<Instant>,
    shutdown: &mut ShutdownWatch,
) -> Passage {
    let mut draining = *shutdown.borrow_and_update();
    loop {
        if draining {
            bounds.idle = bounds.idle.min(DRAIN_GRACE);
        }
        let (reader, buffer) = io.parts();
        tokio::select! {
            passage = gate::pass(reader, buffer, &bounds, began) => return passage,
            // A sender that is gone will never begin a drain either.
            changed = shutdown.changed(), if !draining => draining = changed.is_ok(),
        }
    }
}

struct Refused<'a> {
    connection: &'a Connection,
    refusal: &'a Refusal,
    head: Option<&'a Head>,
    began: Option<Instant>,
}

async fn refuse(app: &Connections, io: &mut EdgeIo, refused: Refused<'_>) {
    let Refused { connection, refusal, head, began } = refused;
    let id = request_id::choose(head.and_then(|head| head.field(request_id::FIELD)));
    let reply = answer::over_https(refusal, &id, &app.edge.snapshot());
    if let Reply::Answer(answer) = reply {
        let to_head = head.is_some_and(|head| head.method() == b"HEAD");
        let write = async {
            io.write_all(&answer.to_http1(to_head)).await?;
            io.flush().await
        };
        let _ = timeout(app.edge.snapshot().config.limits.write_timeout, write).await;
    }
    record::refused(&app.edge, connection, head, refusal, &id, began);
    Shutdown::shutdown(io).await;
    let (stream, _) = io.parts();
    let (patience, most) = LINGER;
    let _ = timeout(patience, async {
        let mut sink = [0; 4096];
        let mut total = 0;
        while let Ok(count @ 1..) = stream.read(&mut sink).await {
            total += count;
            if total > most {
                break;
            }
        }
    })
    .await;
}
