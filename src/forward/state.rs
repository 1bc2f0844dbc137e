//! What changes in a log without a place in its commit order.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use crate::{
    error::Result,
    record::{ActivityRecord, InstanceId, RecordingId, RecordingRecord, RecordingStatus},
    store::{
        InstanceHealth, LogState, Places,
        sqlite::{Spool, Target},
    },
};

/// How often all instances are read: beside that, when there is a new one. The living ones are read each time.
const ALL_INSTANCES: Duration = Duration::from_secs(60);

/// What the target knows of the log since the forwarder has connected.
#[derive(Debug, Default)]
pub(super) struct SentState {
    open: Option<Vec<ActivityRecord>>,
    recordings: HashMap<RecordingId, RecordingRecord>,
    instances: HashMap<InstanceId, InstanceHealth>,
    /// The newest instance when all of them were read, and when that was.
    all_instances: Option<(Option<i64>, Instant)>,
}

/// A change of the state, and what the target knows once it is acknowledged.
pub(super) struct StateUpdate {
    pub(super) state: LogState,
    /// Up to this seq all recordings have ended, and the target knows their ends.
    pub(super) recording: i64,
    open: Vec<ActivityRecord>,
    all_instances: Option<(Option<i64>, Instant)>,
}

impl SentState {
    /// Reads what has changed.
    pub(super) fn changes(&self, spool: &mut Spool, target: &Target) -> Result<StateUpdate> {
        let (last, _) = spool.last()?;
        let open = spool.open_activities()?;
        let recordings = spool.recordings_after(target.recording)?;
        let is_drained = target.acknowledged.chunk >= last.chunk;
        let mut recording = target.recording;
        for (seq, one) in &recordings {
            if one.status == RecordingStatus::Recording || !is_drained {
                break;
            }
            recording = *seq;
        }
        let changed = |one: &RecordingRecord| self.recordings.get(&one.id) != Some(one);
        let recordings = recordings.into_iter().map(|(_, one)| one);
        let recordings: Vec<_> = recordings.filter(changed).collect();
        let is_same = self.open.as_ref() == Some(&open);
        let of_open = open.iter().map(|one| one.instance).filter(|_| !is_same);
        let named: HashSet<_> = of_open
            .chain(recordings.iter().map(|one| one.instance))
            .collect();
        let newest = spool.newest_instance()?;
        let is_known =
            |(then, at): &(Option<i64>, Instant)| *then == newest && at.elapsed() < ALL_INSTANCES;
        let all_instances = self.all_instances.filter(is_known);
        let mut instances = match all_instances {
            Some(_) => {
                let living = self.instances.values().filter(|one| one.alive);
                spool.instances_with(&living.map(|one| one.id).collect::<Vec<_>>())?
            }
            None => spool.instances()?,
        };
        instances.retain(|one| named.contains(&one.id) || self.instances.get(&one.id) != Some(one));
        Ok(StateUpdate {
            state: LogState {
                open: (!is_same).then(|| open.clone()),
                recordings,
                instances,
                waiting: waiting(target.acknowledged, last),
            },
            recording,
            open,
            all_instances: all_instances.or_else(|| Some((newest, Instant::now()))),
        })
    }

    /// Remembers what was acknowledged.
    pub(super) fn acknowledged(&mut self, update: StateUpdate) {
        self.open = Some(update.open);
        self.all_instances = update.all_instances;
        let instances = update.state.instances;
        self.instances
            .extend(instances.into_iter().map(|one| (one.id, one)));
        let recordings = update.state.recordings;
        self.recordings
            .extend(recordings.into_iter().map(|one| (one.id, one)));
        // Those that have ended are not read again.
        if self.recordings.len() > 10_000 {
            self.recordings.clear();
        }
    }
}

/// The number of places between these and the newest.
pub(super) fn waiting(acknowledged: Places, newest: Places) -> u64 {
    let left = |from: i64, to: i64| to.saturating_sub(from).max(0).cast_unsigned();
    left(acknowledged.activity, newest.activity)
        + left(acknowledged.event, newest.event)
        + left(acknowledged.chunk, newest.chunk)
}
