//! The one thread on which snapshots are made and unmade after the start.
//!
//! A snapshot is a hundred thousand allocations. Whoever drops the last reference to one frees them all: a worker that served its last
//! request would let its other requests wait for that, and the memory would wander from the thread that made it to those that free it, so
//! that the process grew a little with every reload under load. Here a retired snapshot is kept until nobody else has it.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

/// How often is looked whether a retired one is still in use. Between two looks its memory is kept for nothing.
const LOOK: Duration = Duration::from_millis(250);

/// Most pieces of work that wait. Reloads come one after the other, and each makes a snapshot and retires one.
const WAITING: usize = 16;

/// Snapshots are kept and unmade as `T`.
pub(crate) struct Workshop<T> {
    /// Absent until the first piece of work: an edge that is never reloaded needs no thread.
    work: Mutex<Option<SyncSender<Work<T>>>>,
}

enum Work<T> {
    Call(Box<dyn FnOnce() + Send>),
    Retired(Arc<T>),
}

impl<T: Send + Sync + 'static> Workshop<T> {
    /// Calls on the thread, once what is retired and in nobody's use has been dropped.
    ///
    /// # Errors
    /// No thread can be started, it has too much to do, or the call panicked.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        call: impl FnOnce() -> R + Send + 'static,
    ) -> io::Result<R> {
        let (done, outcome) = oneshot::channel();
        let call = move || {
            // Who asked may be gone; a panic is told by the channel that closes.
            if let Ok(outcome) = catch_unwind(AssertUnwindSafe(call)) {
                let _ = done.send(outcome);
            }
        };
        self.pass(Work::Call(Box::new(call)))?;
        outcome.await.map_err(|_| io::Error::other("it panicked"))
    }

    /// Takes a snapshot that is not in force any more, and drops it on the thread once it is in nobody's use. Where there is no thread, or
    /// it has too much to do, whoever used it last drops it.
    pub(crate) fn retire(&self, snapshot: Arc<T>) {
        let _ = self.pass(Work::Retired(snapshot));
    }

    /// Returns when all that is retired and in nobody's use has been dropped; at once if nothing was ever done here.
    pub(crate) async fn tidied(&self) {
        if self.work.lock().is_ok_and(|work| work.is_some()) {
            // A call that cannot be made finds nothing to be dropped either.
            let _ = self.run(|| ()).await;
        }
    }

    fn pass(&self, work: Work<T>) -> io::Result<()> {
        let mut sender = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let there = match sender.take() {
            Some(there) => there,
            None => {
                let (there, pieces) = sync_channel(WAITING);
                thread::Builder::new().name("workshop".to_owned()).spawn(move || serve(&pieces))?;
                there
            }
        };
        let passed = there.try_send(work);
        *sender = (!matches!(passed, Err(TrySendError::Disconnected(_)))).then_some(there);
        passed.map_err(|refused| io::Error::other(refused.to_string()))
    }
}

/// Until the edge is gone.
fn serve<T>(pieces: &Receiver<Work<T>>) {
    let mut retired: Vec<Arc<T>> = Vec::new();
    loop {
        // Nobody can take one any more that only this thread has. A panic of one that is dropped is no reason to end.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        }));
        let next = if retired.is_empty() {
            pieces.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            pieces.recv_timeout(LOOK)
        };
        match next {
            Ok(Work::Retired(snapshot)) => retired.push(snapshot),
            Ok(Work::Call(call)) => call(),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl<T> Default for Workshop<T> {
    fn default() -> Self {
        Self { work: Mutex::new(None) }
    }
}

impl<T> fmt::Debug for Workshop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workshop").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread::ThreadId;

    use super::*;

    /// Tells where it was dropped.
    struct Witness(SyncSender<ThreadId>);

    impl Drop for Witness {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().id());
        }
    }

    #[tokio::test]
    async fn a_snapshot_is_dropped_where_it_was_made_once_nobody_uses_it() {
        let (dropped, told) = sync_channel(1);
        let workshop = Workshop::<Witness>::default();
        let (made_by, snapshot) =
            workshop.run(move || (thread::current().id(), Arc::new(Witness(dropped)))).await.expect("made");
        workshop.retire(Arc::clone(&snapshot));
        workshop.run(|| ()).await.expect("called");
        assert!(told.try_recv().is_err(), "dropped while it is in use");
        drop(snapshot);
        assert_eq!(told.recv_timeout(Duration::from_secs(20)).expect("dropped"), made_by);
    }

    #[tokio::test]
    async fn a_panic_is_told_and_the_thread_goes_on() {
        let workshop = Workshop::<()>::default();
        assert!(workshop.run(|| panic!("a fault")).await.is_err());
        assert_eq!(workshop.run(|| 7).await.expect("called"), 7);
    }
}
