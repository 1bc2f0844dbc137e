//! How long the writer sleeps when there is nothing to commit.

use std::time::{Duration, Instant};

use crate::{
    pipeline::worker::{LINGER, SAVE, TICK, Worker},
    store::PerKind,
};

impl Worker {
    /// How long the thread may sleep until there may be work; `None`: until somebody wakes it. Call
    /// [`awake`](Self::awake) after it.
    pub(crate) fn pause(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let until = |at: Instant| at.saturating_duration_since(now);
        if let Some(closing) = &self.closing {
            let retry = self.link.retry_at.map_or(TICK, until);
            return Some(retry.min(until(closing.deadline)));
        }
        if self.backlog.last_work.elapsed() < LINGER {
            return Some(TICK);
        }
        self.shared.park();
        let unlisted = self.shards.iter().any(|shard| shard.has_unlisted());
        if !self.shards.iter().all(|shard| shard.is_swept()) {
            return Some(Duration::ZERO);
        }
        let checkpoint = self.link.checkpoint_at.filter(|_| !self.link.broken);
        let checkpoint = checkpoint.map(|at| until(at).max(TICK));
        let pause = match self.link.retry_at.map(until) {
            Some(pause) if !pause.is_zero() => Some(pause),
            _ if !self.backlog.is_empty() => Some(TICK),
            _ if !self.link.broken && self.keeper.rest(&self.shared).is_zero() => {
                Some(Duration::ZERO)
            }
            _ if unlisted => Some(self.shared.config.flush_interval),
            // Counters that moved without a record, such as rejected calls, are saved before the rest. Calls
            // that are rejected because memory is short wake nobody: they are looked for.
            _ if self.saved() && self.shared.budget.is_short() => Some(SAVE),
            _ if self.saved() => Some(self.keeper.rest(&self.shared)),
            _ if self.link.last_commit.elapsed() < SAVE => {
                Some(SAVE.saturating_sub(self.link.last_commit.elapsed()))
            }
            _ => {
                self.commit();
                Some(Duration::ZERO)
            }
        };
        [pause, checkpoint].into_iter().flatten().min()
    }

    /// The thread does not sleep any more.
    pub(crate) fn awake(&self) {
        self.shared.unpark();
    }

    fn saved(&self) -> bool {
        self.backlog.batch.accounting == self.accounting(PerKind::default())
    }
}
