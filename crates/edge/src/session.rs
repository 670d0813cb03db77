//! The held session stands in for the client's while a request is at the backend: it serves the body that was read and inspected
//! before, and holds the answer back until it was inspected too.
//!
//! It also keeps the end of a WebSocket handshake's request to itself until the backend has answered: to pingora, a request that ends
//! after the backend has switched protocols is the end of the tunnel, and which of the two it hears of first is chance.
//!
//! It delegates everything else. Two invariants: the body it replays is exactly what the rules saw, and no byte of a held answer
//! goes out before its judge has spoken. It is attached late and taken off before pingora finishes, so keep-alive is the real
//! session's business alone.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use pingora_core::{
    Error, ErrorType, Result,
    protocols::{
        Digest,
        http::{
            HttpTask, ServerSession,
            custom::{CustomMessageWrite, server::Session as CustomSession},
        },
        l4::socket::SocketAddr,
    },
};
use pingora_http::{RequestHeader, ResponseHeader};

use crate::{
    answer::{self, Refusal, Reply},
    budget::Reservation,
    in_step::{self, Stage},
};

/// Stream of messages beside HTTP; a protocol of pingora's own that is not used here.
type Messages = Box<dyn futures::Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>;

/// Decides over a held answer.
pub(crate) trait Judge: Send + Sync {
    /// By its body, or by as much of it as the limit let in. `None` lets it pass.
    fn judge(&self, body: &Bytes) -> Option<Reply>;

    /// Makes what goes out instead when it cannot even be judged, and takes note of it.
    fn refuse(&self, refusal: Refusal) -> Reply;
}

/// What is to be done with an answer of the backend.
pub(crate) enum Plan {
    /// Goes out as it comes.
    Pass,
    /// This goes out instead.
    Replace(Reply),
    /// Is held until it is complete, or longer than the limit.
    Hold(Hold),
}

/// How an answer is held.
pub(crate) struct Hold {
    pub(crate) limit: usize,
    /// Whether an answer longer than the limit is refused; otherwise its prefix is judged.
    pub(crate) rejects_longer: bool,
    pub(crate) judge: Box<dyn Judge>,
    /// Room for what is held, from the common budget, and that budget's limit.
    pub(crate) room: Reservation,
    pub(crate) room_limit: usize,
}

/// Shared by the held session and the request's context: the real session on its way back, and the plan on its way in.
#[derive(Clone)]
pub(crate) struct Slot(Arc<Mutex<Shared>>);

struct Shared {
    plan: Plan,
    keeps_end: bool,
    returned: Option<Box<ServerSession>>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the request, which is a handshake, ends only when it is answered. To be called before it is sent. Towards HTTP/2, which has
    /// no such handshake, pingora does not ask again whether it has ended.
    pub(crate) fn keep_end(&self, keeps_end: bool) {
        self.lock().keeps_end = keeps_end;
    }

    /// To be called before the answer's head is written.
    pub(crate) fn plan(&self, plan: Plan) {
        self.lock().plan = plan;
    }
}

/// Whether a head is that of the answer: not one that goes before it, but that of a tunnel.
pub(crate) fn is_answer(head: &ResponseHeader) -> bool {
    !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS
}

/// Puts a held session in the place of the real one. `body` is replayed to the backend; without one the real session's is used.
pub(crate) fn attach(session: &mut Box<ServerSession>, body: Option<Bytes>) -> Slot {
    let slot = Slot(Arc::new(Mutex::new(Shared { plan: Plan::Pass, keeps_end: false, returned: None })));
    let placeholder = Box::new(ServerSession::new_custom(Box::new(())));
    let inner = std::mem::replace(session, placeholder);
    let held = Held {
        inner,
        slot: slot.clone(),
        body,
        head: None,
        parts: BytesMut::new(),
        hold: None,
        late: false,
        replaced: false,
    };
    **session = ServerSession::new_custom(Box::new(held));
    slot
}

/// Puts the real session back.
pub(crate) fn detach(session: &mut Box<ServerSession>, slot: &Slot) {
    if let Some(custom) = session.as_custom_mut() {
        // Pingora calls this only to give back a reader that it took, and it never gets one: the call is free to mean "step aside".
        let _ = custom.restore_custom_message_reader(Box::new(futures::stream::empty()));
    }
    if let Some(real) = slot.lock().returned.take() {
        *session = real;
    }
}

