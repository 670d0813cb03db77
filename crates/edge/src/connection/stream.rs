//! One HTTP/2 stream in the shape of a pingora session.
//!
//! Pingora has such a session of its own, which only its own acceptance makes, and that answers what it refuses by a bare 400: no
//! HSTS, no record. This one is made of a stream that our gate has vetted. What it adds: writing is bounded by progress and pace.

use std::{future::poll_fn, task::Poll, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap, HeaderName, Response, header};
use pingora_core::{
    Error, ErrorType, OrErr as _, Result,
    protocols::{
        Digest,
        http::{
            HttpTask,
            custom::{CustomMessageWrite, server::Session as CustomSession},
            date::get_cached_date,
        },
        l4::socket::SocketAddr,
    },
};
use pingora_http::{RequestHeader, ResponseHeader};

use super::pace::{Pace, Patience};

/// Stream of messages beside HTTP; a protocol of pingora's own that is not used here.
type Messages = Box<dyn futures::Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>;

/// Fields of HTTP/1 that an HTTP/2 answer must not hold (RFC 9113, section 8.2.2).
const OF_THE_CONNECTION: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A request and the way for its answer.
pub(super) struct Http2Stream {
    request: RequestHeader,
    body: RecvStream,
    answer: SendResponse<Bytes>,
    /// There once the answer's head is sent.
    writer: Option<SendStream<Bytes>>,
    written: Option<Box<ResponseHeader>>,
    ended: bool,
    bytes_read: usize,
    bytes_sent: usize,
    digest: Digest,
    pace: Pace,
}

impl Http2Stream {
    pub(super) fn new(
        request: RequestHeader,
        body: RecvStream,
        answer: SendResponse<Bytes>,
        digest: Digest,
        patience: Patience,
    ) -> Self {
        Self {
            request,
            body,
            answer,
            writer: None,
            written: None,
            ended: false,
            bytes_read: 0,
            bytes_sent: 0,
            digest,
            pace: Pace::new(patience),
        }
    }

    fn send_head(&mut self, mut head: Box<ResponseHeader>, end: bool) -> Result<()> {
        // A client of HTTP/2 waits for no 100, and the library sends one head.
        if self.ended || self.written.is_some() || head.status.is_informational() {
            return Ok(());
        }
        head.insert_header(header::DATE, get_cached_date())?;
        for name in &OF_THE_CONNECTION {
            head.remove_header(name);
        }
        let response = Response::from_parts(head.as_owned_parts(), ());
        let writer = self
            .answer
            .send_response(response, end)
            .or_err(ErrorType::WriteError, "writing the head of an answer")?;
        self.written = Some(head);
        self.writer = Some(writer);
        self.ended = end;
        Ok(())
    }

