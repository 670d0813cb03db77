//! Connections without TLS: the redirecting listener and the admin listener. One vetted request, one answer, close; nothing that is
//! read here is ever forwarded.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::BytesMut;
use pingora_core::{
    apps::ServerApp,
    protocols::{Stream, l4::stream::Stream as TcpStream},
    server::ShutdownWatch,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::{
    admin,
    answer::{self, Answer, Refusal, Reply},
    client, connection,
    context::Connection,
    edge::Edge,
    gate::{self, Bounds, Passage, Vetted},
    redirect, request_id,
    stages::record,
};

/// Connections of operators at once.
const OPERATORS: usize = 64;

/// What a plain listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To send clients to HTTPS.
    Redirect,
    /// To tell operators how things are. Not recorded: it is not a client's traffic.
    Admin,
}

/// Serves a plain listener.
pub(crate) struct Plain {
    pub(crate) edge: Arc<Edge>,
    pub(crate) purpose: Purpose,
}

#[async_trait]
impl ServerApp for Plain {
    async fn process_new(self: &Arc<Self>, stream: Stream, _shutdown: &ShutdownWatch) -> Option<Stream> {
        let mut tcp: TcpStream = *stream.into_any().downcast().ok()?;
        let mut connection = connection::facts(&tcp)?;
        let snapshot = self.edge.snapshot();
        let limits = &snapshot.config.limits;
        let place = match self.purpose {
            Purpose::Redirect => self.edge.connections.reserve(1, limits.connections),
            Purpose::Admin => self.edge.operators.reserve(1, OPERATORS),
        };
        let Some(_place) = place else {
            if self.purpose == Purpose::Redirect {
                record::connection(&self.edge, &connection, &Refusal::ConnectionLimit);
            }
            return None;
        };
        let _open = self.edge.metrics.connection();
        let mut _share = None;
        if self.purpose == Purpose::Redirect {
            let deadline = limits.handshake_timeout;
            let admitted =
                match client::of_connection(&self.edge, &snapshot, &mut tcp, &mut connection, deadline).await
                {
                    Ok(()) => connection::share(&self.edge, &snapshot, &connection),
                    Err(refusal) => Err(refusal),
                };
            match admitted {
                Ok(share) => _share = share,
                Err(refusal) => {
                    record::connection(&self.edge, &connection, &refusal);
                    return None;
                }
            }
        }
        let mut bounds = Bounds::from(limits);
        // There is no second request here to be idle before.
        bounds.idle = bounds.idle.min(bounds.total);
        let mut buffer = BytesMut::new();
        let mut began = None;
        let (reply, to_head) = match gate::pass(&mut tcp, &mut buffer, &bounds, &mut began).await {
            Passage::Closed => return None,
            Passage::Vetted(vetted) => {
                let to_head = vetted.head.method() == b"HEAD";
                (self.answer(&connection, &vetted, began), to_head)
            }
            Passage::Refused(refusal, head) => {
                let id = request_id::choose(head.as_ref().and_then(|head| head.field(request_id::FIELD)));
                if self.purpose == Purpose::Redirect {
                    record::refused(&self.edge, &connection, head.as_deref(), &refusal, &id, began);
                }
                (answer::over_http(&refusal, &id), false)
            }
        };
        if let Reply::Answer(answer) = reply {
            let _ = timeout(limits.write_timeout, finish(&mut tcp, &answer, to_head)).await;
        }
        None
    }
}

impl Plain {
    fn answer(&self, connection: &Connection, vetted: &Vetted, began: Option<tokio::time::Instant>) -> Reply {
        let head = &vetted.head;
        let id = request_id::choose(head.field(request_id::FIELD));
        match self.purpose {
            Purpose::Admin => Reply::Answer(admin::answer(&self.edge, head)),
            Purpose::Redirect => match redirect::answer(&self.edge.snapshot(), vetted, &id) {
                Ok(answer) => {
                    record::redirected(&self.edge, connection, head, answer.status, &id, began);
                    Reply::Answer(answer)
                }
                Err(refusal) => {
                    record::refused(&self.edge, connection, Some(head), &refusal, &id, began);
                    answer::over_http(&refusal, &id)
                }
            },
        }
    }
}

/// Writes, closes our half, and reads for a moment what the client was still sending, so that it is not reset before it has read.
async fn finish(tcp: &mut TcpStream, answer: &Answer, to_head: bool) -> std::io::Result<()> {
    tcp.write_all(&answer.to_http1(to_head)).await?;
    tcp.flush().await?;
    tcp.shutdown().await?;
    let mut sink = [0; 4096];
    let drain = async {
        for _ in 0..64 {
            if !matches!(tcp.read(&mut sink).await, Ok(1..)) {
                return;
            }
        }
    };
    let _ = timeout(Duration::from_millis(500), drain).await;
    Ok(())
}
