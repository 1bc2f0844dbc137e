//! Reads of a central store in PostgreSQL: followers, deadlines, plans, rankings, and batches that are not counted yet.

mod follow;
mod limits;
mod plans;
mod rankings;
mod uncounted;
mod words;

use chrono::{DateTime, Utc};
use tower_activity::{
    record::{ActivityId, ActivityRecord, InstanceId, Kind, Status},
    store::{
        CentralStore, ForwardBatch, ForwardedLog, Instance, InstanceHealth, Intake, Places,
        postgres::PostgresStore,
    },
};
use uuid::Uuid;

/// A log whose batches a test sends.
struct Log {
    intake: Box<dyn Intake>,
    instance: InstanceHealth,
    places: Places,
}

impl Log {
    fn connect(url: &str, number: u8) -> Self {
        let mut intake = PostgresStore::new(url).unwrap().intake().unwrap();
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

    /// Sends ended activities as one batch.
    fn send(&mut self, mut activities: Vec<ActivityRecord>) {
        let mut batch = ForwardBatch::default();
        batch.after = self.places;
        self.places.activity += activities.len() as i64;
        for (seq, one) in (batch.after.activity + 1..).zip(&mut activities) {
            one.instance = self.instance.id;
            one.seq = Some(seq);
        }
        batch.up_to = self.places;
        batch.activities = activities;
        batch.instances = vec![self.instance.clone()];
        self.intake.accept(&batch).unwrap();
    }
}

/// Returns a successful activity of a millisecond, whose id ends with a number.
fn activity(at: DateTime<Utc>, number: u64) -> ActivityRecord {
    let mut id = *ActivityId::lower_bound(at).as_bytes();
    id[9..].copy_from_slice(&number.to_be_bytes()[1..]);
    let instance = InstanceId::from_bytes([1; 16]);
    let mut one = ActivityRecord::new(ActivityId::from_bytes(id), Kind::Tool, "work", instance);
    one.status = Status::Success;
    one.duration_ns = Some(1_000_000);
    one.ended_at = Some(at + chrono::Duration::milliseconds(1));
    one
}
