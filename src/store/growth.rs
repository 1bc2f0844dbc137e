//! How fast a store grows, and by what.

use serde::Serialize;

/// How fast a store grows: counts of the last 24 hours, and what the newest records of each sort hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Growth {
    /// Activities that ended in the last 24 hours, as far as these were committed in order of start.
    pub activities_per_day: u64,
    /// Events of the last 24 hours.
    pub events_per_day: u64,
    /// Chunks of recordings of the last 24 hours.
    pub chunks_per_day: u64,
    /// What takes up room, field by field; what the newest records have none of is left out.
    pub fields: Vec<FieldGrowth>,
}

/// What one field takes up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FieldGrowth {
    /// Of what it is a field: `activity`, `event` or `chunk`.
    pub of: &'static str,
    /// Its name.
    pub field: &'static str,
    /// How many bytes it has in the mean, over the newest records of its sort; 0 where that is less than one half.
    pub mean_bytes: u64,
    /// How many bytes were written for it in the last 24 hours, as that mean has it.
    pub bytes_per_day: u64,
}

impl FieldGrowth {
    /// A field of a sort of record, and what it takes.
    pub fn new(of: &'static str, field: &'static str, mean_bytes: u64, bytes_per_day: u64) -> Self {
        FieldGrowth {
            of,
            field,
            mean_bytes,
            bytes_per_day,
        }
    }
}
