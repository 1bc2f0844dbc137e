//! Sizes and growth of a store.

use serde::Serialize;

/// The growth of a store: counts of the last 24 hours, and mean sizes of the newest records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Growth {
    /// Activities that ended in the last 24 hours; approximate if they were not committed in order of start.
    pub activities_per_day: u64,
    /// Events in the last 24 hours.
    pub events_per_day: u64,
    /// Chunks of recordings in the last 24 hours.
    pub chunks_per_day: u64,
    /// The sizes of fields, without those that are empty in the newest records.
    pub fields: Vec<FieldGrowth>,
}

/// The bytes of each kind of record, estimated as the size limits of a [`Limit`](crate::store::Limit) count them.
/// Activities, events and previews that are not indexed yet are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Sizes {
    /// Ended activities, without their previews.
    pub activities: u64,
    /// Events.
    pub events: u64,
    /// Payload previews.
    pub previews: u64,
    /// Sums: buckets and groups of errors.
    pub sums: u64,
    /// Recordings.
    pub recordings: u64,
}

/// The growth of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FieldGrowth {
    /// The record that has the field: `activity`, `event` or `chunk`.
    pub of: &'static str,
    /// The name of the field.
    pub field: &'static str,
    /// The mean size in bytes over the newest records, rounded.
    pub mean_bytes: u64,
    /// Bytes written in the last 24 hours, estimated by the mean size.
    pub bytes_per_day: u64,
}

impl FieldGrowth {
    /// Returns the growth of a field.
    pub fn new(of: &'static str, field: &'static str, mean_bytes: u64, bytes_per_day: u64) -> Self {
        FieldGrowth {
            of,
            field,
            mean_bytes,
            bytes_per_day,
        }
    }
}
