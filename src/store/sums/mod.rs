//! Quarter hours, buckets and the counting of turns, for every database.

// A build without a writable store scans records and needs only a part of this.
#![cfg_attr(not(feature = "sqlite"), allow(dead_code))]

mod agent_quarter;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod agents;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod bucket;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod failures;
mod quarter;
mod turns;

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "clickhouse"))]
pub(crate) use self::agent_quarter::AgentQuarters;
pub use self::quarter::Quarter;
pub(crate) use self::{
    agent_quarter::{ALL, AgentQuarter, Nesting, Span},
    quarter::{QUARTER_US, quarter_of},
    turns::TurnBuckets,
};
#[cfg(feature = "sqlite")]
pub(crate) use self::{
    agents::delete_quarters,
    quarter::{QUARTERS, first_of_hour},
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use self::{
    agents::{AgentRow, AgentRows, AgentSums, Neighbours},
    bucket::{BucketRow, Buckets},
    failures::{FailureRows, FailureSum, Failures, MOST_FINGERPRINTS, OTHERS},
    quarter::{LAST_QUARTER, first_id, numbers},
    turns::TurnSums,
};