    async fn send_body(&mut self, mut data: Bytes, end: bool) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        let Some(writer) = self.writer.as_mut() else {
            return Error::e_explain(ErrorType::H2Error, "a body before its head");
        };
        while !data.is_empty() {
            writer.reserve_capacity(data.len());
            let pace = &mut self.pace;
            let capacity = poll_fn(|cx| match writer.poll_capacity(cx) {
                Poll::Ready(capacity) => Poll::Ready(Ok(capacity)),
                Poll::Pending => pace.poll_waiting(cx).map(Err),
            });
            let capacity = match capacity.await {
                Ok(Some(capacity)) => capacity.or_err(ErrorType::WriteError, "waiting for a window")?,
                Ok(None) => return Error::e_explain(ErrorType::WriteError, "the stream is closed"),
                Err(_) => return Error::e_explain(ErrorType::WriteTimedout, "the client reads too slowly"),
            };
            let part = data.split_to(capacity.min(data.len()));
            self.pace.moved(part.len());
            self.bytes_sent += part.len();
            let last = end && data.is_empty();
            writer.send_data(part, last).or_err(ErrorType::WriteError, "writing an answer")?;
            self.ended = last;
        }
        if end { self.end() } else { Ok(()) }
    }

    /// Ends the answer; without a head nothing is sent, and dropping the stream resets it.
    fn end(&mut self) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        if let Some(writer) = self.writer.as_mut() {
            writer.send_data(Bytes::new(), true).or_err(ErrorType::WriteError, "ending an answer")?;
            self.ended = true;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<Option<Bytes>> {
        let data = self.body.data().await.transpose().or_err(ErrorType::ReadError, "reading a body")?;
        if let Some(data) = &data {
            self.bytes_read += data.len();
            let _ = self.body.flow_control().release_capacity(data.len());
        }
        Ok(data)
    }

    fn is_empty(&self) -> bool {
        self.bytes_read == 0
            && (self.body.is_end_stream()
                || self.request.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0"))
    }

    fn is_done(&self) -> bool {
        self.is_empty() || self.body.is_end_stream()
    }

    async fn task(&mut self, task: HttpTask) -> Result<bool> {
        match task {
            HttpTask::Header(head, end) => self.send_head(head, end).map(|()| end).map_err(|e| e.into_down()),
            HttpTask::Body(Some(data), end) => {
                if !data.is_empty() {
                    self.write_body(data, end).await?;
                }
                Ok(end)
            }
            HttpTask::Body(None, end) => Ok(end),
            HttpTask::Trailer(Some(trailers)) => self.write_trailers(*trailers).await.map(|()| true),
            HttpTask::Trailer(None) | HttpTask::Done => Ok(true),
            HttpTask::UpgradedBody(..) => Error::e_explain(ErrorType::InternalError, "a tunnel over HTTP/2"),
            // The other side's fault, and it says so itself.
            HttpTask::Failed(error) => Err(error),
        }
    }
}

#[async_trait]
impl CustomSession for Http2Stream {
    fn req_header(&self) -> &RequestHeader {
        &self.request
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        &mut self.request
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        self.read().await
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        // Whoever drops a stream with a body in it tells the client to stop; nothing needs to be read to keep the connection.
        Ok(())
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, end: bool) -> Result<()> {
        self.send_head(head, end)
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, end: bool) -> Result<()> {
        self.send_head(Box::new(head.clone()), end)
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.send_body(data, end).await.map_err(|error| error.into_down())
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        let Some(writer) = self.writer.as_mut() else {
            return Error::e_explain(ErrorType::H2Error, "trailers before their head");
        };
        writer.send_trailers(trailers).or_err(ErrorType::WriteError, "writing trailers")?;
        self.ended = true;
        Ok(())
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let mut ended = false;
        for task in tasks {
            ended |= self.task(task).await?;
        }
        if ended {
            self.end().map_err(|error| error.into_down())?;
        }
        Ok(ended)
    }

    // Times are kept by whoever reads, and by the pace.

    fn set_read_timeout(&mut self, _timeout: Option<Duration>) {}

    fn get_read_timeout(&self) -> Option<Duration> {
        None
    }

    fn set_write_timeout(&mut self, _timeout: Option<Duration>) {}

    fn get_write_timeout(&self) -> Option<Duration> {
        None
    }

    fn set_total_drain_timeout(&mut self, _timeout: Option<Duration>) {}

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        None
    }

    fn request_summary(&self) -> String {
        String::new()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.written.as_deref()
    }

    async fn shutdown(&mut self, _code: u32, _context: &str) {
        if !self.ended {
            self.answer.send_reset(Reason::INTERNAL_ERROR);
        }
    }

    fn is_body_done(&mut self) -> bool {
        self.is_done()
    }

    async fn finish(&mut self) -> Result<()> {
        self.end()
    }

    fn is_body_empty(&mut self) -> bool {
        self.is_empty()
    }

    /// Behind the body's end, until the client gives the stream up.
    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        if !no_body_expected && !self.is_done() {
            return self.read().await;
        }
        let given_up = poll_fn(|cx| match self.writer.as_mut() {
            Some(writer) => writer.poll_reset(cx),
            None => self.answer.poll_reset(cx),
        });
        given_up.await.or_err(ErrorType::ConnectionClosed, "the connection failed")?;
        Error::e_explain(ErrorType::ConnectionClosed, "the client gave the stream up")
    }

    fn body_bytes_sent(&self) -> usize {
        self.bytes_sent
    }

    fn body_bytes_read(&self) -> usize {
        self.bytes_read
    }

    fn digest(&self) -> Option<&Digest> {
        Some(&self.digest)
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        Some(&mut self.digest)
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.digest.socket_digest.as_ref()?.peer_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.digest.socket_digest.as_ref()?.local_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        Bytes::new()
    }

    /// A body is held elsewhere before a backend is asked; there is nothing to keep here.
    fn enable_retry_buffering(&mut self) {}

    fn retry_buffer_truncated(&self) -> bool {
        false
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        None
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(&mut self) -> Option<Messages> {
        None
    }

    fn restore_custom_message_reader(&mut self, _reader: Messages) -> Result<()> {
        Error::e_explain(ErrorType::InternalError, "no message reader was taken")
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(&mut self, _writer: Box<dyn CustomMessageWrite>) -> Result<()> {
        Error::e_explain(ErrorType::InternalError, "no message writer was taken")
    }
}
