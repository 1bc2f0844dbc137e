//! What stored numbers mean, and how they are added up, whichever database keeps them.

// A build without a store that is written scans, and needs a part of it.
#![cfg_attr(not(feature = "sqlite"), allow(dead_code))]

#[cfg(feature = "sqlite")]
mod agents;
#[cfg(feature = "sqlite")]
mod bucket;
#[cfg(feature = "sqlite")]
mod codes;
mod pace;
mod quarter;
mod stretch;

pub use self::quarter::Quarter;
#[cfg(feature = "sqlite")]
pub(crate) use self::{
    agents::{AgentRow, AgentRows, Agents, Neighbours, forget},
    bucket::{Buckets, Fold},
    codes::{Code, SumScope},
    pace::Sum as PaceSum,
    quarter::{QUARTERS, first_of_hour, numbers},
    stretch::Stretches,
};
pub(crate) use self::{
    pace::Paces,
    quarter::{QUARTER_US, quarter_of},
    stretch::{ALL, Nesting, Span, Stretch},
};
