//! Signals of a running edge: HUP reloads, TERM and INT drain. systemd is told what goes on, where it asked (`NOTIFY_SOCKET`).

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{problem::StartError, server::Running};

/// Signals that the edge acts upon, caught from the moment this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// # Errors
    /// The machine gives no signal handlers.
    pub(crate) fn catch() -> Result<Self, StartError> {
        let catch = |kind| signal(kind).map_err(|error| StartError::machine("cannot catch signals", error));
        Ok(Self {
            hangup: catch(SignalKind::hangup())?,
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
                    // Said in the log and in the metrics; there is nobody else to tell.
                    let _ = running.reload().await;
                    notify(&[NotifyState::Ready]);
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
