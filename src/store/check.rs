//! Results of integrity checks: the committed rows against the rows in the store.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::record::InstanceId;

/// A kind of row that the ledger counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RowKind {
    /// Ended activities.
    Activity,
    /// Events.
    Event,
    /// Recordings.
    Recording,
    /// Chunks of recordings.
    Chunk,
}

impl RowKind {
    /// Every kind.
    pub const ALL: [RowKind; 4] = [
        RowKind::Activity,
        RowKind::Event,
        RowKind::Recording,
        RowKind::Chunk,
    ];
}

/// The result of a full check, which compares the ledger and the lock files with the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// False for a file of schema 1, which has no ledger to compare rows with.
    pub has_ledger: bool,
    /// The rows of all instances.
    pub total: CheckCounts,
    /// Instances with missing or surplus rows.
    pub differing: Vec<InstanceCheck>,
    /// Set if the ledger has fewer commits than all processes had made when the last of them shut down: the file was replaced
    /// by an older copy.
    pub older: Option<CheckCounts>,
    /// Commits in the write-ahead log that SQLite cannot read, because a byte before them is damaged or, after a loss of power,
    /// was never written. They are lost when the
    /// write-ahead log is restarted.
    pub unread_commits: u64,
    /// Number of quarter hours whose sums were compared with their activities: those without pruned activities.
    pub quarters: u64,
    /// The starts of quarter hours whose sums differ.
    pub differing_quarters: Vec<DateTime<Utc>>,
    /// Accepted changes by other programs, newest first.
    pub accepted: Vec<AcceptedChange>,
    /// Tables, indexes, triggers and views that other programs added.
    pub foreign: Vec<String>,
    /// The state of a central store; `None` for a file.
    pub central: Option<CentralCheck>,
}

/// The state of a central store, beside that of its logs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CentralCheck {
    /// Accepted batches that are not counted in the sums yet.
    pub uncounted: u64,
    /// When the oldest of them was accepted, by the clock of the database.
    pub uncounted_since: Option<DateTime<Utc>>,
    /// Days after today that have partitions of their own. New ones are created when there are fewer than seven.
    pub days_ahead: i64,
    /// From when on activities are kept; `None`: all are.
    pub activities_from: Option<DateTime<Utc>>,
    /// From when on events are kept; `None`: all are.
    pub events_from: Option<DateTime<Utc>>,
    /// From when on sums are kept; `None`: all are.
    pub sums_from: Option<DateTime<Utc>>,
    /// When the retention was last applied; `None`: never.
    pub retained_at: Option<DateTime<Utc>>,
    /// Missing batches that were accepted. Their rows were not counted.
    pub accepted_batches: u64,
    /// Surplus batches that were accepted.
    pub surplus_batches: u64,
    /// Activities and events that are in no batch, or outside the ids of theirs: they are compared with nothing.
    pub not_compared: u64,
    /// Those of them that were not accepted.
    pub strays: u64,
}

/// Expected and found rows of one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InstanceCheck {
    /// Its id; `None` for rows of an unknown instance.
    pub id: Option<InstanceId>,
    /// The host name; `None` if the store does not know the instance.
    pub host: Option<String>,
    /// The process id.
    pub pid: Option<u32>,
    /// When it was opened.
    pub started_at: Option<DateTime<Utc>>,
    /// Its last known commit.
    pub saved_at: Option<DateTime<Utc>>,
    /// Expected and found rows.
    #[serde(flatten)]
    pub counts: CheckCounts,
}

/// Expected and found rows by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckCounts {
    /// Transactions; the accepted batches of a central store.
    pub commits: CheckCount,
    /// Ended activities.
    pub activities: CheckCount,
    /// Events.
    pub events: CheckCount,
    /// Recordings.
    pub recordings: CheckCount,
    /// Chunks of recordings.
    pub chunks: CheckCount,
}

/// Expected and found rows of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckCount {
    /// Committed rows that were not deleted on purpose.
    pub expected: u64,
    /// Rows found.
    pub found: u64,
    /// Expected rows that were not found, summed over the instances.
    pub missing: u64,
    /// Found rows that were not expected, summed over the instances.
    pub surplus: u64,
}

/// An accepted change by another program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct AcceptedChange {
    /// When it was accepted.
    pub at: DateTime<Utc>,
    /// The kind of row.
    pub kind: RowKind,
    /// Missing rows.
    pub missing: u64,
    /// Surplus rows.
    pub surplus: u64,
}

/// The last check that maintenance completed. It compares the ledger with the rows once a day, in steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LastCheck {
    /// When the check finished.
    pub finished_at: DateTime<Utc>,
    /// Missing rows.
    pub missing: u64,
    /// Surplus rows.
    pub surplus: u64,
    /// When the last check that found every row began; `None` if none did.
    pub complete_at: Option<DateTime<Utc>>,
}

impl AcceptedChange {
    /// Returns an accepted change.
    pub fn new(at: DateTime<Utc>, kind: RowKind, missing: u64, surplus: u64) -> Self {
        AcceptedChange {
            at,
            kind,
            missing,
            surplus,
        }
    }
}

impl LastCheck {
    /// Returns a check without missing or surplus rows.
    pub fn new(finished_at: DateTime<Utc>) -> Self {
        LastCheck {
            finished_at,
            missing: 0,
            surplus: 0,
            complete_at: Some(finished_at),
        }
    }

    /// Returns true if no row was missing and none was surplus.
    pub fn found_all(&self) -> bool {
        self.missing == 0 && self.surplus == 0
    }
}

impl CheckCounts {
    /// Returns the count of every kind of row, with its name in singular and plural.
    pub fn rows(&self) -> [(CheckCount, &'static str, &'static str); 4] {
        [
            (self.activities, "activity", "activities"),
            (self.events, "event", "events"),
            (self.recordings, "recording", "recordings"),
            (self.chunks, "chunk", "chunks"),
        ]
    }

    /// Returns true if no row or commit is missing or surplus.
    pub fn agree(&self) -> bool {
        let rows = self.rows();
        let rows = rows.iter().map(|(count, ..)| count);
        rows.chain([&self.commits]).all(CheckCount::agrees)
    }

    pub(crate) fn add(&mut self, other: &CheckCounts) {
        self.commits.add(other.commits);
        self.activities.add(other.activities);
        self.events.add(other.events);
        self.recordings.add(other.recordings);
        self.chunks.add(other.chunks);
    }
}

impl CheckCount {
    /// Returns the count, with the difference as missing or surplus.
    pub fn new(expected: u64, found: u64) -> Self {
        CheckCount {
            expected,
            found,
            missing: expected.saturating_sub(found),
            surplus: found.saturating_sub(expected),
        }
    }

    fn agrees(&self) -> bool {
        self.missing == 0 && self.surplus == 0
    }

    fn add(&mut self, other: CheckCount) {
        self.expected += other.expected;
        self.found += other.found;
        self.missing += other.missing;
        self.surplus += other.surplus;
    }
}

impl Check {
    /// Returns true if everything could be compared and nothing differs.
    pub fn is_complete(&self) -> bool {
        self.has_ledger
            && self.older.is_none()
            && self.unread_commits == 0
            && self.differing.is_empty()
            && self.differing_quarters.is_empty()
            && self.central.as_ref().is_none_or(|one| one.strays == 0)
    }
}
