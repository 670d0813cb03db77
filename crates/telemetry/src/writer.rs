//! Where records go: one queue and one thread for each log, so that a slow disk or a stuck pipe never makes a request wait.
//!
//! The queue is bounded by lines and by bytes. What does not fit, and what could not be written, is dropped and counted; a record
//! that is cut in half would be worse than one that is missing.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use prometheus::IntCounter;
use serde_json::Value;

use crate::AccessRecord;

/// Lines that may wait.
const QUEUE_LINES: usize = 8192;

/// Bytes that may wait.
const QUEUE_BYTES: usize = 32 << 20;

/// Bytes written with one call: whole lines only, so that two processes that append to one file do not mix theirs.
const BATCH_BYTES: usize = 64 << 10;

/// How long the thread lets lines gather before it writes them. A thread that is woken for every line costs a busy edge as much as a tenth
/// of a request.
const GATHERING: Duration = Duration::from_millis(5);

/// How long whoever drops a log waits for its last lines.
const LAST: Duration = Duration::from_secs(2);

/// Records hold client addresses: not for everybody on the machine.
const FILE_MODE: u32 = 0o640;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nowhere; lines are not even made.
    Off,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to, made with mode 0640 when it is not there. Its directory must exist.
    File(PathBuf),
}

/// One log. Cheap to share behind an `Arc`; dropping the last one writes out what waits, if that takes no longer than two seconds.
#[derive(Debug)]
pub struct Writer {
    queue: Option<SyncSender<Message>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    dropped: IntCounter,
    queued_bytes: AtomicUsize,
    reopen: AtomicBool,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Look at `reopen`.
    Wake,
    /// Everything before this has been written when the sender is dropped.
    Flush(SyncSender<()>),
}

impl Writer {
    /// Opens the target and starts the thread. `dropped` counts lines that were lost: [`crate::Metrics::log_dropped`].
    ///
    /// # Errors
    /// The file cannot be opened for appending, or no thread can be had.
    pub fn open(name: &str, target: &Target, dropped: IntCounter) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { dropped, queued_bytes: AtomicUsize::new(0), reopen: AtomicBool::new(false) });
        let Some(output) = Output::open(target)? else {
            return Ok(Self { queue: None, shared, thread: Mutex::new(None) });
        };
        let (queue, lines) = sync_channel(QUEUE_LINES);
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name(format!("log-{name}"))
            .spawn(move || write_all(&lines, output, &of_thread))?;
        Ok(Self { queue: Some(queue), shared, thread: Mutex::new(Some(thread)) })
    }

    /// Whether lines go anywhere: a caller may spare itself the making of one.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Queues one access record. Never blocks.
    pub fn access(&self, record: &AccessRecord) {
        if self.is_on() {
            self.line(record.to_json());
        }
    }

    /// Queues one event as one line of JSON. Never blocks.
    pub fn event(&self, event: &Value) {
        if self.is_on() {
            self.line(event.to_string().into_bytes());
        }
    }

    /// Opens the file anew before the next line is written, as log rotation needs it. Never blocks. While the new file cannot be
    /// opened, lines are dropped and counted and each batch tries again.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        if let Some(queue) = &self.queue {
            // A full queue wakes the thread as well.
            let _ = queue.try_send(Message::Wake);
        }
    }

    /// Waits until everything queued before the call is written, at most `patience`. `false` when that was not enough.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let Some(queue) = &self.queue else { return true };
        let (done, wait) = sync_channel(0);
        let mut message = Message::Flush(done);
        let step = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        loop {
            message = match queue.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(message)) => message,
            };
            if waited >= patience {
                return false;
            }
            thread::sleep(step);
            waited += step;
        }
        // The thread answers by dropping its end.
        matches!(
            wait.recv_timeout(patience.saturating_sub(waited).max(step)),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected)
        )
    }

    fn line(&self, mut line: Vec<u8>) {
        let Some(queue) = &self.queue else { return };
        line.push(b'\n');
        let length = line.len();
        let waiting = self.shared.queued_bytes.fetch_add(length, Ordering::AcqRel);
        if waiting + length > QUEUE_BYTES || queue.try_send(Message::Line(line)).is_err() {
            self.shared.queued_bytes.fetch_sub(length, Ordering::AcqRel);
            self.shared.dropped.inc();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A pipe that nobody reads must not hold up whoever drops this.
        let written = self.flush(LAST);
        self.queue = None;
        if let Some(thread) = self.thread.get_mut().ok().and_then(Option::take).filter(|_| written) {
            let _ = thread.join();
        }
    }
}

enum Output {
    Stdout,
    Stderr,
    File { path: PathBuf, file: Option<File> },
}

