//! Generated records, the same ones for a seed each time.

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;

use crate::{
    record::{
        ActivityId, ActivityRecord, ChunkRecord, Codec, EventId, EventRecord, InstanceId, Kind,
        Preview, RecordingId, RecordingLink, RecordingRecord, RecordingStatus, Scope, Status, Text,
    },
    store::Instance,
};

/// The records that a store is filled with, as they must be read back.
///
/// The numbers in commit order (`seq`) and the positions of followers are the store's own, and are not compared. Whether a
/// record is `ahead` follows from [`now`](Self::now).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Records {
    /// The seed that they are generated from.
    pub seed: u64,
    /// The time of the reader's clock.
    pub now: DateTime<Utc>,
    /// A dead instance, which recorded the abandoned activities and recordings.
    pub dead: Instance,
    /// A living instance, which recorded everything else.
    pub alive: Instance,
    /// Activities, in commit order; running ones are last.
    pub activities: Vec<ActivityRecord>,
    /// Events, in commit order.
    pub events: Vec<EventRecord>,
    /// Events with the deduplication key, type, project and actor of one in [`events`](Self::events). They are committed later,
    /// and must not be stored.
    pub duplicates: Vec<EventRecord>,
    /// Recordings, each with its chunks in order.
    pub recordings: Vec<(RecordingRecord, Vec<ChunkRecord>)>,
}

/// 2026-03-01 12:00:00 UTC, in microseconds since the Unix epoch.
const NOW_US: i64 = 1_772_366_400_000_000;
const MINUTE_US: i64 = 60_000_000;
const QUARTER_US: i64 = 15 * MINUTE_US;
const DAY_US: i64 = 96 * QUARTER_US;

pub(super) const NAMES: [&str; 8] = [
    "login",
    "Login",
    "log_in",
    "a*b",
    "100%",
    "it's \"x\"",
    "größe",
    "日本語",
];
pub(super) const PROJECTS: [&str; 4] = ["acme", "Acme", "a_me", "übung"];
pub(super) const AGENTS: [&str; 4] = ["bot", "planner", "scout", "late"];
pub(super) const ACTORS: [&str; 3] = ["ann", "Ann B", "o'neil"];
pub(super) const TYPES: [&str; 4] = ["deployment", "log", "chat_session", "größe"];
const BRANDS: [&str; 2] = ["shop", "Shop"];
const ENVIRONMENTS: [&str; 2] = ["dev", "production"];
const SESSIONS: [&str; 3] = ["s-1", "s-2", "s%"];
const DEDUP_KEYS: [&str; 2] = ["k-1", "k%"];
const ERRORS: [&str; 3] = ["timeout", "denied", "tool_error"];
const TEXTS: [&str; 6] = [
    "No such user",
    "no_such_user",
    "timed out after 5s: retry",
    "the disk is full",
    "GRÖSSE größer als 3",
    "日本語 text, with words",
];

impl Records {
    /// Generates the records of a seed: none for seed 0, a few dozen for most, more than a page for every eighth.
    pub fn from_seed(seed: u64) -> Self {
        let mut make = Generator {
            random: Rng::with_seed(seed),
            last_us: NOW_US - DAY_US,
        };
        let instance = |random: u64, host: &str| {
            let id = InstanceId::from_parts(NOW_US - 4 * DAY_US, random);
            let opened = DateTime::from_timestamp_micros(NOW_US - 4 * DAY_US).unwrap_or_default();
            Instance::new(id, host, 7, opened)
        };
        let mut records = Records {
            seed,
            now: at(NOW_US),
            dead: instance(1 << 40, "dead"),
            alive: instance(2 << 40, "alive"),
            activities: Vec::new(),
            events: Vec::new(),
            duplicates: Vec::new(),
            recordings: Vec::new(),
        };
        let count = match seed {
            0 => 0,
            seed if seed % 8 == 7 => 1_100,
            _ => make.random.usize(20..90),
        };
        for _ in 0..count {
            let activity = make.activity(&records);
            records.activities.push(activity);
        }
        // Abandoned activities are committed first, in order of start; running ones are last.
        let place = |one: &ActivityRecord| match one.status {
            Status::Abandoned => (0, Some(one.id)),
            Status::Running => (2, None),
            _ => (1, None),
        };
        records.activities.sort_by_key(place);
        // The agent `late` records its only turn after all its other activities.
        let ended = records.activities.iter_mut().rev();
        let last = ended.into_iter().find(|one| one.duration_ns.is_some());
        if let Some(last) = last {
            (last.kind, last.scope.agent) = (Kind::Turn, Some(Text::from("late")));
        }
        for _ in 0..count / 2 {
            let event = make.event(&records);
            match records
                .events
                .iter()
                .any(|first| is_duplicate(&event, first))
            {
                true => records.duplicates.push(event),
                false => records.events.push(event),
            }
        }
        for _ in 0..count.min(12) / 2 {
            let recording = make.recording(&records);
            records.recordings.push(recording);
        }
        for activity in &mut records.activities {
            let mut links = records.recordings.iter().flat_map(|(one, _)| &one.links);
            activity.has_recording = links.any(|link| link.activity == activity.id);
        }
        records
    }
}