struct Held {
    inner: Box<ServerSession>,
    slot: Slot,
    body: Option<Bytes>,
    head: Option<(Box<ResponseHeader>, bool)>,
    parts: BytesMut,
    hold: Option<Hold>,
    /// The head of the answer in hand came before what is at hand now: others may have been judged since.
    late: bool,
    replaced: bool,
}

impl Held {
    /// Ends the exchange with an answer of ours; `true` tells pingora that the response is done.
    async fn replace(&mut self, reply: Reply) -> Result<bool> {
        self.replaced = true;
        self.hold = None;
        self.parts.clear();
        answer::send(&mut self.inner, reply).await;
        Ok(true)
    }

    /// Judges what was held; then it goes out, with `rest` behind it.
    async fn release(&mut self, body: Bytes, rest: impl Iterator<Item = HttpTask> + Send) -> Result<bool> {
        // Kept until the bytes are written: a client that reads slowly holds them as much as the judge did.
        let mut room = None;
        if self.hold.is_some() && self.late {
            in_step::gather(Stage::Answer).await;
        }
        if let Some(hold) = self.hold.take() {
            if let Some(reply) = hold.judge.judge(&body) {
                return self.replace(reply).await;
            }
            room = Some(hold.room);
        }
        let mut tasks = Vec::with_capacity(4);
        tasks.extend(self.head.take().map(|(head, end)| HttpTask::Header(head, end)));
        if !body.is_empty() {
            tasks.push(HttpTask::Body(Some(body), false));
        }
        tasks.extend(rest);
        let ended = self.inner.response_duplex_vec(tasks).await;
        drop(room);
        ended
    }

    /// What is held, in one piece.
    fn joined(&mut self) -> Bytes {
        std::mem::take(&mut self.parts).freeze()
    }

    /// Makes room for one more part. `Some` is the answer that goes out instead.
    fn admit(&mut self, part: &Bytes) -> Option<Reply> {
        let hold = self.hold.as_mut()?;
        if !hold.room.grow(part.len(), hold.room_limit) {
            return Some(hold.judge.refuse(Refusal::Overloaded));
        }
        let too_long = hold.rejects_longer && self.parts.len() + part.len() > hold.limit;
        too_long.then(|| hold.judge.refuse(Refusal::AnswerTooLong))
    }