impl Output {
    fn open(target: &Target) -> io::Result<Option<Self>> {
        Ok(match target {
            Target::Off => None,
            Target::Stdout => Some(Self::Stdout),
            Target::Stderr => Some(Self::Stderr),
            Target::File(path) => Some(Self::File { file: Some(append(path)?), path: path.clone() }),
        })
    }

    fn reopen(&mut self) {
        if let Self::File { path, file } = self {
            *file = append(path).ok();
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().lock().flush()),
            Self::Stderr => io::stderr().lock().write_all(bytes),
            Self::File { path, file } => {
                let open = match file {
                    Some(open) => open,
                    None => file.insert(append(path)?),
                };
                let written = open.write_all(bytes);
                if written.is_err() {
                    *file = None;
                }
                written
            }
        }
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)
}

/// The thread: lets lines gather for a moment, takes what waits, up to a batch, and writes it with one call. Nobody wakes it meanwhile.
fn write_all(lines: &Receiver<Message>, mut output: Output, shared: &Shared) {
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    while let Ok(first) = lines.recv() {
        if matches!(first, Message::Line(_)) && shared.queued_bytes.load(Ordering::Acquire) < BATCH_BYTES {
            thread::sleep(GATHERING);
        }
        let mut count = 0;
        let mut flushes = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Line(line) => {
                    batch.extend_from_slice(&line);
                    count += 1;
                    shared.queued_bytes.fetch_sub(line.len(), Ordering::AcqRel);
                }
                Message::Wake => {}
                Message::Flush(done) => flushes.push(done),
            }
            if batch.len() < BATCH_BYTES && flushes.is_empty() {
                next = lines.try_recv().ok();
            }
        }
        if shared.reopen.swap(false, Ordering::AcqRel) {
            output.reopen();
        }
        if !batch.is_empty() && output.write(&batch).is_err() {
            shared.dropped.inc_by(count);
        }
        batch.clear();
        drop(flushes);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Instant};

    use serde_json::json;

    use super::*;

    fn counter() -> IntCounter {
        IntCounter::new("dropped", "dropped").unwrap()
    }

    #[test]
    fn lines_are_whole_and_in_order_and_a_rotated_file_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        let writer = Writer::open("audit", &Target::File(path.clone()), counter()).unwrap();
        for n in 0..1000 {
            writer.event(&json!({ "n": n }));
        }
        assert!(writer.flush(Duration::from_secs(5)));
        let rotated = directory.path().join("audit.log.1");
        fs::rename(&path, &rotated).unwrap();
        writer.reopen();
        writer.event(&json!({ "n": 1000 }));
        drop(writer);
        let before: Vec<Value> = fs::read_to_string(rotated)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(before.len(), 1000);
        assert!(before.iter().enumerate().all(|(n, line)| line["n"] == n));
        assert_eq!(fs::read_to_string(path).unwrap(), "{\"n\":1000}\n");
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_no_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let dropped = counter();
        let writer = Writer::open("access", &Target::File(path), dropped.clone()).unwrap();
        let event = json!({ "text": "x".repeat(1000) });
        let started = Instant::now();
        for _ in 0..20_000 {
            writer.event(&event);
        }
        assert!(started.elapsed() < Duration::from_secs(5));
        assert!(dropped.get() > 10_000, "{}", dropped.get());
        assert!(!writer.flush(Duration::from_millis(20)));
        // Somebody reads at last, so that the thread can end.
        let drain = thread::spawn(move || {
            let mut reader = reader;
            let mut buffer = vec![0; 1 << 16];
            let mut read = 0_u64;
            while read < (20_000 - dropped.get()) * 1012 {
                read += io::Read::read(&mut reader, &mut buffer).unwrap() as u64;
            }
        });
        drop(writer);
        drain.join().unwrap();
    }

    #[test]
    fn a_reader_that_does_not_read_holds_up_nobody_who_drops_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let _reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let writer = Writer::open("access", &Target::File(path), counter()).unwrap();
        let event = json!({ "text": "x".repeat(100_000) });
        writer.event(&event);
        writer.event(&event);
        let (done, told) = sync_channel(1);
        thread::spawn(move || {
            drop(writer);
            done.send(()).unwrap();
        });
        assert!(told.recv_timeout(10 * LAST).is_ok());
    }

    #[test]
    fn what_cannot_be_opened_or_written_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("no/such/directory.log");
        assert!(Writer::open("access", &Target::File(missing), counter()).is_err());
        let dropped = counter();
        let writer =
            Writer::open("access", &Target::File(PathBuf::from("/dev/full")), dropped.clone()).unwrap();
        writer.event(&json!(1));
        assert!(writer.flush(Duration::from_secs(5)));
        assert_eq!(dropped.get(), 1);
    }

    #[test]
    fn off_makes_no_thread() {
        let writer = Writer::open("access", &Target::Off, counter()).unwrap();
        assert!(!writer.is_on());
        writer.event(&json!(1));
        assert!(writer.flush(Duration::ZERO));
    }
}
