//! Quarter hours, buckets and the counting of turns, for every database.

// A build without a writable store scans records and needs only a part of this.
#![cfg_attr(not(feature = "sqlite"), allow(dead_code))]

mod agent_quarter;
#[cfg(feature = "sqlite")]
mod agents;
#[cfg(feature = "sqlite")]
mod bucket;
mod quarter;
mod turns;

pub use self::quarter::Quarter;
#[cfg(feature = "sqlite")]
pub(crate) use self::{
    agent_quarter::AgentQuarters,
    agents::{AgentRow, AgentRows, AgentSums, Neighbours, delete_quarters},
    bucket::{BucketRow, Buckets},
    quarter::{QUARTERS, first_of_hour, numbers},
    turns::TurnSums,
};
pub(crate) use self::{
    agent_quarter::{ALL, AgentQuarter, Nesting, Span},
    quarter::{QUARTER_US, quarter_of},
    turns::TurnBuckets,
};
