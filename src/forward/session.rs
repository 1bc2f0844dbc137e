//! The forwarding of one file to one target, step by step.

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    batch,
    holder::Holder,
    state::{SentState, waiting},
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::InstanceId,
    store::{
        Accepted, CentralStore, ForwardBatch, ForwardedLog, InstanceHealth, Intake, Places,
        hostname,
        sqlite::{Spool, SqliteStore, Target},
    },
};

/// How often the target hears from a forwarder.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// How long another holder may have the log before this file becomes a log of its own: longer than a lease, so that it is
/// alive.
const LEASE: Duration = Duration::from_secs(11);

/// Forwards a file to a target.
pub(super) struct Session {
    store: SqliteStore,
    central: Arc<dyn CentralStore>,
    name: String,
    spool: Option<Spool>,
    holder: Option<Holder>,
    connected: Option<Connected>,
    /// Since when another holder has the log.
    busy_since: Option<Instant>,
    /// The first microsecond to forward from, as a new log.
    again_since: Option<i64>,
    /// How long to keep what was acknowledged, in microseconds; `None` to leave it as it is.
    keep_us: Option<i64>,
    /// The file has an error of this session.
    has_error: bool,
}

/// A session with the target.
struct Connected {
    intake: Box<dyn Intake>,
    /// How far the file was forwarded, as it is kept there.
    target: Target,
    /// The batch that was cut last.
    next: Option<ForwardBatch>,
    sent: SentState,
    instances: HashMap<InstanceId, InstanceHealth>,
    /// When the target heard from this session; `None`: not since it has connected.
    beat_at: Option<Instant>,
}

/// What a step has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A batch was acknowledged, or there may be another.
    Forwarded,
    /// Everything was forwarded.
    Drained,
    /// Another process forwards this file.
    Locked,
}

impl Session {
    pub(super) fn new(store: SqliteStore, central: Arc<dyn CentralStore>) -> Self {
        Session {
            name: central.name(),
            store,
            central,
            spool: None,
            holder: None,
            connected: None,
            busy_since: None,
            again_since: None,
            keep_us: None,
            has_error: false,
        }
    }

    /// Forwards again what is dated from this microsecond on, as a new log.
    pub(super) fn again_since(&mut self, us: i64) {
        self.again_since = Some(us);
    }

