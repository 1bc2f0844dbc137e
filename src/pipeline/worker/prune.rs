//! Recordings that are not to be kept any more: deleted in small steps between the batches.

use std::time::{Duration, Instant};

use crate::{
    pipeline::worker::{Worker, guarded},
    store::KeepRecordings,
};

/// How often recordings that are not to be kept are looked for.
const PRUNE: Duration = Duration::from_secs(60);

impl Worker {
    /// Deletes a part of what is not to be kept, where it is time to.
    pub(super) fn prune(&mut self) {
        if Instant::now() < self.prune_at || self.broken {
            return;
        }
        let Some(writer) = &mut self.writer else {
            return;
        };
        let settings = &self.shared.config.recordings;
        let age_us = i64::try_from(settings.keep_for.as_micros()).unwrap_or(i64::MAX);
        let keep = KeepRecordings {
            since_us: self.shared.clock.stamp().wall_us.saturating_sub(age_us),
            bytes: settings.keep_bytes,
        };
        match guarded("prune recordings", || writer.prune_recordings(keep)) {
            // There may be more: at the next turn.
            Ok(1..) => {}
            Ok(0) => self.prune_at = Instant::now() + PRUNE,
            Err(error) => {
                self.prune_at = Instant::now() + PRUNE;
                self.failed(&error);
            }
        }
    }

    /// True while there is something to delete.
    pub(super) fn is_pruning(&self) -> bool {
        !self.broken && Instant::now() >= self.prune_at
    }
}
