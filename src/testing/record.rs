//! What activities and events have alike.

use crate::record::{ActivityId, ActivityRecord, EventRecord, Scope, Status};

/// What activities and events have alike.
pub trait Record {
    /// What it is one of.
    const ONE: &'static str;
    /// What several are.
    const MANY: &'static str;

    fn id(&self) -> [u8; 16];
    fn name(&self) -> &str;
    fn status(&self) -> Status;
    /// The activity that it is inside of.
    fn parent(&self) -> Option<ActivityId>;
    fn scope(&self) -> &Scope;
    /// The status, and the error type where it has one.
    fn outcome(&self) -> String {
        self.status().to_string()
    }
}

impl Record for ActivityRecord {
    const ONE: &'static str = "activity";
    const MANY: &'static str = "activities";

    fn id(&self) -> [u8; 16] {
        *self.id.as_bytes()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn status(&self) -> Status {
        self.status
    }

    fn parent(&self) -> Option<ActivityId> {
        self.parent
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn outcome(&self) -> String {
        match &self.error_type {
            Some(error_type) => format!("{} ({error_type})", self.status),
            None => self.status.to_string(),
        }
    }
}

impl Record for EventRecord {
    const ONE: &'static str = "event";
    const MANY: &'static str = "events";

    fn id(&self) -> [u8; 16] {
        *self.id.as_bytes()
    }

    fn name(&self) -> &str {
        &self.event_type
    }

    fn status(&self) -> Status {
        self.status
    }

    fn parent(&self) -> Option<ActivityId> {
        self.activity
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }
}
