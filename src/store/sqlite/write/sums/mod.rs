//! Sums of quarters of an hour and of hours, kept in the transaction that changes the rows they count.

pub(crate) mod agents;
pub(crate) mod bucket;
pub(crate) mod hour;
pub(crate) mod pace;
