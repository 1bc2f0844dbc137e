//! A session with the target: batches, heartbeats, and counting.

use std::{
    collections::HashMap,
    panic::resume_unwind,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    batch,
    counter::Counter,
    state::{SentState, waiting},
};
use crate::{
    error::{Error, Result},
    record::InstanceId,
    store::{
        CentralStore, ForwardBatch, InstanceHealth, Intake, Places,
        sqlite::{Spool, Target},
    },
};

/// How often batches are counted while the file is behind: those that are counted together share the sums that they change, of
/// which agents have most.
const COUNT_BEHIND: Duration = Duration::from_secs(3);

/// A session with the target.
pub(super) struct Connected {
    intake: Box<dyn Intake>,
    counter: Counter,
    /// How far the file was forwarded, as it is kept there.
    pub(super) target: Target,
    /// The batch that was cut last.
    next: Option<ForwardBatch>,
    /// The file has at least another batch beside that.
    is_behind: bool,
    sent: SentState,
    instances: HashMap<InstanceId, InstanceHealth>,
    /// Every batch of this session is counted in the sums.
    is_counted: bool,
    /// When that was last begun; `None`: not in this session.
    counted_at: Option<Instant>,
    /// When the target heard from this session; `None`: not since it has connected.
    pub(super) beat_at: Option<Instant>,
}

impl Connected {
    pub(super) fn new(
        central: Arc<dyn CentralStore>,
        intake: Box<dyn Intake>,
        holder: Uuid,
        target: Target,
    ) -> Self {
        Connected {
            intake,
            counter: Counter::new(central, holder),
            target,
            next: None,
            is_behind: false,
            sent: SentState::default(),
            instances: HashMap::new(),
            is_counted: true,
            counted_at: None,
            beat_at: None,
        }
    }

    /// Keeps in the file how far it was forwarded.
    fn keep(&mut self, spool: &Spool, name: &str, target: Target) -> Result<()> {
        spool.replace_target(name, Some(&self.target), &target)?;
        self.target = target;
        Ok(())
    }

    /// Forwards the batch that was cut, or cuts one. Returns false if there is none.
    pub(super) fn forward(&mut self, spool: &mut Spool, name: &str) -> Result<bool> {
        let target = self.target;
        let mut batch = match self.next.take() {
            Some(batch) => batch,
            None => {
                let cut = (target.cut != target.acknowledged).then_some(target.cut);
                batch::read(spool, target.acknowledged, cut, &mut self.instances)?
            }
        };
        // After its records were read: they are those of the file that has cut it.
        spool.check_target(name, &target)?;
        if batch.up_to == batch.after {
            self.is_behind = false;
            return Ok(false);
        }
        if target.cut == target.acknowledged {
            self.keep(spool, name, cut(spool, target, batch.up_to)?)?;
        }
        batch.previous = target.batch;
        batch.id = self.target.cut_batch.unwrap_or_default();
        self.is_behind = waiting(batch.up_to, spool.last()?.0) >= batch::MOST_RECORDS as u64;
        let next = self.accept(&batch, spool)?;
        let mut done = self.target;
        (done.acknowledged, done.batch) = (done.cut, done.cut_batch);
        // One transaction for both: this batch is acknowledged, the next one is cut.
        if next.up_to != next.after {
            done = cut(spool, done, next.up_to)?;
            self.next = Some(next);
        }
        self.keep(spool, name, done)?;
        Ok(true)
    }

    /// Sends a batch, and reads the next one: meanwhile, if the file has enough for it, and after it otherwise.
    fn accept(&mut self, batch: &ForwardBatch, spool: &mut Spool) -> Result<ForwardBatch> {
        let (intake, instances) = (&mut self.intake, &mut self.instances);
        let is_behind = self.is_behind;
        let mut read = || batch::read(spool, batch.up_to, None, instances);
        thread::scope(|scope| {
            let reading = is_behind.then(|| {
                let thread = thread::Builder::new().name("activity-forward-read".into());
                thread.spawn_scoped(scope, &mut read)
            });
            let accepted = intake.accept(batch);
            let next = reading.map(|reading| match reading {
                Ok(reading) => reading.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(cause) => Err(Error::store("cannot start a thread").with_source(cause)),
            });
            accepted.map(|()| next)
        })?
        .unwrap_or_else(read)
    }

    /// Sends a heartbeat, with what has changed.
    pub(super) fn beat(&mut self, spool: &mut Spool, name: &str) -> Result<()> {
        let update = self.sent.changes(spool, &self.target)?;
        self.intake.update(&update.state)?;
        if update.recording != self.target.recording {
            let target = Target {
                recording: update.recording,
                ..self.target
            };
            self.keep(spool, name, target)?;
        }
        self.sent.acknowledged(update);
        self.beat_at = Some(Instant::now());
        Ok(())
    }

    /// Counts accepted batches in the sums, if it is time to. `sent`: another one was accepted.
    pub(super) fn count_if_due(&mut self, sent: bool, beat_is_due: bool) -> Result<()> {
        self.is_counted &= !sent;
        let is_due = match self.is_behind {
            true => self
                .counted_at
                .is_none_or(|at| at.elapsed() >= COUNT_BEHIND),
            false => beat_is_due || !sent && !self.is_counted,
        };
        if is_due {
            self.count()?;
            self.counted_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Counts while others are sent, if the file has enough for that.
    fn count(&mut self) -> Result<()> {
        if self.is_behind && self.counter.begin() {
            return Ok(());
        }
        self.counter.end();
        self.intake.fold()?;
        self.is_counted = true;
        Ok(())
    }

    /// Counts the rest, and gives the lease back.
    pub(super) fn end(mut self) -> Result<()> {
        self.counter.end();
        // Nothing else may come that would count the rest.
        self.intake.fold_accepted()?;
        self.intake.disconnect()
    }
}

/// Cuts a batch that ends at these places.
fn cut(spool: &Spool, target: Target, up_to: Places) -> Result<Target> {
    Ok(Target {
        cut: up_to,
        cut_batch: Some(spool.batch_id(&target, up_to)?),
        ..target
    })
}
