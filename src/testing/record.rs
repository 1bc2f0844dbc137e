//! How assertions speak of records.

use crate::{
    record::{ActivityRecord, EventRecord},
    store,
};

/// A record that assertions speak of.
pub trait Record: store::Record {
    /// What it is one of.
    const ONE: &'static str;
    /// What several are.
    const MANY: &'static str;

    /// The status, and the error type where it has one.
    fn outcome(&self) -> String {
        self.status().to_string()
    }
}

impl Record for ActivityRecord {
    const ONE: &'static str = "activity";
    const MANY: &'static str = "activities";

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
}
