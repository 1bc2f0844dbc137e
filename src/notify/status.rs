//! The status of webhooks.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::notify::{Reach, RecordKind};

/// A webhook with its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct WebhookStatus {
    /// Its name.
    pub name: String,
    /// Destination.
    pub url: String,
    /// Kind of record that it sends.
    pub what: RecordKind,
    /// Filter of the records, in the filter grammar; empty for all.
    pub filter: String,
    /// Addresses that it may send to.
    pub reach: Reach,
    /// Position in commit order: every record up to it was delivered, became a dead letter, or does not match.
    pub seq: i64,
    /// Positions in commit order that are left. Each may hold a record to send, one that does not match, or a pruned one.
    pub behind: u64,
    /// Number of records delivered.
    pub delivered: u64,
    /// Time of the last delivery.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Number of dead letters.
    pub dead_letters: u64,
    /// Last error since the last delivery.
    pub trouble: Option<String>,
    /// Time of the first error since the last delivery.
    pub trouble_since: Option<DateTime<Utc>>,
    /// Time of the next attempt.
    pub again_at: Option<DateTime<Utc>>,
    /// When the webhook stopped, because its receiver answered 410 Gone.
    pub stopped_at: Option<DateTime<Utc>>,
}

/// A record that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The webhook's name.
    pub webhook: String,
    /// The record's position in commit order.
    pub seq: i64,
    /// The record's ID, which is also the message's.
    pub id: String,
    /// When the last attempt failed.
    pub at: DateTime<Utc>,
    /// Number of attempts.
    pub attempts: u32,
    /// Error of the last attempt.
    pub error: String,
}
