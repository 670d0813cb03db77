//! Looks at the files behind TLS a few times each second, so that what operators change there holds without a reload.
//!
//! By looking rather than by the kernel's notices: those miss what happens on network file systems and under mounts that are turned
//! over as a whole.

use std::{sync::Arc, time::Duration};

use portcullis_diag::Sources;
use tokio::{task::JoinHandle, time::sleep};

use super::server::Refresh;
use crate::{
    clock,
    edge::Edge,
    identity::{Fault, Identities},
    reload,
};

/// Time between two looks. What is looked at takes a second at most to have effect, the work for it included.
const STEP: Duration = Duration::from_millis(200);

/// Watches until it is dropped.
pub(crate) async fn watch(edge: Arc<Edge>) {
    let mut unmet = Vec::new();
    let mut planning: Option<JoinHandle<()>> = None;
    loop {
        sleep(STEP).await;
        let of_look = Arc::clone(&edge);
        // A file system that does not answer holds this watch, and nothing else.
        let _ = tokio::task::spawn_blocking(move || look(&of_look)).await;
        let Some(identities) = edge.snapshot().identities.clone() else { continue };
        tell_unmet(&edge, &identities, &mut unmet);
        // Plans take their time; meanwhile the watch goes on.
        if planning.as_ref().is_none_or(JoinHandle::is_finished) && identities.lacks_plans() {
            planning = Some(tokio::task::spawn_blocking(move || identities.plan()));
        }
    }
}

/// Tells of customers who are refused because of what the register asks of the rules for them, each time that changes.
fn tell_unmet(edge: &Edge, identities: &Identities, told: &mut Vec<(String, String)>) {
    let unmet = identities.unmet();
    edge.metrics.customers_unmet(unmet.len());
    for (id, problem) in unmet.iter().filter(|fault| !told.contains(fault)) {
        tracing::error!("customer `{id}`: {problem}; its requests are refused");
    }
    for (id, _) in told.iter().filter(|(id, _)| !unmet.iter().any(|(other, _)| other == id)) {
        tracing::info!("customer `{id}`: what the register asks of the rules can be had again");
    }
    *told = unmet;
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
