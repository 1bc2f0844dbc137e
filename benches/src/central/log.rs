//! A log whose batches are sent by a bench.

use chrono::Utc;
use tower_activity::{
    record::{ActivityRecord, InstanceId},
    store::{CentralStore, ForwardBatch, ForwardedLog, Instance, InstanceHealth, Intake, Places},
};
use uuid::Uuid;

use crate::Failure;

/// The number of activities in a batch, as forwarders cut them.
pub const BATCH: usize = 2_000;

/// A log that is connected to a central store.
#[allow(missing_debug_implementations)]
pub struct Log {
    /// The side that accepts its batches.
    pub intake: Box<dyn Intake>,
    /// The process that records into it.
    pub instance: InstanceHealth,
    /// The last places that were accepted.
    pub places: Places,
}

impl Log {
    /// Connects the log with this number, which continues after what was accepted of it.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub fn connect(store: &dyn CentralStore, number: usize) -> Result<Self, Failure> {
        let mut intake = store.intake()?;
        let id = Uuid::from_u128(number as u128 + 1);
        let host = format!("host-{number}");
        let accepted = intake.connect(&ForwardedLog::new(id, id, &*host))?;
        let instance = InstanceId::from_bytes(id.into_bytes());
        let instance = Instance::new(instance, host, 1, Utc::now());
        Ok(Log {
            intake,
            instance: InstanceHealth::new(&instance),
            places: accepted.places,
        })
    }

    /// Returns a batch of the next activities.
    pub fn cut(&mut self, mut activities: Vec<ActivityRecord>) -> ForwardBatch {
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
        batch
    }
}
