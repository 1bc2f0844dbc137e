//! How long the writer sleeps when there is nothing to commit.

use std::time::{Duration, Instant};

use crate::{
    pipeline::worker::{LINGER, SAVE, TICK, Worker},
    store::PerKind,
};

impl Worker {
    /// Returns how long the thread may sleep; `None` means until it is woken. Call [`awake`](Self::awake) after the sleep.
    pub(crate) fn pause(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let until = |at: Instant| at.saturating_duration_since(now);
        if let Some(closing) = &self.closing {
            let retry = self.connection.retry_at.map_or(TICK, until);
            return Some(retry.min(until(closing.deadline)));
        }
        if self.backlog.last_work.elapsed() < LINGER {
            return Some(TICK);
        }
        self.shared.park();
        let stale_open_rows = self.shards.iter().any(|shard| shard.has_stale_open_rows());
        if !self.shards.iter().all(|shard| shard.is_collected()) {
            return Some(Duration::ZERO);
        }
        let checkpoint = self
            .connection
            .checkpoint_at
            .filter(|_| !self.connection.broken);
        let checkpoint = checkpoint.map(|at| until(at).max(TICK));
        let pause = match self.connection.retry_at.map(until) {
            Some(pause) if !pause.is_zero() => Some(pause),
            _ if !self.backlog.is_empty() => Some(TICK),
            _ if !self.connection.broken && self.maintenance.next_run(&self.shared).is_zero() => {
                Some(Duration::ZERO)
            }
            _ if stale_open_rows => Some(self.shared.config.flush_interval),
            // Counters that changed without a record, such as rejected calls, are saved before a long sleep. Calls that
            // are rejected because memory is short do not wake the writer: it polls for them.
            _ if self.saved() && self.shared.budget.is_short() => Some(SAVE),
            _ if self.saved() => Some(self.maintenance.next_run(&self.shared)),
            _ if self.connection.last_commit.elapsed() < SAVE => {
                Some(SAVE.saturating_sub(self.connection.last_commit.elapsed()))
            }
            _ => {
                self.commit();
                Some(Duration::ZERO)
            }
        };
        [pause, checkpoint].into_iter().flatten().min()
    }

    /// Announces that the thread is awake.
    pub(crate) fn awake(&self) {
        self.shared.unpark();
    }

    fn saved(&self) -> bool {
        self.backlog.batch.accounting == self.accounting(PerKind::default())
    }
}
