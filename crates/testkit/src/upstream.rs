//! A backend that keeps every byte it receives and answers as it is told, over TLS or plain.
//!
//! "Nothing reaches the backend" is proven against it: no request, no byte, and no connection that carried one.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{
    Authority, Leaf, Received,
    http1::{self, Buffered},
};

/// What to answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    framing: Framing,
    raw: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    Length,
    Chunked(usize),
    Close,
}

/// The backend. It stops when dropped.
pub struct RecordingUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

type Script = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

struct Shared {
    script: Script,
    tls: Option<Arc<ServerConfig>>,
    stopped: AtomicBool,
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    connections: usize,
    bytes: Vec<Vec<u8>>,
    requests: Vec<Received>,
    sockets: Vec<TcpStream>,
}

impl Reply {
    /// An answer with `Content-Length`.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
            framing: Framing::Length,
            raw: None,
        }
    }

    /// Exactly these bytes, then the connection is closed.
    #[must_use]
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { raw: Some(bytes.into()), ..Self::new(0, "") }
    }

    /// Adds a field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits before the first byte.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sends the body in chunks of `size` bytes.
    #[must_use]
    pub fn chunked(mut self, size: usize) -> Self {
        self.framing = Framing::Chunked(size.max(1));
        self
    }

    /// Ends the body by closing the connection.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    fn write(&self, wire: &mut impl Write, to_head: bool) -> io::Result<bool> {
        thread::sleep(self.delay);
        if let Some(raw) = &self.raw {
            wire.write_all(raw)?;
            wire.flush()?;
            return Ok(false);
        }
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            head.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        match self.framing {
            Framing::Length => head.extend(format!("content-length: {}\r\n", self.body.len()).into_bytes()),
            Framing::Chunked(_) => head.extend(b"transfer-encoding: chunked\r\n"),
            Framing::Close => head.extend(b"connection: close\r\n"),
        }
        head.extend(b"\r\n");
        match self.framing {
            _ if to_head => {}
            Framing::Chunked(size) => {
                for chunk in self.body.chunks(size) {
                    head.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                    head.extend(chunk);
                    head.extend(b"\r\n");
                }
                head.extend(b"0\r\n\r\n");
            }
            Framing::Length | Framing::Close => head.extend(&self.body),
        }
        wire.write_all(&head)?;
        wire.flush()?;
        Ok(self.framing != Framing::Close)
    }
}

impl RecordingUpstream {
    /// A plain backend.
    ///
    /// # Errors
    /// When no port is free.
    pub fn plain(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> io::Result<Self> {
        Self::start(None, Box::new(script))
    }

    /// A TLS backend for these names, its certificate signed by `authority`.
    ///
    /// # Errors
    /// When no port is free.
    pub fn tls(
        authority: &Authority,
        names: &[&str],
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::with_leaf(&authority.leaf(names), script)
    }

    /// A TLS backend that shows this certificate.
    ///
    /// # Errors
    /// When no port is free.
    pub fn with_leaf(
        leaf: &Leaf,
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start(Some(leaf.server_config(&["http/1.1"])), Box::new(script))
    }

    fn start(tls: Option<Arc<ServerConfig>>, script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared =
            Arc::new(Shared { script, tls, stopped: AtomicBool::new(false), record: Mutex::default() });
        let server = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &server));
        Ok(Self { address, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far, also those that carried nothing.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// The requests received so far, in order of their ends.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.lock().requests.clone()
    }

    /// Every byte received so far, TLS removed, connection after connection.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.shared.lock().bytes.concat()
    }

    /// Forgets what was received.
    pub fn forget(&self) {
        let mut record = self.shared.lock();
        record.requests.clear();
        record.connections = 0;
        record.bytes.iter_mut().for_each(Vec::clear);
    }

    /// Closes the listener and every connection, as a killed backend would.
    pub fn stop(&self) {
        if self.shared.stopped.swap(true, Ordering::SeqCst) {
            return;
        }
        for socket in self.shared.lock().sockets.drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        // Wakes the thread that waits in `accept`, which then drops the listener.
        let _ = TcpStream::connect(self.address);
    }
}

