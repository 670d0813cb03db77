//! The answer on its way back: phases 3 and 4 where they are in scope, then the fields that every answer over HTTPS has.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use portcullis_config::WafMode;
use portcullis_waf::Header;
use tokio::time::Instant;

use super::inspect::{SharedInspection, aside};
use crate::{
    answer::{self, Refusal, Reply},
    context::Context,
    request_id,
    session::{self, Hold, Judge, Plan},
    snapshot::Snapshot,
};

/// Fields between two neighbours on the way (RFC 9110, section 7.6.1) that pingora leaves in an answer.
const HOP_BY_HOP: [&str; 3] = ["keep-alive", "proxy-connection", "te"];

/// What a backend may answer. Everything that could be read two ways behind us, or opens a tunnel that nobody asked for, is no answer
/// (RFC 9112, section 6.3; RFC 9110, section 15.2.2).
pub(crate) fn vet(ctx: &mut Context, asked: bool, response: &ResponseHeader) -> Result<(), Refusal> {
    let fields = &response.headers;
    let switches = response.status == StatusCode::SWITCHING_PROTOCOLS;
    let to_websocket =
        fields.get(header::UPGRADE).is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let mut lengths = fields.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next().map(HeaderValue::as_bytes);
    let number = |length: &[u8]| !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    let mut codings = fields.get_all(header::TRANSFER_ENCODING).iter();
    let coding = codings.next().map(HeaderValue::as_bytes);
    let sound = response.status.as_u16() < 600
        && (!switches || (asked && to_websocket && response.version == Version::HTTP_11))
        && length.is_none_or(number)
        && lengths.next().is_none()
        && coding.is_none_or(|coding| coding.eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_none();
    if !sound {
        return Err(Refusal::UpstreamAnswer);
    }
    if switches {
        if let Some(arrival) = &ctx.arrival {
            arrival.notes.tunnel.store(true, Ordering::Relaxed);
        }
    } else if !response.status.is_informational() {
        ctx.answer_began = Some(Instant::now());
    }
    Ok(())
}

/// Whether the answer may go on. A tunnel is no answer and has no end of its own.
pub(crate) fn in_time(ctx: &Context) -> Result<(), Refusal> {
    let limit = ctx.snapshot.config.limits.answer_timeout;
    match ctx.answer_began {
        Some(began) if began.elapsed() > limit => Err(Refusal::AnswerTimeout),
        _ => Ok(()),
    }
}

/// Phase 3; where the rules want the body too, or refuse, a held session takes the answer in.
pub(crate) fn inspect(
    snapshot: &Snapshot,
    ctx: &mut Context,
    session: &mut Session,
    response: &ResponseHeader,
) {
    if !session::is_answer(response) {
        return;
    }
    if let Some(attempt) = ctx.attempt.as_mut() {
        attempt.status = Some(response.status.as_u16());
    }
    if !snapshot.config.waf.inspect_responses || ctx.mode() == WafMode::Off {
        return;
    }
    let Some(inspection) = ctx.inspection.clone() else { return };
    let outcome = match phase_3(&inspection, response) {
        Ok(Some(bounds)) if response.status != StatusCode::SWITCHING_PROTOCOLS => {
            let plan = hold(snapshot, ctx, &inspection, bounds);
            return put(ctx, session, plan);
        }
        // Phase 4 runs all the same: some of its rules look at the status only, and its verdict may rest on phase 3.
        Ok(_) => inspection.lock().phase(|transaction| transaction.response_body_shared(&Bytes::new())),
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = outcome {
        put(ctx, session, Plan::Replace(Refuser::new(ctx, &inspection).refuse(refusal)));
    }
}

/// Gives the held session its plan; one that is not there yet is attached now.
fn put(ctx: &mut Context, session: &mut Session, plan: Plan) {
    let slot = match &ctx.slot {
        Some(slot) => slot.clone(),
        None => session::attach(&mut session.downstream_session, None),
    };
    slot.plan(plan);
    ctx.slot = Some(slot);
}

/// What an answer gains and loses, whoever made it.
pub(crate) fn fields(
    snapshot: &Snapshot,
    ctx: &Context,
    session: &mut Session,
    response: &mut ResponseHeader,
) -> pingora_core::Result<()> {
    if !session::is_answer(response) {
        return Ok(());
    }
    // What the backend takes away by naming it comes first, or it could take away what is ours.
    if response.status != StatusCode::SWITCHING_PROTOCOLS {
        for name in nominated(response) {
            response.remove_header(&name);
        }
    }
    // Inserting replaces the backend's own, however often it sent it.
    response.insert_header(header::STRICT_TRANSPORT_SECURITY, snapshot.hsts.clone())?;
    if let Ok(id) = HeaderValue::from_str(&ctx.request_id) {
        response.insert_header(HeaderName::from_static(request_id::FIELD), id)?;
    }
    for name in HOP_BY_HOP {
        response.remove_header(name);
    }
    if let Some((policy, state)) = snapshot.limits.fields(&ctx.limits.standings) {
        // Beside the backend's own: both are lists.
        response.append_header(answer::RATELIMIT_POLICY, policy)?;
        response.append_header(answer::RATELIMIT, state)?;
    }
    if session.req_header().version == Version::HTTP_10 {
        // A 1.0 client knows no chunks (RFC 9112, section 6.1): the end of the connection is the end of the answer.
        if response.headers.contains_key(header::TRANSFER_ENCODING) {
            response.remove_header(&header::TRANSFER_ENCODING);
            session.set_keepalive(None);
        }
    }
    Ok(())
}

/// Fields that the backend's `Connection` names as meant for us alone. Framing is no field to be named away.
fn nominated(response: &ResponseHeader) -> Vec<HeaderName> {
    let lists = response.headers.get_all(header::CONNECTION);
    let names = lists.iter().flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    names
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !matches!(*name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING))
        .collect()
}

/// How much of a body phase 4 wants to see.
#[derive(Clone, Copy)]
struct Bounds {
    limit: usize,
    /// Whether a longer one is refused.
    rejects_longer: bool,
}

/// Bounds of the body, if phase 4 wants it.
fn phase_3(inspection: &SharedInspection, response: &ResponseHeader) -> Result<Option<Bounds>, Refusal> {
    let fields: Vec<Header<'_>> = response
        .headers
        .iter()
        .map(|(name, value)| Header { name: name.as_str().as_bytes(), value: value.as_bytes() })
        .collect();
    let protocol: &[u8] = match response.version {
        Version::HTTP_10 => b"HTTP/1.0",
        Version::HTTP_2 => b"HTTP/2.0",
        _ => b"HTTP/1.1",
    };
    let mut inspection = inspection.lock();
    inspection.phase(|transaction| transaction.response_head(response.status.as_u16(), protocol, &fields))?;
    inspection.ask(|transaction| {
        transaction.inspects_response_body().then(|| Bounds {
            limit: transaction.response_body_limit(),
            rejects_longer: transaction.rejects_long_response(),
        })
    })
}

fn hold(snapshot: &Snapshot, ctx: &Context, inspection: &SharedInspection, bounds: Bounds) -> Plan {
    let Bounds { limit, rejects_longer } = bounds;
    let refuser = Refuser::new(ctx, inspection);
    let room_limit = snapshot.config.limits.buffered_bytes;
    let Some(room) = ctx.edge.buffered.reserve(0, room_limit) else {
        return Plan::Replace(refuser.refuse(Refusal::Overloaded));
    };
    Plan::Hold(Hold {
        limit,
        // Who only wants to watch refuses nothing.
        rejects_longer: rejects_longer && ctx.mode() == WafMode::Block,
        judge: Box::new(Phase4 { refuser, limit }),
        room,
        room_limit,
    })
}

/// Judges by phase 4.
struct Phase4 {
    refuser: Refuser,
    limit: usize,
}

impl Judge for Phase4 {
    fn judge(&self, body: &Bytes) -> Option<Reply> {
        let body = body.slice(..self.limit.min(body.len()));
        let call = || {
            let mut inspection = self.refuser.inspection.lock();
            inspection.phase(|transaction| transaction.response_body_shared(&body))?;
            inspection.conclude();
            Ok(())
        };
        aside(body.len(), call).err().map(|refusal| self.refuser.refuse(refusal))
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        self.refuser.refuse(refusal)
    }
}

/// Refuses where the context cannot be reached, and leaves word where it will look.
struct Refuser {
    snapshot: Arc<Snapshot>,
    request_id: String,
    inspection: SharedInspection,
}

impl Refuser {
    fn new(ctx: &Context, inspection: &SharedInspection) -> Self {
        Self {
            snapshot: Arc::clone(&ctx.snapshot),
            request_id: ctx.request_id.clone(),
            inspection: inspection.clone(),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        let reply = answer::over_https(&refusal, &self.request_id, &self.snapshot);
        self.inspection.lock().refusal = Some(refusal);
        reply
    }
}
