//! A reload: a whole new snapshot off the request path, then one swap. Whatever is wrong with it leaves everything as it was.

use std::sync::Arc;

use portcullis_diag::{Diagnostic, Sources, render};

use crate::{
    assemble::{Assembled, ConfigSource, assemble},
    clock,
    edge::Edge,
    problem::StartError,
    upstream,
};

/// Builds and swaps.
///
/// # Errors
/// All problems found; the snapshot in force is untouched.
pub(crate) async fn reload(edge: &Arc<Edge>, source: &ConfigSource) -> Result<(), StartError> {
    let (of_task, source) = (Arc::clone(edge), source.clone());
    let built = edge.workshop.run(move || assemble(&source, Some(&of_task.snapshot()), &of_task.metrics));
    let outcome = match built.await {
        Ok(outcome) => outcome,
        Err(error) => Err(StartError::machine("the reload was not carried through", error)),
    };
    match outcome {
        Ok(Assembled { snapshot, sources, warnings }) => {
            upstream::refresh(snapshot.upstreams());
            edge.metrics.certificates_taken(&snapshot.tls.expiries());
            edge.replace(snapshot);
            edge.metrics.reload_succeeded(clock::unix_time());
            tell(&sources, &warnings);
            tracing::info!("reloaded");
            Ok(())
        }
        Err(error) => {
            edge.metrics.reload_failed();
            if let StartError::Config { sources, diagnostics } = &error {
                tell(sources, diagnostics);
            }
            tracing::error!("reload refused, the running configuration is kept: {error}");
            Err(error)
        }
    }
}

/// Draws diagnostics into the process' own log.
pub(crate) fn tell(sources: &Sources, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let drawn = render(sources, diagnostic);
        if diagnostic.is_error() {
            tracing::error!("{drawn}");
        } else {
            tracing::warn!("{drawn}");
        }
    }
}
