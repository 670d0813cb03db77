//! Pingora's hooks, each of which calls a stage and nothing else.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::Version;
use pingora_core::{Error, ErrorType, Result, protocols::Digest, upstreams::peer::HttpPeer};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use portcullis_config::WafMode;

use crate::{
    answer::{self, Refusal},
    context::{Arrival, Context},
    edge::Edge,
    in_step::{self, Stage},
    session,
    stages::{address, admit, forward, inspect, limit, record, respond},
};

/// Serves one request after another by the stages.
pub(crate) struct Pipeline {
    pub(crate) edge: Arc<Edge>,
}

#[async_trait]
impl ProxyHttp for Pipeline {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context::new(&self.edge)
    }

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Context) -> Result<()> {
        let arrival = session
            .digest()
            .and_then(|digest| digest.proxy_digest.as_deref())
            .and_then(Arrival::from_digest)
            .cloned();
        let Some(arrival) = arrival else {
            return Error::e_explain(
                ErrorType::InternalError,
                "a request that did not come by a connection of ours",
            );
        };
        arrival.notes.taken.store(true, Ordering::Relaxed);
        // Pingora keeps a connection for ever after its first request unless told otherwise, every time. Where the client or a
        // drain wants it closed it stays so.
        if session.get_keepalive().is_some() {
            session.set_keepalive((!arrival.last).then(|| ctx.snapshot.idle_seconds()));
        }
        admit::arrive(ctx, arrival);
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Context) -> Result<bool> {
        match request_stages(session, ctx).await {
            Ok(()) => Ok(false),
            Err(refusal) => {
                refuse(session, ctx, refusal).await;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(&self, _session: &mut Session, ctx: &mut Context) -> Result<Box<HttpPeer>> {
        let snapshot = Arc::clone(&ctx.snapshot);
        match forward::peer(&snapshot, ctx).await {
            Ok(peer) => Ok(Box::new(peer)),
            Err(refusal) => Err(stop(ctx, refusal)),
        }
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        _reused: bool,
        _peer: &HttpPeer,
        _fd: std::os::unix::io::RawFd,
        _digest: Option<&Digest>,
        ctx: &mut Context,
    ) -> Result<()> {
        forward::connected(ctx);
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream_request: &mut RequestHeader,
        ctx: &mut Context,
    ) -> Result<()> {
        if let Some(slot) = &ctx.slot {
            slot.keep_end(session.is_upgrade_req() && upstream_request.version != Version::HTTP_2);
        }
        let snapshot = Arc::clone(&ctx.snapshot);
        forward::request(&snapshot, ctx, upstream_request)
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        upstream_response: &mut ResponseHeader,
        ctx: &mut Context,
    ) -> Result<()> {
        if let Err(refusal) = respond::vet(ctx, session.is_upgrade_req(), upstream_response) {
            return Err(stop(ctx, refusal));
        }
        let snapshot = Arc::clone(&ctx.snapshot);
        in_step::gather(Stage::Answer).await;
        respond::inspect(&snapshot, ctx, session, upstream_response);
        Ok(())
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        _body: &mut Option<Bytes>,
        _end_of_stream: bool,
        ctx: &mut Context,
    ) -> Result<Option<Duration>> {
        match respond::in_time(ctx) {
            Ok(()) => Ok(None),
            Err(refusal) => Err(stop(ctx, refusal)),
        }
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        upstream_response: &mut ResponseHeader,
        ctx: &mut Context,
    ) -> Result<()> {
        let snapshot = Arc::clone(&ctx.snapshot);
        respond::fields(&snapshot, ctx, session, upstream_response)
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Context,
        e: Box<Error>,
    ) -> Box<Error> {
        forward::connect_failed(ctx, e)
    }

    async fn fail_to_proxy(&self, session: &mut Session, e: &Error, ctx: &mut Context) -> FailToProxy {
        detach(session, ctx);
        let refusal = ctx.refusal.take().unwrap_or_else(|| forward::blame(ctx, e));
        let error_code = refusal.status();
        // After a 101 the connection speaks another protocol, in which an answer of ours would be garbage.
        let answered = session.response_written().is_some_and(session::is_answer);
        if refusal == Refusal::ClientGone || answered {
            // Half an answer cannot be taken back; the connection ends so that the client sees it was cut.
            ctx.refusal = Some(refusal);
        } else {
            session.set_keepalive(None);
            refuse(session, ctx, refusal).await;
            if session.req_header().version != Version::HTTP_2 {
                // Pingora drops the connection without TLS's own goodbye (RFC 8446, section 6.1).
                session.shutdown().await;
            }
        }
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, e: Option<&Error>, ctx: &mut Context) {
        detach(session, ctx);
        if ctx.refusal.is_none() && ctx.answered.is_none() {
            ctx.refusal = e.map(|error| forward::blame(ctx, error));
        }
        record::request(session, ctx);
    }

    /// Pingora's own words hold the request's URL; what there is to say stands in the access record.
    fn suppress_error_log(&self, _session: &Session, _ctx: &Context, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _ctx: &Context,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }

    fn request_summary(&self, _session: &Session, ctx: &Context) -> String {
        ctx.request_id.clone()
    }
}

/// A request's way to its backend, in reading order.
async fn request_stages(session: &mut Session, ctx: &mut Context) -> Result<(), Refusal> {
    let snapshot = Arc::clone(&ctx.snapshot);
    let admitted = admit::request(&snapshot, ctx).and_then(|()| address::request(&snapshot, ctx));
    if let Err(refusal) = admitted {
        inspect::unadmitted(&snapshot, ctx);
        return Err(refusal);
    }
    // The rules are not asked: what they cost is what is lacking.
    if ctx.edge.load.pressure().sheds(ctx.identity.is_some()) {
        return Err(Refusal::Shed);
    }
    limit::request(&snapshot, ctx).await?;
    if ctx.mode() != WafMode::Off {
        in_step::gather(Stage::Inspection).await;
    }
    inspect::head(&snapshot, ctx)?;
    let body = inspect::body(&snapshot, ctx, session).await?;
    let body = body.filter(|body| !body.is_empty());
    if body.is_some() || session.is_upgrade_req() {
        ctx.slot = Some(session::attach(&mut session.downstream_session, body));
    }
    in_step::gather(Stage::Forwarding).await;
    Ok(())
}

async fn refuse(session: &mut Session, ctx: &mut Context, refusal: Refusal) {
    let reply = answer::over_https(&refusal, &ctx.request_id, &ctx.snapshot);
    ctx.refusal = Some(refusal);
    answer::send(session.as_mut(), reply).await;
    ctx.answered = Some(tokio::time::Instant::now());
}

/// Ends the request by an error of pingora's; [`ProxyHttp::fail_to_proxy`] answers with the refusal.
fn stop(ctx: &mut Context, refusal: Refusal) -> Box<Error> {
    let error = Error::explain(ErrorType::HTTPStatus(refusal.status()), refusal.reason());
    ctx.refusal = Some(refusal);
    error
}

fn detach(session: &mut Session, ctx: &mut Context) {
    if let Some(slot) = ctx.slot.take() {
        session::detach(&mut session.downstream_session, &slot);
    }
}
