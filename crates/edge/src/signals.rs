//! Signals of a running edge: HUP reloads, TERM and INT drain. systemd is told what goes on, where it asked (`NOTIFY_SOCKET`).
//!
//! HUP is caught before the configuration is read, as whoever asks for a reload too early does not ask for an end. TERM and INT end a
//! start at once, as they do any process.

use sd_notify::NotifyState;
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{problem::StartError, server::Running};

/// Signals that the edge acts upon, caught from the moment this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// HUP, caught before there is anything to reload; asked for again by the runtime that serves.
#[derive(Debug)]
pub(crate) struct Hangup(Signal);

impl Hangup {
    /// # Errors
    /// The machine gives no signal handlers.
    pub(crate) fn catch() -> Result<Self, StartError> {
        let failed = |error| StartError::machine("cannot catch signals", error);
        // Catching needs a runtime; the handler stays when this one is gone, and the next one reads what it left.
        let runtime = runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
        let _entered = runtime.enter();
        signal(SignalKind::hangup()).map(Self).map_err(failed)
    }
}

impl Signals {
    /// # Errors
    /// The machine gives no signal handlers.
    pub(crate) fn catch(Hangup(hangup): Hangup) -> Result<Self, StartError> {
        let catch = |kind| signal(kind).map_err(|error| StartError::machine("cannot catch signals", error));
        Ok(Self {
            hangup,
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
        })
    }

    /// Until it is time to stop.
    pub(crate) async fn serve(mut self, running: &Running) {
        notify(&[NotifyState::Ready]);
        loop {
            tokio::select! {
                Some(()) = self.hangup.recv() => {
                    if let Ok(now) = NotifyState::monotonic_usec_now() {
                        notify(&[NotifyState::Reloading, now]);
                    }
                    tokio::select! {
                        // Said in the log and in the metrics; there is nobody else to tell.
                        _ = running.reload() => notify(&[NotifyState::Ready]),
                        // What it has read so far is for nobody any more.
                        _ = self.terminate.recv() => break,
                        _ = self.interrupt.recv() => break,
                    }
                }
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
            }
        }
        notify(&[NotifyState::Stopping]);
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("systemd cannot be told: {error}");
    }
}