impl Drop for RecordingUpstream {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let place = {
            let mut record = shared.lock();
            record.connections += 1;
            record.bytes.push(Vec::new());
            record.sockets.extend(socket.try_clone());
            record.bytes.len() - 1
        };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let end = socket.try_clone();
            // A connection that the peer breaks is an everyday end: what came before it is in the record.
            let _ = serve(socket, &shared, place);
            // The record holds a second handle, for `stop`, so dropping ours closes nothing.
            let _ = end.and_then(|socket| socket.shutdown(Shutdown::Both));
        });
    }
}

fn serve(socket: TcpStream, shared: &Arc<Shared>, place: usize) -> io::Result<()> {
    socket.set_nodelay(true)?;
    match &shared.tls {
        None => {
            let writer = socket.try_clone()?;
            let mut wire = Buffered::new(Recorder { reader: Pair(socket, writer), shared, place });
            converse(&mut wire, shared)
        }
        Some(config) => {
            let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            let stream = StreamOwned::new(connection, socket);
            let mut wire = Buffered::new(Recorder { reader: stream, shared, place });
            converse(&mut wire, shared)?;
            let stream = &mut wire.inner().reader;
            stream.conn.send_close_notify();
            stream.conn.complete_io(&mut stream.sock).map(drop)
        }
    }
}

fn converse<S: Read + Write>(wire: &mut Buffered<Recorder<'_, S>>, shared: &Shared) -> io::Result<()> {
    while let Some(request) = http1::read_request(wire)? {
        let reply = (shared.script)(&request);
        let to_head = request.method == "HEAD";
        shared.lock().requests.push(request);
        if !reply.write(&mut wire.inner().reader, to_head)? {
            break;
        }
    }
    Ok(())
}

/// Notes what it reads.
struct Recorder<'a, S> {
    reader: S,
    shared: &'a Shared,
    place: usize,
}

impl<S: Read> Read for Recorder<'_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        if let Some(bytes) = self.shared.lock().bytes.get_mut(self.place) {
            bytes.extend_from_slice(&into[..count]);
        }
        Ok(count)
    }
}

/// The two directions of a plain socket.
struct Pair(TcpStream, TcpStream);

impl Read for Pair {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Pair {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.1.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Client;

    #[test]
    fn a_tls_backend_records_and_answers() {
        let authority = Authority::new("test authority");
        let upstream = RecordingUpstream::tls(&authority, &["backend.test"], |request| {
            Reply::new(200, request.body.clone()).header("x-target", &request.target).chunked(2)
        })
        .unwrap();
        let client = Client::tls(upstream.address(), &authority, "backend.test");
        let mut wire = client.connect().unwrap();
        for body in ["abc", ""] {
            let request =
                format!("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            wire.send(request.as_bytes()).unwrap();
            let answer = wire.answer().unwrap();
            assert_eq!((answer.status, answer.text().as_str()), (200, body));
            assert_eq!(answer.header("X-Target").as_deref(), Some("/p"));
        }
        assert_eq!((upstream.connections(), upstream.requests().len()), (1, 2));
        assert!(upstream.bytes().starts_with(b"POST /p HTTP/1.1\r\n"));
    }

    #[test]
    fn a_strangers_and_an_expired_certificate_fail_the_handshake() {
        let (authority, stranger) = (Authority::new("known"), Authority::new("stranger"));
        for leaf in [stranger.leaf(&["backend.test"]), authority.expired_leaf(&["backend.test"])] {
            let upstream = RecordingUpstream::with_leaf(&leaf, |_| Reply::new(200, "")).unwrap();
            assert!(Client::tls(upstream.address(), &authority, "backend.test").connect().is_err());
            assert!(upstream.bytes().is_empty());
        }
    }

    #[test]
    fn a_stopped_backend_refuses_connections() {
        let upstream = RecordingUpstream::plain(|_| Reply::new(200, "x").until_close()).unwrap();
        let client = Client::plain(upstream.address());
        assert_eq!(client.get("/").unwrap().text(), "x");
        upstream.stop();
        let refused = (0..50).any(|_| {
            thread::sleep(Duration::from_millis(20));
            client.get("/").is_err()
        });
        assert!(refused);
    }
}
