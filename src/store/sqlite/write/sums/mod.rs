//! Sums of quarter hours and hours, updated in the transaction that changes the rows they count.

pub(crate) mod agents;
pub(crate) mod buckets;
pub(crate) mod failures;
pub(crate) mod hours;
pub(crate) mod turn_buckets;
