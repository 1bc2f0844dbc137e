//! Descriptions of records in assertions.

use crate::{
    record::{ActivityRecord, EventRecord},
    store,
};

/// A record that can be asserted on.
pub trait Record: store::Record {
    /// The name of the kind in singular.
    const ONE: &'static str;
    /// The name of the kind in plural.
    const MANY: &'static str;

    /// Returns the status, with the error type if there is one.
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
