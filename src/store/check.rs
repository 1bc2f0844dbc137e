//! What a check says: whether the rows that were committed are there.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::record::InstanceId;

/// The kinds of rows that a store keeps a ledger of.
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

/// The result of a full check: the ledger and the lock files, compared with the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// False for a file of schema 1, which keeps no ledger: rows could not be compared with anything.
    pub has_ledger: bool,
    /// Rows of all instances together.
    pub total: CheckCounts,
    /// Instances of which rows are missing, or of which there are too many.
    pub differing: Vec<InstanceCheck>,
    /// What all processes had committed when the last of them ended in good order, and what the file's ledger has of it,
    /// where that is less: an older copy was put in the file's place.
    pub older: Option<CheckCounts>,
    /// Commits in the write-ahead log that SQLite does not read: a byte before them is damaged. When the write-ahead log
    /// begins anew, they are gone.
    pub unread_commits: u64,
    /// How many quarters of an hour had their sums compared with their activities: those of which none was pruned.
    pub quarters: u64,
    /// The starts of those whose sums differ.
    pub differing_quarters: Vec<DateTime<Utc>>,
    /// Changes by other programs that were accepted, newest first.
    pub accepted: Vec<AcceptedChange>,
    /// Tables, indexes, triggers and views that others have added.
    pub foreign: Vec<String>,
}

/// Of one instance, what should be there and what is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InstanceCheck {
    /// Its id; `None` where the store does not know whose rows they are.
    pub id: Option<InstanceId>,
    /// The host's name; `None` where the store does not know the instance.
    pub host: Option<String>,
    /// The process.
    pub pid: Option<u32>,
    /// When it was opened.
    pub started_at: Option<DateTime<Utc>>,
    /// Its last commit that is known.
    pub saved_at: Option<DateTime<Utc>>,
    /// What should be there and what is.
    #[serde(flatten)]
    pub counts: CheckCounts,
}

/// What should be there and what is, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckCounts {
    /// Transactions.
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

/// How many should be there, and how many are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckCount {
    /// Committed, and not deleted on purpose.
    pub expected: u64,
    /// Found.
    pub found: u64,
    /// Expected and not found, summed up over the instances.
    pub missing: u64,
    /// Found and not expected, summed up over the instances.
    pub surplus: u64,
}

/// A change by another program that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct AcceptedChange {
    /// When it was accepted.
    pub at: DateTime<Utc>,
    /// The kind of the rows.
    pub kind: RowKind,
    /// Rows that were missing.
    pub missing: u64,
    /// Rows that were too many.
    pub surplus: u64,
}

/// The last check that upkeep finished: it compares the ledger with the rows once a day, in steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LastCheck {
    /// When it had compared everything.
    pub finished_at: DateTime<Utc>,
    /// Rows that it missed.
    pub missing: u64,
    /// Rows that were too many.
    pub surplus: u64,
    /// When the last check began that found every row; `None` where none has.
    pub complete_at: Option<DateTime<Utc>>,
}

impl AcceptedChange {
    /// Rows that were missing, and rows that were too many.
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
    /// A check that found every row, and none too many.
    pub fn new(finished_at: DateTime<Utc>) -> Self {
        LastCheck {
            finished_at,
            missing: 0,
            surplus: 0,
            complete_at: Some(finished_at),
        }
    }

    /// True when it found every row, and none too many.
    pub fn found_all(&self) -> bool {
        self.missing == 0 && self.surplus == 0
    }
}

impl CheckCounts {
    /// Every kind of row, with its name in the singular and the plural.
    pub fn rows(&self) -> [(CheckCount, &'static str, &'static str); 4] {
        [
            (self.activities, "activity", "activities"),
            (self.events, "event", "events"),
            (self.recordings, "recording", "recordings"),
            (self.chunks, "chunk", "chunks"),
        ]
    }

    /// True when everything is as it should be.
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
    /// How many should be there, and how many are.
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
    /// True when everything could be compared, and nothing differs.
    pub fn is_complete(&self) -> bool {
        self.has_ledger
            && self.older.is_none()
            && self.unread_commits == 0
            && self.differing.is_empty()
            && self.differing_quarters.is_empty()
    }
}
