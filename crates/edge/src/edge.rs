//! What lives as long as the process: the current snapshot, the counters, the shared bounds. Reloads replace the first only.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use portcullis_telemetry::Metrics;
use portcullis_waf::{Clock, Collections};

use crate::{
    budget::{Addresses, Budget},
    clock::SystemClock,
    load::Load,
    snapshot::Snapshot,
    workshop::Workshop,
};

/// Records of persistent collections, and variables in each, over all clients.
const COLLECTION_BOUNDS: (usize, usize) = (100_000, 64);

/// One running edge.
pub(crate) struct Edge {
    snapshot: ArcSwap<Snapshot>,
    pub(crate) workshop: Workshop<Snapshot>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) collections: Arc<Collections>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Client connections open.
    pub(crate) connections: Arc<Budget>,
    /// The same, address by address.
    pub(crate) addresses: Arc<Addresses>,
    /// Connections of operators: strangers who use up all of theirs must not blind those who watch.
    pub(crate) operators: Arc<Budget>,
    pub(crate) load: Load,
    /// Bytes of bodies and answers held.
    pub(crate) buffered: Arc<Budget>,
    draining: AtomicBool,
}

impl Edge {
    pub(crate) fn new(snapshot: Arc<Snapshot>, metrics: Arc<Metrics>) -> Self {
        let (records, variables) = COLLECTION_BOUNDS;
        Self {
            snapshot: ArcSwap::new(snapshot),
            workshop: Workshop::default(),
            metrics,
            collections: Arc::new(Collections::new(records, variables)),
            clock: Arc::new(SystemClock),
            connections: Arc::default(),
            addresses: Arc::default(),
            operators: Arc::default(),
            load: Load::default(),
            buffered: Arc::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// The snapshot in force. A request calls this once.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn replace(&self, snapshot: Arc<Snapshot>) {
        self.workshop.retire(self.snapshot.swap(snapshot));
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("connections", &self.connections).finish_non_exhaustive()
    }
}