/// Returns true if a store must not keep `event` beside `first`.
fn is_duplicate(event: &EventRecord, first: &EventRecord) -> bool {
    event.dedup_key.is_some()
        && event.dedup_key == first.dedup_key
        && event.event_type == first.event_type
        && event.scope.project == first.scope.project
        && event.scope.actor == first.scope.actor
}

fn at(us: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(us).unwrap_or_default()
}

/// Generates records.
struct Generator {
    random: Rng,
    last_us: i64,
}

impl Generator {
    fn one_of(&mut self, texts: &[&'static str]) -> Text {
        Text::from(texts[self.random.usize(..texts.len())])
    }

    fn maybe(&mut self, texts: &[&'static str]) -> Option<Text> {
        self.random.bool().then(|| self.one_of(texts))
    }

    /// Returns an instant in the last three days; sometimes at the edge of a quarter hour, equal to the previous one, or ahead.
    fn instant(&mut self) -> i64 {
        let before = NOW_US - self.random.i64(0..3 * DAY_US);
        self.last_us = match self.random.u8(..20) {
            0 => self.last_us,
            1 | 2 => before - before.rem_euclid(QUARTER_US),
            3 => before - before.rem_euclid(QUARTER_US) - 1,
            // Up to five minutes in the future is not ahead.
            4 => NOW_US + 5 * MINUTE_US - self.random.i64(0..2),
            5 => NOW_US + self.random.i64(6 * MINUTE_US..DAY_US),
            _ => before,
        };
        self.last_us
    }

    fn scope(&mut self) -> Scope {
        Scope {
            project: self.maybe(&PROJECTS),
            agent: self.maybe(&AGENTS),
            actor: self.maybe(&ACTORS),
            brand: self.maybe(&BRANDS),
            environment: self.maybe(&ENVIRONMENTS),
            session: self.maybe(&SESSIONS),
            request: self.random.bool().then(|| Text::from("r-1")),
        }
    }

    fn preview(&mut self) -> Option<Preview> {
        let text = self.maybe(&TEXTS)?;
        let cut = self.random.bool();
        let more = u64::from(cut) * 10;
        Some(Preview::new(
            text.to_string(),
            text.len() as u64 + more,
            cut,
        ))
    }

    fn activity(&mut self, records: &Records) -> ActivityRecord {
        let id = ActivityId::from_parts(self.instant(), self.random.u64(..));
        let kind = Kind::ALL[self.random.usize(..Kind::ALL.len())];
        let name = self.one_of(&NAMES);
        let status = match self.random.u8(..12) {
            0 => Status::Running,
            1 => Status::Abandoned,
            2 | 3 => Status::Failed,
            4 => Status::Cancelled,
            5 => Status::Skipped,
            _ => Status::Success,
        };
        let instance = match status {
            Status::Abandoned => records.dead.id,
            _ => records.alive.id,
        };
        let mut one = ActivityRecord::new(id, kind, name, instance);
        one.status = status;
        if self.random.bool() && !records.activities.is_empty() {
            let parent = &records.activities[self.random.usize(..records.activities.len())];
            (one.parent, one.root, one.trace_id) = (Some(parent.id), parent.root, parent.trace_id);
        }
        one.scope = self.scope();
        // The agent `planner` sometimes records turns; the others never do.
        if one.kind == Kind::Turn && one.scope.agent.as_deref() != Some("planner") {
            one.scope.agent = None;
        }
        one.input = self.preview();
        one.truncated = self.random.bool();
        if self.random.bool() {
            let number = self.random.u32(..);
            one.attributes.insert("rows".into(), number.into());
            one.attributes
                .insert("ß\"'".into(), serde_json::Value::Null);
        }
        if matches!(status, Status::Running | Status::Abandoned) {
            return one;
        }
        let ns = [0, 999, 1_000, 1_000_000_007, 7_200_000_000_000][self.random.usize(..5)];
        one.duration_ns = Some(ns);
        one.ended_at = Some(one.started_at + TimeDelta::microseconds((ns / 1_000).cast_signed()));
        one.output = self.preview();
        if status == Status::Failed {
            (one.error_type, one.message) = (self.maybe(&ERRORS), self.maybe(&TEXTS));
        }
        one
    }

    fn event(&mut self, records: &Records) -> EventRecord {
        let id = EventId::from_parts(self.instant(), 0, self.random.u64(..));
        let event_type = self.one_of(&TYPES);
        let mut one = EventRecord::new(id, event_type, records.alive.id);
        one.status = Status::ALL[self.random.usize(..Status::ALL.len())];
        one.summary = self.maybe(&TEXTS);
        // The largest that a store keeps, at times: two of them exceed its integers.
        one.count = match self.random.u64(0..12) {
            11 => i64::MAX.unsigned_abs(),
            count => count % 4,
        };
        one.reference = self.maybe(&["T-1", "%"]);
        one.data = (self.random.bool()).then(|| serde_json::json!({"n": [1, null, "ß"]}));
        if self.random.bool() {
            let inside = &records.activities[self.random.usize(..records.activities.len())];
            one.activity = Some(inside.id);
        }
        one.scope = self.scope();
        one.truncated = self.random.bool();
        if self.random.bool() {
            one.dedup_key = Some(self.one_of(&DEDUP_KEYS));
        }
        one
    }

    fn recording(&mut self, records: &Records) -> (RecordingRecord, Vec<ChunkRecord>) {
        let begin = self.instant();
        let id = ActivityId::from_parts(begin, self.random.u64(..));
        let id = RecordingId::from_bytes(*id.as_bytes());
        let is_dead = self.random.u8(..4) == 0;
        let instance = if is_dead {
            &records.dead
        } else {
            &records.alive
        };
        let mut one = RecordingRecord::new(id, "test", id.started_at(), instance.id);
        let mut chunks = Vec::new();
        for number in 0..self.random.u64(..4) {
            let track = ["main", "page"][self.random.usize(..2)];
            let body = vec![self.random.u8(..); self.random.usize(1..300)];
            let mut chunk = ChunkRecord::new(number, track, at(begin), Codec::Zstd, body);
            chunk.events = self.random.u64(1..5);
            chunk.until = at(begin + self.random.i64(0..MINUTE_US));
            one.events += chunk.events;
            one.bytes += chunk.body.len() as u64;
            if !one.tracks.contains(&chunk.track) {
                one.tracks.push(chunk.track.clone());
            }
            chunks.push(chunk);
        }
        let mut linked: Vec<_> = (0..self.random.usize(..3))
            .map(|_| records.activities[self.random.usize(..records.activities.len())].id)
            .collect();
        linked.sort_unstable();
        linked.dedup();
        for (number, activity) in (0_i64..).zip(linked) {
            let from = begin + number;
            let until = self.random.bool().then(|| at(from + MINUTE_US));
            one.links
                .push(RecordingLink::new(activity, at(from), until));
        }
        if self.random.bool() {
            let ends = [
                RecordingStatus::Complete,
                RecordingStatus::Crashed,
                RecordingStatus::TimedOut,
            ];
            one.status = ends[self.random.usize(..3)];
            one.ended_at = Some(at(begin + MINUTE_US));
        } else if is_dead {
            one.status = RecordingStatus::Abandoned;
        }
        (one, chunks)
    }
}
