//! Sums of quarters of an hour and of hours, kept in the transaction that changes the rows they count.

pub(in crate::store::sqlite) mod agents;
pub(in crate::store::sqlite) mod bucket;
pub(in crate::store::sqlite) mod hour;
