//! What the admin listener answers: numbers, liveness, readiness. It changes nothing and tells nothing of any request.

use bytes::Bytes;

use crate::{answer::Answer, clock, edge::Edge, gate::Head};

const TEXT: &str = "text/plain; charset=utf-8";

/// Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers `/metrics`, `/livez` and `/readyz`.
pub(crate) fn answer(edge: &Edge, head: &Head) -> Answer {
    if !matches!(head.method(), b"GET" | b"HEAD") {
        return text(405, "only GET\n");
    }
    match head.target().split(|byte| *byte == b'?').next().unwrap_or(&[]) {
        b"/metrics" => {
            edge.metrics.set_buffered_bytes(edge.buffered.used());
            edge.metrics.set_queue_time(edge.load.waited());
            edge.snapshot().limits.publish();
            Answer::new(200, METRICS, edge.metrics.render().into())
        }
        b"/livez" => text(200, "alive\n"),
        // A load balancer takes a draining edge out before its listeners close.
        b"/readyz" if edge.is_draining() => text(503, "draining\n"),
        b"/readyz" => match trust_faults(edge) {
            faults if faults.is_empty() => Answer::new(200, TEXT, ready(edge).into()),
            faults => Answer::new(503, TEXT, faults.into()),
        },
        _ => text(404, "/metrics /livez /readyz\n"),
    }
}

/// One customer who cannot be served is told, and no reason to send everybody elsewhere.
fn ready(edge: &Edge) -> String {
    let snapshot = edge.snapshot();
    let unmet = snapshot.identities.as_ref().map(|identities| identities.unmet()).unwrap_or_default();
    let lines = unmet.iter().map(|(id, problem)| format!("customer {id} is refused: {problem}\n"));
    std::iter::once("ready\n".to_owned()).chain(lines).collect()
}

/// Certificates of clients are judged by a state that is not today's; names of files, and of nothing that clients sent.
fn trust_faults(edge: &Edge) -> String {
    let snapshot = edge.snapshot();
    let faults = snapshot.identities.as_ref().map(|identities| identities.faults(clock::unix_time()));
    let lines = faults.unwrap_or_default().into_iter();
    lines.map(|(source, problem)| format!("client certificates, {source}: {problem}\n")).collect()
}

fn text(status: u16, body: &'static str) -> Answer {
    Answer::new(status, TEXT, Bytes::from_static(body.as_bytes()))
}
