//! Looks at the files behind TLS a few times each second, so that what operators change there holds without a reload.
//!
//! By looking rather than by the kernel's notices: those miss what happens on network file systems and under mounts that are turned
//! over as a whole.

use std::{sync::Arc, time::Duration};

use portcullis_diag::Sources;
use tokio::time::sleep;

use super::server::Refresh;
use crate::{clock, edge::Edge, identity::Fault, reload};

/// Time between two looks. What is looked at takes a second at most to have effect, the work for it included.
const STEP: Duration = Duration::from_millis(200);

/// Watches until it is dropped.
pub(crate) async fn watch(edge: Arc<Edge>) {
    loop {
        sleep(STEP).await;
        let edge = Arc::clone(&edge);
        // A file system that does not answer holds this watch, and nothing else.
        let _ = tokio::task::spawn_blocking(move || look(&edge)).await;
    }
}

fn look(edge: &Edge) {
    let snapshot = edge.snapshot();
    let (server, identities) = (Arc::clone(&snapshot.tls), snapshot.identities.clone());
    drop(snapshot);
    let now = clock::unix_time();
    if let Some(identities) = identities {
        for Fault { source, problem } in identities.refresh(now) {
            match &problem {
                Some(problem) => {
                    tracing::error!(
                        "client certificates, {source}: {problem}; its last good state counts for the grace"
                    );
                }
                None => tracing::info!("client certificates, {source}: taken anew, nothing is wrong"),
            }
        }
        let faults = identities.faults(now);
        for name in identities.names() {
            edge.metrics.client_trust(&name, !faults.iter().any(|(faulty, _)| *faulty == name));
        }
    }
    match server.refresh(now) {
        Refresh::Same => {}
        Refresh::Taken(warnings) => {
            edge.metrics.certificates_taken(&server.expiries());
            reload::tell(&Sources::new(), &without_places(warnings));
            tracing::info!("new server certificates are shown");
        }
        Refresh::Refused(errors) => {
            edge.metrics.certificates_refused();
            reload::tell(&Sources::new(), &without_places(errors));
            tracing::error!("new server certificates cannot be used, those before are shown still");
        }
    }
}

/// The configuration's text, which the places are in, is not at hand any more; the messages name the files.
fn without_places(mut diagnostics: Vec<portcullis_diag::Diagnostic>) -> Vec<portcullis_diag::Diagnostic> {
    for diagnostic in &mut diagnostics {
        diagnostic.span = None;
    }
    diagnostics
}