    fn over_limit(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| !hold.rejects_longer && self.parts.len() >= hold.limit)
    }

    /// Whether this is a handshake (RFC 6455, section 4.1) whose end is kept, as it has no answer yet.
    fn is_undecided(&self) -> bool {
        !self.replaced && self.slot.lock().keeps_end && !self.inner.response_written().is_some_and(is_answer)
    }

    async fn hold_tasks(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        self.late = self.head.is_some();
        let mut tasks = tasks.into_iter();
        while let Some(task) = tasks.next() {
            match task {
                HttpTask::Header(head, end) if head.status.is_informational() => {
                    self.inner.response_duplex_vec(vec![HttpTask::Header(head, end)]).await?;
                }
                HttpTask::Header(head, end) => {
                    self.head = Some((head, end));
                    if end {
                        let body = self.joined();
                        return self.release(body, tasks).await;
                    }
                }
                HttpTask::Body(part, end) => {
                    let part = part.unwrap_or_default();
                    if let Some(reply) = self.admit(&part) {
                        return self.replace(reply).await;
                    }
                    let rest = end.then_some(HttpTask::Done).into_iter().chain(tasks.by_ref());
                    if end && self.parts.is_empty() {
                        // All of it in one part, as short answers come: it goes on at once and need not be copied.
                        return self.release(part, rest).await;
                    }
                    self.parts.extend_from_slice(&part);
                    if end || self.over_limit() {
                        let body = self.joined();
                        return self.release(body, rest).await;
                    }
                }
                // Nothing was sent yet, so the client can still be told.
                HttpTask::Failed(error) => {
                    (self.head, self.hold) = (None, None);
                    self.parts.clear();
                    return Err(error);
                }
                task @ (HttpTask::Trailer(_) | HttpTask::Done | HttpTask::UpgradedBody(..)) => {
                    let body = self.joined();
                    return self.release(body, std::iter::once(task).chain(tasks)).await;
                }
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl CustomSession for Held {
    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        if self.replaced {
            return Ok(true);
        }
        if self.head.is_none() && self.hold.is_none() {
            let plan = std::mem::replace(&mut self.slot.lock().plan, Plan::Pass);
            match plan {
                Plan::Pass => {}
                Plan::Replace(reply) => return self.replace(reply).await,
                Plan::Hold(hold) => self.hold = Some(hold),
            }
        }
        if self.hold.is_some() {
            self.hold_tasks(tasks).await
        } else {
            self.inner.response_duplex_vec(tasks).await
        }
    }

    fn is_body_done(&mut self) -> bool {
        self.body.is_some() || (!self.is_undecided() && self.inner.is_body_done())
    }

    fn is_body_empty(&mut self) -> bool {
        match &self.body {
            Some(body) => body.is_empty(),
            None => self.inner.is_body_empty(),
        }
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        match self.body {
            Some(_) => Ok(None),
            None => self.inner.read_request_body().await,
        }
    }

    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        let none = no_body_expected || self.body.is_some() || self.is_undecided();
        self.inner.read_body_or_idle(none).await
    }

    fn enable_retry_buffering(&mut self) {
        if self.body.is_none() {
            self.inner.enable_retry_buffering();
        }
    }

    fn retry_buffer_truncated(&self) -> bool {
        self.body.is_none() && self.inner.retry_buffer_truncated()
    }

    /// The body, under the name by which pingora asks for one that was read before. Of a handshake nothing was: without a buffer, pingora
    /// passes on the end of a request that has no body.
    fn get_retry_buffer(&self) -> Option<Bytes> {
        match &self.body {
            Some(body) => Some(body.clone()).filter(|body| !body.is_empty()),
            None if self.is_undecided() => Some(Bytes::new()),
            None => self.inner.get_retry_buffer(),
        }
    }

    async fn finish(&mut self) -> Result<()> {
        match self.replaced {
            true => Ok(()),
            false => self.inner.finish_body().await,
        }
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, end: bool) -> Result<()> {
        self.inner.write_response_header(head).await?;
        match end {
            true => self.inner.finish_body().await,
            false => Ok(()),
        }
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, end: bool) -> Result<()> {
        self.write_response_header(Box::new(head.clone()), end).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.inner.write_response_body(data, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.inner.write_response_trailers(trailers).await
    }

    /// See [`detach`].
    fn restore_custom_message_reader(&mut self, _reader: Messages) -> Result<()> {
        let placeholder = Box::new(ServerSession::new_custom(Box::new(())));
        let inner = std::mem::replace(&mut self.inner, placeholder);
        self.slot.lock().returned = Some(inner);
        Ok(())
    }

    fn take_custom_message_reader(&mut self) -> Option<Messages> {
        None
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(&mut self, _writer: Box<dyn CustomMessageWrite>) -> Result<()> {
        Error::e_explain(ErrorType::InternalError, "no message writer was taken")
    }

    fn req_header(&self) -> &RequestHeader {
        self.inner.req_header()
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        self.inner.req_header_mut()
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        self.inner.drain_request_body().await
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_read_timeout(timeout);
    }

    fn get_read_timeout(&self) -> Option<Duration> {
        self.inner.get_read_timeout()
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_write_timeout(timeout);
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        self.inner.get_write_timeout()
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_total_drain_timeout(timeout);
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.inner.get_total_drain_timeout()
    }

    fn request_summary(&self) -> String {
        self.inner.request_summary()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.inner.response_written()
    }

    async fn shutdown(&mut self, _code: u32, _context: &str) {
        self.inner.shutdown().await;
    }

    fn body_bytes_sent(&self) -> usize {
        self.inner.body_bytes_sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.inner.body_bytes_read()
    }

    fn digest(&self) -> Option<&Digest> {
        self.inner.digest()
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        self.inner.digest_mut()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.inner.client_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.inner.server_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        self.inner.to_h1_raw()
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn is_upgrade_req(&self) -> bool {
        self.inner.is_upgrade_req()
    }

    fn was_upgraded(&self) -> bool {
        self.inner.was_upgraded()
    }
}
