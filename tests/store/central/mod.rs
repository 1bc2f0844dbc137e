//! What a central store in PostgreSQL accepts, and how it counts it.

mod erase;
mod faults;
mod hostile;
mod hostile_forwarder;
mod hostile_sums;
mod hostile_texts;
mod maintenance;
mod missing;
mod partitions;
mod retention;
mod roles;
mod security;
mod sums;
mod temporary;
mod tokens;

use chrono::{DateTime, Duration, Utc};
use tower_activity::{
    record::{ActivityId, ActivityRecord, EventId, EventRecord, Filter, InstanceId, Kind, Status},
    store::{
        CentralStore, ForwardBatch, ForwardedLog, Instance, InstanceHealth, Intake, Places, Reader,
        Source, postgres::PostgresStore,
    },
};
use uuid::Uuid;

use crate::support::postgres;

/// A log whose batches a test makes.
pub(crate) struct Log {
    pub(crate) intake: Box<dyn Intake>,
    instance: InstanceHealth,
    places: Places,
}

impl Log {
    pub(crate) fn connect(url: &str, number: u8) -> Self {
        Log::connect_to(&PostgresStore::new(url).unwrap(), number)
    }

    pub(crate) fn connect_to(store: &dyn CentralStore, number: u8) -> Self {
        let mut intake = store.intake().unwrap();
        let id = Uuid::from_bytes([number; 16]);
        let log = ForwardedLog::new(id, id, "host");
        let places = intake.connect(&log).unwrap().places;
        let instance = InstanceId::from_bytes([number; 16]);
        let instance = Instance::new(instance, "host", 1, Utc::now());
        Log {
            intake,
            instance: InstanceHealth::new(&instance),
            places,
        }
    }

    /// Returns the next batch of this log.
    pub(crate) fn batch(
        &mut self,
        mut activities: Vec<ActivityRecord>,
        mut events: Vec<EventRecord>,
    ) -> ForwardBatch {
        let mut batch = ForwardBatch::default();
        batch.after = self.places;
        batch.up_to = Places::new(
            self.places.activity + activities.len() as i64,
            self.places.event + events.len() as i64,
            self.places.chunk,
        );
        for (seq, one) in (self.places.activity + 1..).zip(&mut activities) {
            one.instance = self.instance.id;
            one.seq = Some(seq);
        }
        for (seq, one) in (self.places.event + 1..).zip(&mut events) {
            one.seq = seq;
        }
        self.places = batch.up_to;
        batch.activities = activities;
        batch.events = events;
        batch.instances = vec![self.instance.clone()];
        batch
    }

    pub(crate) fn send(&mut self, activities: Vec<ActivityRecord>, events: Vec<EventRecord>) {
        let batch = self.batch(activities, events);
        self.intake.accept(&batch).unwrap();
    }

    pub(crate) fn fold(&mut self) {
        while self.intake.fold().unwrap() > 0 {}
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn activity(at: DateTime<Utc>, number: u8) -> ActivityRecord {
    numbered(at, number.into())
}

/// Returns a successful activity of a millisecond, whose id ends with a number.
pub(crate) fn numbered(at: DateTime<Utc>, number: u64) -> ActivityRecord {
    let mut id = *ActivityId::lower_bound(at).as_bytes();
    id[9..].copy_from_slice(&number.to_be_bytes()[1..]);
    let instance = InstanceId::from_bytes([1; 16]);
    let mut one = ActivityRecord::new(ActivityId::from_bytes(id), Kind::Tool, "work", instance);
    one.status = Status::Success;
    one.duration_ns = Some(1_000_000);
    one.ended_at = Some(at + Duration::milliseconds(1));
    one
}

pub(crate) fn event(at: DateTime<Utc>, number: u8) -> EventRecord {
    let mut id = *ActivityId::lower_bound(at).as_bytes();
    id[15] = number;
    EventRecord::new(
        EventId::from_bytes(id),
        "deployment",
        InstanceId::from_bytes([1; 16]),
    )
}

pub(crate) fn all(reader: &mut dyn Reader) -> Vec<ActivityRecord> {
    let list = Source::<ActivityRecord>::list(reader, &Filter::default(), None, 1000);
    list.unwrap().records
}

fn number(url: &str, query: &str) -> i64 {
    postgres::query(url, query).trim().parse().unwrap()
}
