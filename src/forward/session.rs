//! The forwarding of one file to one target, step by step.

use std::{
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{connected::Connected, holder::Holder, state::waiting};
use crate::{
    error::{Error, ErrorKind, Result},
    store::{
        Accepted, CentralStore, ForwardedLog, Intake, Places, hostname,
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
    /// Places that were acknowledged.
    forwarded: u64,
    /// Since when another holder has the log.
    busy_since: Option<Instant>,
    /// The first microsecond to forward from, as a new log.
    again_since: Option<i64>,
    /// How long to keep what was acknowledged, in microseconds; `None` to leave it as it is.
    keep_us: Option<i64>,
    /// The error of this session in the file.
    error: Option<String>,
    /// Retention keeps what waits for the target before it was ever reached, too.
    registers_early: bool,
    has_connected: bool,
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
            forwarded: 0,
            busy_since: None,
            again_since: None,
            keep_us: None,
            error: None,
            registers_early: false,
            has_connected: false,
        }
    }

    /// Makes the target known to the file before the first attempt to connect: from then on retention keeps what waits for it.
    pub(super) fn hold(&mut self) {
        self.registers_early = true;
        // Without a row of the target there was no place for it.
        self.error = None;
    }

    /// Returns true if the target was reached, by this process or an earlier one that could note it in the file.
    pub(super) fn was_reached(&mut self) -> Result<bool> {
        let name = self.name.clone();
        Ok(self.has_connected || self.spool()?.target(&name)?.is_some())
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
            let error = with_causes(error);
            if self.error.as_ref() != Some(&error) && self.keep_error(Some(&error)) {
                self.error = Some(error);
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

    /// Returns the number of places that were acknowledged since this was made.
    pub(super) fn forwarded(&self) -> u64 {
        self.forwarded
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
        match connected.beat(self.spool()?, &name) {
            // Another forwarder has the log by now, or the file is another one: there is nothing to give back.
            Err(error) if error.is_busy() => return Ok(()),
            done => done?,
        }
        connected.end()
    }

    fn try_step(&mut self) -> Result<Step> {
        if self.holder.is_none() && !self.lock()? {
            return Ok(Step::Locked);
        }
        let mut connected = match self.connected.take() {
            Some(connected) => connected,
            None => {
                let connected = self.connect()?;
                self.has_connected = true;
                // The file may have one of an earlier process.
                self.error.get_or_insert_default();
                connected
            }
        };
        let name = self.name.clone();
        let before = connected.target.acknowledged;
        let stepped = connected.forward(self.spool()?, &name)?;
        self.forwarded += waiting(before, connected.target.acknowledged);
        let beat_is_due = connected.beat_at.is_none_or(|at| at.elapsed() >= BEAT);
        if beat_is_due {
            connected.beat(self.spool()?, &name)?;
        }
        connected.count_if_due(stepped, beat_is_due)?;
        if self.error.is_some() && self.keep_error(None) {
            self.error = None;
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
        let mut in_file = kept;
        if kept.is_none() && self.registers_early {
            self.spool()?.replace_target(&name, None, &target)?;
            in_file = self.spool()?.target(&name)?;
        }
        let mut intake = self.central.intake()?;
        let central = match is_writable {
            true => intake.store()?,
            false => None,
        };
        if let (Some(central), None) = (central, again)
            && let Some([kept, adopted]) = self.adopt(&mut *intake, central)?
        {
            in_file = Some(kept);
            target = Target {
                keep_us: keep_us.or(kept.keep_us),
                ..adopted
            };
        }
        let accepted = self.connect_as(&mut *intake, target.log)?;
        let is_same = match accepted {
            Some(accepted) => self.acknowledge(&mut target, accepted)?,
            None => false,
        };
        if !is_same {
            if accepted.is_some() {
                intake.disconnect()?;
            }
            tracing::warn!(
                target: "tower_activity::forward", store = %self.path().display(), target = name,
                "the target has not what this file has forwarded: one of them was copied or put back; forwarding it again, as a new log"
            );
            target = new_log(Places::default());
            self.connect_as(&mut *intake, target.log)?
                .ok_or_else(|| busy(&name))?;
        }
        self.spool()?
            .replace_target(&name, in_file.as_ref(), &target)?;
        if let Some(central) = central {
            self.spool()?.set_store(&name, central)?;
        }
        self.again_since = None;
        let holder = self.holder_id()?;
        Ok(Connected::new(self.central.clone(), intake, holder, target))
    }

    fn holder_id(&self) -> Result<Uuid> {
        let holder = self.holder.as_ref().map(|holder| holder.id);
        holder.ok_or_else(|| busy(&self.name))
    }

    /// Returns what the file keeps of this store under another address, from now on under this one, and the same with the batches that
    /// the store has. `None` if it keeps nothing, or a process forwards the file to that address.
    fn adopt(&mut self, intake: &mut dyn Intake, central: i64) -> Result<Option<[Target; 2]>> {
        let name = self.name.clone();
        let spool = self.spool()?;
        if spool.store_at(&name)?.is_some() {
            return Ok(None);
        }
        let Some((address, kept)) = spool.target_of_store(central)? else {
            return Ok(None);
        };
        // A copy of its disk has the same id: what a process forwards to there is another target.
        let Some(_lock) = Holder::try_new(spool.path(), &address)? else {
            return Ok(None);
        };
        let Some(accepted) = self.connect_as(intake, kept.log)? else {
            return Ok(None);
        };
        // An earlier batch will do: a standby that took over may lack the last ones.
        let mut adopted = kept;
        let is_same = accepted.batch.is_some() && self.acknowledge(&mut adopted, accepted)?;
        if !is_same {
            intake.disconnect()?;
            return Ok(None);
        }
        self.spool()?.rename_target(&address, &kept, &name)?;
        tracing::info!(
            target: "tower_activity::forward", store = %self.path().display(), target = name, address,
            "the target is one that this file was forwarded to at another address; continuing there"
        );
        Ok(Some([kept, adopted]))
    }

    /// Continues after the last batch that the target has accepted: an earlier one, if a standby took over or the target was put
    /// back. Returns false if that is not one of the records of this file.
    fn acknowledge(&mut self, target: &mut Target, accepted: Accepted) -> Result<bool> {
        if accepted.batch == target.batch {
            return Ok(true);
        }
        if accepted.batch == target.cut_batch {
            self.forwarded += waiting(target.acknowledged, target.cut);
            (target.acknowledged, target.batch) = (target.cut, target.cut_batch);
            return Ok(true);
        }
        let (at, acknowledged) = (accepted.places, target.acknowledged);
        // `None`: the target does not know the log.
        let is_same =
            accepted.batch.is_none() || accepted.batch == Some(self.spool()?.batch_id(target, at)?);
        if !is_same {
            return Ok(false);
        }
        if waiting(at, acknowledged) > 0 {
            tracing::warn!(
                target: "tower_activity::forward", store = %self.path().display(), target = self.name,
                "the target lacks batches that it had acknowledged, as a standby may that took over; forwarding them again"
            );
            target.recording = 0;
        }
        (target.acknowledged, target.batch) = (at, accepted.batch);
        (target.cut, target.cut_batch) = (at, accepted.batch);
        Ok(true)
    }

    /// Takes the lease of a log. `None` if another holder has had it for longer than a lease: it is alive.
    ///
    /// # Errors
    ///
    /// If the target cannot be reached, and while it is not known whether the other holder is alive (`is_busy`).
    fn connect_as(&mut self, intake: &mut dyn Intake, log: Uuid) -> Result<Option<Accepted>> {
        let holder = self.holder_id()?;
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

    /// Deletes what the file keeps of the target. Another process that forwards to it would make it known again.
    pub(super) fn forget(&mut self) -> Result<bool> {
        let name = self.name.clone();
        let is_known = self.spool()?.target(&name)?.is_some();
        if is_known && self.holder.is_none() && !self.lock()? {
            return Err(locked(&name));
        }
        self.spool()?.forget_target(&name)
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

pub(super) fn locked(name: &str) -> Error {
    Error::new(
        ErrorKind::Busy,
        format!(
            "another process forwards this file to {name}: the program that records, or `activity forward`"
        ),
    )
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
