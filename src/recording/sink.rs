//! The sink of a recording: numbers, bounds and links chunks on their way into the store.

use std::{
    fmt, mem,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use parking_lot::Mutex;
use serde_json::Value;

use crate::{
    pipeline::{RecordingOptions, Shard},
    record::{ActivityId, Codec, MAX_CHUNK_BYTES, RecordingId, RecordingStatus, Text},
    recording::{Chunk, chunk},
    store::{NewChunk, NewStep, Step},
};

/// The sink to which a resource appends chunks. Cloning is cheap.
///
/// Chunks beyond the log's memory limit or the size limit of the recording are dropped, and their events counted as lost.
#[derive(Clone)]
pub struct Sink(Arc<Inner>);

struct Inner {
    id: RecordingId,
    format: Text,
    /// All steps pass through one shard, which preserves their order.
    shard: Arc<Shard>,
    state: Mutex<State>,
}

/// State of a recording.
#[derive(Debug)]
struct State {
    /// True once the begin was admitted: with the first chunk.
    begun: bool,
    /// Links to activities that have not ended.
    links: Vec<Link>,
    /// Number of the next chunk.
    number: u64,
    bytes: u64,
    /// Number of events in the appended chunks.
    events: u64,
    /// True once a chunk exceeded the size limit: later chunks would follow a gap.
    full: bool,
    /// Number of events that are missing.
    lost: u64,
    status: RecordingStatus,
    ended: bool,
}

#[derive(Debug)]
struct Link {
    activity: ActivityId,
    from_us: i64,
    /// True once its begin was admitted, and memory reserved for its end.
    admitted: bool,
}

impl Sink {
    pub(super) fn new(shard: Arc<Shard>, format: Text) -> Self {
        let stamp = shard.shared().clock.stamp();
        Sink(Arc::new(Inner {
            id: RecordingId::from_parts(stamp.wall_us, stamp.salt),
            format,
            shard,
            state: Mutex::new(State {
                begun: false,
                links: Vec::new(),
                number: 0,
                bytes: 0,
                events: 0,
                full: false,
                lost: 0,
                status: RecordingStatus::Recording,
                ended: false,
            }),
        }))
    }

    /// Appends a chunk. Never fails and never waits.
    ///
    /// # Loss
    ///
    /// Chunks that are not yet committed are lost if the process is killed. Rejected chunks are counted, here and in
    /// [`ActivityLog::accounting`](crate::ActivityLog::accounting).
    pub fn append(&self, chunk: Chunk) {
        if chunk.body.len() > MAX_CHUNK_BYTES {
            return self.lost(chunk.events);
        }
        let Ok(body) = chunk::encode(&chunk.body) else {
            return self.lost(chunk.events);
        };
        let mut state = self.0.state.lock();
        if state.ended {
            return;
        }
        let bytes = state.bytes + body.len() as u64;
        if state.full || bytes > self.limits().max_bytes {
            state.full = true;
            state.worsen(RecordingStatus::Truncated);
            state.lose(chunk.events);
            return;
        }
        let (from_us, until_us) = chunk.range_us.unwrap_or_else(|| {
            let now = self.now_us();
            (now, now)
        });
        let events = chunk.events;
        let step = Step::Chunk(NewChunk {
            number: state.number,
            track: chunk.track,
            events,
            from_us,
            until_us,
            codec: Codec::Zstd,
            body,
        });
        if self.record(&mut state, step) {
            state.number += 1;
            state.bytes = bytes;
            state.events = state.events.saturating_add(events);
        } else {
            state.lose(events);
        }
    }

    /// Counts `events` as lost.
    pub fn lost(&self, events: u64) {
        self.0.state.lock().lose(events);
    }

    /// Ends the recording: `crashed`, `gone`, or `complete`. Nothing can be appended afterwards.
    pub fn end(&self, status: RecordingStatus) {
        let mut state = self.0.state.lock();
        state.worsen(status);
        if mem::replace(&mut state.ended, true) || !state.begun {
            return;
        }
        let end = Step::End {
            status: state.outcome(),
            events: state.events,
            lost: state.lost,
            at_us: self.now_us(),
        };
        self.0.shard.record_prepaid(self.step(end));
    }

    /// Sets a worse status while the recording continues, after the crash of a tab, for example.
    pub fn worsen(&self, status: RecordingStatus) {
        self.0.state.lock().worsen(status);
    }

    /// Returns the current or final status. Chunks that the store rejects are not included.
    pub fn status(&self) -> RecordingStatus {
        let state = self.0.state.lock();
        match state.ended {
            true => state.outcome(),
            false => state.status,
        }
    }

    /// Redacts a text by the log's rules.
    pub fn redact_text(&self, text: &str) -> String {
        let shared = self.0.shard.shared();
        let clean = shared.config.redactor.text(text);
        clean.map(Into::into).unwrap_or_else(|_| {
            shared.redactor_panics.fetch_add(1, Relaxed);
            String::new()
        })
    }

    /// Redacts a JSON value under a key by the log's rules.
    pub fn redact_json(&self, key: &str, value: Value) -> Value {
        let shared = self.0.shard.shared();
        shared
            .config
            .redactor
            .value(key, value)
            .unwrap_or_else(|_| {
                shared.redactor_panics.fetch_add(1, Relaxed);
                Value::Null
            })
    }

    pub(super) fn id(&self) -> RecordingId {
        self.0.id
    }

    pub(super) fn shard(&self) -> &Arc<Shard> {
        &self.0.shard
    }

    pub(super) fn limits(&self) -> &RecordingOptions {
        &self.0.shard.shared().config.recordings
    }

    /// Links the recording to an activity from now on.
    pub(super) fn link(&self, activity: ActivityId) {
        let mut state = self.0.state.lock();
        let known = |link: &Link| link.activity == activity;
        if state.ended || state.links.iter().any(known) {
            return;
        }
        let mut link = Link {
            activity,
            from_us: self.now_us(),
            admitted: false,
        };
        if state.begun {
            let step = self.step(link.step(None));
            link.admitted = self.0.shard.record(vec![step], 1).is_ok();
        }
        state.links.push(link);
    }

    /// Ends the link to an activity, once everything up to its end has been appended.
    pub(super) fn unlink(&self, activity: ActivityId, ended_at_us: i64) {
        let mut state = self.0.state.lock();
        let Some(at) = state.links.iter().position(|one| one.activity == activity) else {
            return;
        };
        let link = state.links.swap_remove(at);
        if !state.begun {
            // No event during the activity: nothing to link.
            return;
        }
        let step = self.step(link.step(Some(ended_at_us)));
        if link.admitted {
            self.0.shard.record_prepaid(step);
        } else {
            // A rejection is counted by the shard; no event is missing.
            let _ = self.0.shard.record(vec![step], 0);
        }
    }

    /// Admits a step, preceded by the begin and the links if it is the first.
    fn record(&self, state: &mut State, step: Step) -> bool {
        let step = self.step(step);
        if state.begun {
            return self.0.shard.record(vec![step], 0).is_ok();
        }
        let begin = Step::Begin {
            format: self.0.format.clone(),
        };
        let mut steps = vec![self.step(begin)];
        steps.extend(state.links.iter().map(|link| self.step(link.step(None))));
        // Reserved for the end of each link, and that of the recording.
        let reserved = steps.len();
        steps.push(step);
        state.begun = self.0.shard.record(steps, reserved).is_ok();
        for link in &mut state.links {
            link.admitted = state.begun;
        }
        state.begun
    }

    fn step(&self, step: Step) -> NewStep {
        NewStep {
            recording: self.0.id,
            step,
        }
    }

    fn now_us(&self) -> i64 {
        self.0.shard.shared().clock.stamp().wall_us
    }
}

impl Link {
    fn step(&self, until_us: Option<i64>) -> Step {
        Step::Link {
            activity: self.activity,
            from_us: self.from_us,
            until_us,
        }
    }
}

impl State {
    /// Keeps the more severe status.
    fn worsen(&mut self, status: RecordingStatus) {
        if !self.ended && severity(status) > severity(self.status) {
            self.status = status;
        }
    }

    fn lose(&mut self, events: u64) {
        self.lost = self.lost.saturating_add(events);
    }

    /// Returns the final status if the recording ended now.
    fn outcome(&self) -> RecordingStatus {
        match self.status {
            RecordingStatus::Recording | RecordingStatus::Complete if self.lost > 0 => {
                RecordingStatus::Lost
            }
            RecordingStatus::Recording => RecordingStatus::Complete,
            status => status,
        }
    }
}

/// Orders the statuses by severity; the worst one wins.
fn severity(status: RecordingStatus) -> usize {
    const ORDER: [RecordingStatus; 8] = [
        RecordingStatus::Recording,
        RecordingStatus::Complete,
        RecordingStatus::Lost,
        RecordingStatus::TimedOut,
        RecordingStatus::Truncated,
        RecordingStatus::Abandoned,
        RecordingStatus::Crashed,
        RecordingStatus::Gone,
    ];
    let place = ORDER.iter().position(|one| *one == status);
    place.unwrap_or_default()
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("id", &self.0.id)
            .field("format", &self.0.format)
            .finish_non_exhaustive()
    }
}
