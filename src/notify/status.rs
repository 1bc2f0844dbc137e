//! How webhooks stand.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::notify::{Reach, What};

/// A webhook, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct WebhookStatus {
    /// What it is called.
    pub name: String,
    /// Where it sends to.
    pub url: String,
    /// Of what.
    pub what: What,
    /// Which ones, in the filter grammar.
    pub filter: String,
    /// Where it may send to.
    pub reach: Reach,
    /// Its place in the order of commits: everything up to it was sent, set aside, or not meant.
    pub seq: i64,
    /// How many places of the order of commits are left: each holds a record that waits for its turn, or for a look
    /// whether it is meant, unless it was pruned.
    pub behind: u64,
    /// How many records were taken.
    pub delivered: u64,
    /// When a record was taken last.
    pub delivered_at: Option<DateTime<Utc>>,
    /// How many records were set aside.
    pub dead_letters: u64,
    /// What went wrong since something was taken last.
    pub trouble: Option<String>,
    /// Since when there is trouble.
    pub trouble_since: Option<DateTime<Utc>>,
    /// When what went wrong is tried again.
    pub again_at: Option<DateTime<Utc>>,
    /// Since when nothing is sent any more, as the receiver said that it is gone for good (410).
    pub stopped_at: Option<DateTime<Utc>>,
}

/// A record that a receiver did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The webhook's name.
    pub webhook: String,
    /// The record's place in the order of commits.
    pub seq: i64,
    /// The record's id, which is the message's, too.
    pub id: String,
    /// When it was given up.
    pub at: DateTime<Utc>,
    /// How often it was sent.
    pub attempts: u32,
    /// What came of the last attempt.
    pub error: String,
}