    /// Deletes from the file what was acknowledged and is older.
    pub(super) fn keep_forwarded(&mut self, age: Duration) {
        self.keep_us = Some(i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
    }

    /// Forwards a batch, or sends a heartbeat if one is due. An error disconnects, and is kept in the file.
    pub(super) fn step(&mut self) -> Result<Step> {
        let stepped = self.try_step();
        if let Err(error) = &stepped {
            self.connected = None;
            if !self.has_error {
                self.has_error = self.keep_error(Some(&with_causes(error)));
            }
        }
        stepped
    }

    /// Returns the acknowledged places, and the newest ones of the file.
    pub(super) fn places(&mut self) -> Result<(Places, Places)> {
        let newest = self.spool()?.last()?.0;
        let target = match &self.connected {
            Some(connected) => Some(connected.target),
            None => {
                let name = self.name.clone();
                self.spool()?.target(&name)?
            }
        };
        let acknowledged = target.map_or(Places::default(), |target| target.acknowledged);
        Ok((acknowledged, newest))
    }

    /// Returns the number of records that are yet to be forwarded.
    pub(super) fn waiting(&mut self) -> Result<u64> {
        let (acknowledged, newest) = self.places()?;
        Ok(waiting(acknowledged, newest))
    }

    /// Sends the last state and gives the lease back.
    pub(super) fn disconnect(&mut self) -> Result<()> {
        let Some(mut connected) = self.connected.take() else {
            return Ok(());
        };
        let name = self.name.clone();
        beat(&mut connected, self.spool()?, &name)?;
        while connected.intake.fold()? > 0 {}
        connected.intake.disconnect()
    }

    fn try_step(&mut self) -> Result<Step> {
        if self.holder.is_none() && !self.lock()? {
            return Ok(Step::Locked);
        }
        let mut connected = match self.connected.take() {
            Some(connected) => connected,
            None => self.connect()?,
        };
        let name = self.name.clone();
        let spool = self.spool()?;
        // It differs after the file was replaced by another one.
        if spool.is_writable() && spool.target(&name)? != Some(connected.target) {
            return Ok(Step::Forwarded);
        }
        let stepped = forward(&mut connected, spool, &name)?;
        let beat_is_due = connected.beat_at.is_none_or(|at| at.elapsed() >= BEAT);
        if beat_is_due {
            beat(&mut connected, spool, &name)?;
        }
        if stepped || beat_is_due {
            connected.intake.fold()?;
        }
        if self.has_error {
            self.has_error = !self.keep_error(None);
        }
        self.connected = Some(connected);
        Ok(match stepped {
            true => Step::Forwarded,
            false => Step::Drained,
        })
    }

    /// Takes the lock of the process that forwards this file; false while another one has it.
    fn lock(&mut self) -> Result<bool> {
        let name = self.name.clone();
        let spool = self.spool()?;
        self.holder = match spool.is_writable() {
            true => Holder::try_new(spool.path(), &name)?,
            false => Some(Holder::without_lock()),
        };
        Ok(self.holder.is_some())
    }

    fn spool(&mut self) -> Result<&mut Spool> {
        if self.spool.is_none() {
            self.spool = Some(self.store.spool()?);
        }
        self.spool
            .as_mut()
            .ok_or_else(|| Error::store("the file is not open"))
    }

    /// Connects to the target as the log that this file is, or as a new one.
    fn connect(&mut self) -> Result<Connected> {
        let (name, again, keep_us) = (self.name.clone(), self.again_since, self.keep_us);
        let spool = self.spool()?;
        let is_writable = spool.is_writable();
        let kept = spool.target(&name)?;
        let start = again.map(|us| spool.places_before(us)).transpose()?;
        let keep_us = keep_us.or(kept.and_then(|kept| kept.keep_us));
        let new_log = |after| Target {
            keep_us,
            ..Target::new_log(after)
        };
        let mut target = match (kept, start) {
            (_, Some(start)) => new_log(start),
            (Some(kept), None) => Target { keep_us, ..kept },
            (None, None) if is_writable => new_log(Places::default()),
            // Derived from what stays the same, so that it can be resumed.
            (None, None) => Target {
                log: spool.file_id()?,
                ..new_log(Places::default())
            },
        };
        if kept.is_none() {
            // Before the first attempt: from now on retention keeps what is not forwarded.
            self.spool()?.set_target(&name, &target)?;
        }
        let mut intake = self.central.intake()?;
        let mut accepted = self.connect_as(&mut *intake, target.log)?;
        if start.is_some() {
            accepted = Some(Accepted {
                places: target.acknowledged,
                ..Accepted::default()
            });
        }
        let accepted = match accepted {
            Some(accepted) if agrees(self.spool()?, &target, &accepted)? => accepted,
            refused => {
                if refused.is_some() {
                    intake.disconnect()?;
                }
                tracing::warn!(
                    target: "tower_activity::forward", store = %self.path().display(), target = name,
                    "the target has the log of another copy of this file; forwarding it again, as a log of its own"
                );
                target = new_log(Places::default());
                self.connect_as(&mut *intake, target.log)?
                    .ok_or_else(|| busy(&name))?
            }
        };
        target.acknowledged = accepted.places;
        if accepted.places == target.cut || !is_writable {
            target.cut = accepted.places;
        }
        self.spool()?.set_target(&name, &target)?;
        self.again_since = None;
        Ok(Connected {
            intake,
            target,
            next: None,
            sent: SentState::default(),
            instances: HashMap::new(),
            beat_at: None,
        })
    }

    /// Takes the lease of a log. `None` if another holder has had it for longer than a lease: it is alive.
    ///
    /// # Errors
    ///
    /// If the target cannot be reached, and while it is not known whether the other holder is alive (`is_busy`).
    fn connect_as(&mut self, intake: &mut dyn Intake, log: uuid::Uuid) -> Result<Option<Accepted>> {
        let holder = self.holder.as_ref().map(|holder| holder.id);
        let holder = holder.ok_or_else(|| busy(&self.name))?;
        match intake.connect(&ForwardedLog::new(log, holder, hostname())) {
            Ok(accepted) => {
                self.busy_since = None;
                Ok(Some(accepted))
            }
            Err(error) if error.is_busy() => {
                let since = *self.busy_since.get_or_insert_with(Instant::now);
                match since.elapsed() < LEASE {
                    true => Err(error),
                    false => {
                        self.busy_since = None;
                        Ok(None)
                    }
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps the error in the file. Returns false if that fails: the file may be what is broken.
    fn keep_error(&mut self, error: Option<&str>) -> bool {
        let name = self.name.clone();
        let kept = self.spool().and_then(|spool| spool.set_error(&name, error));
        kept.is_ok()
    }

    fn path(&self) -> PathBuf {
        let spool = self.spool.as_ref();
        spool.map_or_else(PathBuf::new, |spool| spool.path().to_owned())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?} to {})", self.store, self.name)
    }
}

/// Whether the target has accepted what this file has forwarded, and nothing else.
fn agrees(spool: &Spool, target: &Target, accepted: &Accepted) -> Result<bool> {
    let places = accepted.places;
    let is_known = places == target.acknowledged || places == target.cut || !spool.is_writable();
    let (newest, _) = spool.last()?;
    let is_within = places.activity <= newest.activity
        && places.event <= newest.event
        && places.chunk <= newest.chunk;
    let (activity, event) = spool.ids(places)?;
    // Unknown on either side: there was none in the last batches, or it was pruned here.
    let is_same_activity = activity.zip(accepted.activity).is_none_or(|(a, b)| a == b);
    let is_same_event = event.zip(accepted.event).is_none_or(|(a, b)| a == b);
    Ok(is_known && is_within && is_same_activity && is_same_event)
}

/// Forwards the batch that was cut, or cuts one. Returns false if there is none.
fn forward(connected: &mut Connected, spool: &mut Spool, name: &str) -> Result<bool> {
    let target = &mut connected.target;
    let batch = match connected.next.take() {
        Some(batch) => batch,
        None => {
            let cut = (target.cut != target.acknowledged).then_some(target.cut);
            let batch = batch::read(spool, target.acknowledged, cut, &mut connected.instances)?;
            if batch.up_to == batch.after {
                return Ok(false);
            }
            if cut.is_none() {
                target.cut = batch.up_to;
                spool.set_target(name, target)?;
            }
            batch
        }
    };
    connected.intake.accept(&batch)?;
    target.acknowledged = batch.up_to;
    // One transaction for both: this batch is acknowledged, the next one is cut.
    let next = batch::read(spool, batch.up_to, None, &mut connected.instances)?;
    target.cut = next.up_to;
    spool.set_target(name, target)?;
    connected.next = (next.up_to != next.after).then_some(next);
    Ok(true)
}

/// Sends a heartbeat, with what has changed.
fn beat(connected: &mut Connected, spool: &mut Spool, name: &str) -> Result<()> {
    let update = connected.sent.changes(spool, &connected.target)?;
    connected.intake.update(&update.state)?;
    if update.recording != connected.target.recording {
        connected.target.recording = update.recording;
        spool.set_target(name, &connected.target)?;
    }
    connected.sent.acknowledged(update);
    connected.beat_at = Some(Instant::now());
    Ok(())
}

fn busy(name: &str) -> Error {
    Error::new(
        ErrorKind::Busy,
        format!("another forwarder holds the new log of this file at {name}"),
    )
}

/// An error with its causes, in one line.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
