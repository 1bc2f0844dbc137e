//! Where a resource appends: one recording on its way into the store.

use std::{
    fmt, mem,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use parking_lot::Mutex;
use serde_json::Value;

use crate::{
    pipeline::{RecordingOptions, Shard},
    record::{ActivityId, Codec, RecordingId, RecordingStatus, Text},
    recording::{Chunk, chunk},
    store::{NewChunk, NewStep, Step},
};

/// Where a resource appends what happens. Cloning it is cheap.
///
/// What does not fit into the log's memory, or beyond the limit for one recording, is not kept, and the recording says
/// how many events are missing.
#[derive(Clone)]
pub struct Sink(Arc<Stand>);

struct Stand {
    id: RecordingId,
    format: Text,
    /// All steps go through one shard, which keeps their order.
    shard: Arc<Shard>,
    state: Mutex<State>,
}

/// How a recording stands.
#[derive(Debug)]
struct State {
    /// True once the store is to know of it: with the first chunk.
    begun: bool,
    /// Activities that it is attached to and that have not been sealed.
    links: Vec<Link>,
    /// The number of the next chunk.
    number: u64,
    bytes: u64,
    /// How many events its chunks held.
    events: u64,
    /// True once something did not fit: what comes after it would follow on a gap.
    full: bool,
    lost: u64,
    status: RecordingStatus,
    ended: bool,
}

#[derive(Debug)]
struct Link {
    activity: ActivityId,
    from_us: i64,
    /// True once the store is to know of it, and the memory for its end is taken.
    listed: bool,
}

impl Sink {
    pub(super) fn new(shard: Arc<Shard>, format: Text) -> Self {
        let stamp = shard.shared().clock.stamp();
        Sink(Arc::new(Stand {
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

    /// Appends a chunk. Never fails and waits for nothing.
    ///
    /// # Loss
    ///
    /// What is appended and not yet committed is lost when the process is killed. What is not admitted is counted, here
    /// and in [`ActivityLog::accounting`](crate::ActivityLog::accounting).
    pub fn append(&self, chunk: Chunk) {
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

    /// Says that so many events are missing.
    pub fn lost(&self, events: u64) {
        self.0.state.lock().lose(events);
    }

    /// Says that it has come to an end by itself: `crashed`, `gone`, or `complete`. Nothing can be appended after it.
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

    /// Says that something went wrong while it goes on: a tab crashed, say.
    pub fn worsen(&self, status: RecordingStatus) {
        self.0.state.lock().worsen(status);
    }

    /// How it stands or ended. That the store refuses a chunk is told by the store alone.
    pub fn status(&self) -> RecordingStatus {
        let state = self.0.state.lock();
        match state.ended {
            true => state.outcome(),
            false => state.status,
        }
    }

    /// Takes secrets out of a text, by the log's rules.
    pub fn redact_text(&self, text: &str) -> String {
        let shared = self.0.shard.shared();
        let clean = shared.config.redactor.text(text);
        clean.map(Into::into).unwrap_or_else(|_| {
            shared.redactor_panics.fetch_add(1, Relaxed);
            String::new()
        })
    }

    /// Takes secrets out of JSON that stands under a key, by the log's rules.
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

    /// Attaches it to an activity from now on.
    pub(super) fn link(&self, activity: ActivityId) {
        let mut state = self.0.state.lock();
        let known = |link: &Link| link.activity == activity;
        if state.ended || state.links.iter().any(known) {
            return;
        }
        let mut link = Link {
            activity,
            from_us: self.now_us(),
            listed: false,
        };
        if state.begun {
            let step = self.step(link.step(None));
            link.listed = self.0.shard.record(vec![step], 1).is_ok();
        }
        state.links.push(link);
    }

    /// Says that everything up to the end of an activity has been appended.
    pub(super) fn unlink(&self, activity: ActivityId, ended_at_us: i64) {
        let mut state = self.0.state.lock();
        let Some(at) = state.links.iter().position(|one| one.activity == activity) else {
            return;
        };
        let link = state.links.swap_remove(at);
        if !state.begun {
            // Nothing happened while it ran: there is nothing to show.
            return;
        }
        let step = self.step(link.step(Some(ended_at_us)));
        if link.listed {
            self.0.shard.record_prepaid(step);
        } else {
            // What is not admitted is counted there; no event is missing.
            let _ = self.0.shard.record(vec![step], 0);
        }
    }

    /// Admits a step, and before the first one the begin and the links.
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
        // For the end of each link, and that of the recording.
        let more = steps.len();
        steps.push(step);
        state.begun = self.0.shard.record(steps, more).is_ok();
        for link in &mut state.links {
            link.listed = state.begun;
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
    /// Keeps what says most about what is missing.
    fn worsen(&mut self, status: RecordingStatus) {
        if !self.ended && rank(status) > rank(self.status) {
            self.status = status;
        }
    }

    fn lose(&mut self, events: u64) {
        self.lost = self.lost.saturating_add(events);
    }

    /// How it ends now.
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

/// What says more about what is missing stands higher.
fn rank(status: RecordingStatus) -> usize {
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
