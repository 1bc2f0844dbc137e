//! Commit order, and where its followers continue when another file takes the place of the log.
//!
//! A commit order has an id: that of its file, until seqs may be given a second time because an older copy was restored.
//! When a writer continues in another order, it stores there after which seq the followers of the old one continue.

use rusqlite::Connection;

use crate::store::{
    RecordKind,
    sqlite::{
        last_seqs::LastSeqs,
        meta::{self, MetaKey},
    },
};

/// A commit order and its last seqs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) struct CommitOrder {
    id: i64,
    last: LastSeqs,
}

impl CommitOrder {
    /// Reads the order of a file.
    pub(in crate::store::sqlite) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(CommitOrder {
            id: id(connection)?,
            last: LastSeqs::read(connection)?,
        })
    }

    /// An order whose last seqs can no longer be read.
    pub(in crate::store::sqlite) fn with_unknown_end(id: i64) -> Self {
        CommitOrder {
            id,
            last: LastSeqs::MAX,
        }
    }

    pub(in crate::store::sqlite) fn id(&self) -> i64 {
        self.id
    }

    /// Returns what is added to the seqs of `other`'s records when they are copied into the file that had this order.
    pub(super) fn offset(&self, other: &CommitOrder, kind: RecordKind) -> i64 {
        match self.id == other.id {
            true => 0,
            false => self.last.of_records(kind),
        }
    }
}

/// Returns the id of a file's commit order.
pub(in crate::store::sqlite) fn id(connection: &Connection) -> rusqlite::Result<i64> {
    meta::commit_order(connection)
}

/// Added to the value of a continuation that is only announced.
const PENDING: i64 = -(1 << 62);
/// Added to a seq up to which both orders have the same records.
const SHARED: i64 = 1 << 61;

/// Where the followers of another order continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Continuation {
    /// After this seq.
    After(i64),
    /// Not known yet: the records of the other order are about to be copied.
    Pending,
}

/// Stores where the followers of `previous` continue in this file, whose own order was at `start` before anything was
/// copied into it. Keeps what another writer has stored.
///
/// `seqs_kept`: every copied record has the seq that it was meant to have.
pub(in crate::store::sqlite) fn record_continuation(
    connection: &Connection,
    previous: &CommitOrder,
    start: &CommitOrder,
    seqs_kept: bool,
) -> rusqlite::Result<()> {
    let now = CommitOrder::read(connection)?;
    let last = |kind| now.last.of_records(kind);
    let is_complete = |kind| seqs_kept && last(kind) >= previous.last.of_records(kind);
    let kinds = [RecordKind::Activities, RecordKind::Events];
    if previous.id == 0 || now.id == previous.id && kinds.into_iter().all(is_complete) {
        return Ok(());
    }
    if now.id == previous.id {
        // Seqs that were given will be given again.
        MetaKey::CommitOrder.set(connection, fastrand::i64(1..))?;
    }
    for kind in kinds {
        let start = start.last.of_records(kind);
        // Copied records, and those that follow them, keep their seqs relative to the end of what was there.
        let end = previous.last.of_records(kind).saturating_add(start);
        let value = match now.id == previous.id {
            true => SHARED + start,
            false if seqs_kept && last(kind) >= end => -1 - start,
            false => start,
        };
        let key = continuation_key(kind, previous.id);
        if key.get(connection)?.is_none_or(is_pending) {
            key.set(connection, value)?;
        }
    }
    Ok(())
}

/// Announces that an order continues in this file: its followers wait until [`record_continuation`] stores where.
pub(in crate::store::sqlite) fn announce(
    connection: &Connection,
    previous: &CommitOrder,
) -> rusqlite::Result<()> {
    let start = CommitOrder::read(connection)?;
    if previous.id == 0 || start.id == previous.id {
        return Ok(());
    }
    for kind in [RecordKind::Activities, RecordKind::Events] {
        let value = PENDING + start.last.of_records(kind);
        continuation_key(kind, previous.id).insert_if_absent(connection, value)?;
    }
    Ok(())
}

/// Turns announcements of a dead writer into continuations after what was there before anything was copied. Followers then
/// see some records twice and miss none.
pub(in crate::store::sqlite) fn settle_pending(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute(meta::SETTLE_PENDING, [PENDING])
        .map(drop)
}

/// Returns true if a continuation is announced and not stored.
pub(in crate::store::sqlite) fn has_pending(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(meta::HAS_PENDING, [PENDING], |row| row.get(0))
}

fn is_pending(value: i64) -> bool {
    value < PENDING / 2
}

/// Returns where a follower continues in this file that was at `seq` of another order; `None` if no writer has stored it.
pub(in crate::store::sqlite) fn continuation(
    connection: &Connection,
    kind: RecordKind,
    order: i64,
    seq: i64,
) -> rusqlite::Result<Option<Continuation>> {
    let value = continuation_key(kind, order).get(connection)?;
    Ok(value.map(|value| match value {
        pending if is_pending(pending) => Continuation::Pending,
        shared @ SHARED.. => Continuation::After(seq.min(shared - SHARED)),
        start @ 0.. => Continuation::After(start),
        shifted => Continuation::After(seq.saturating_add(-1 - shifted)),
    }))
}

fn continuation_key(kind: RecordKind, order: i64) -> MetaKey {
    match kind {
        RecordKind::Activities => MetaKey::ActivitiesContinueAfter(order),
        RecordKind::Events => MetaKey::EventsContinueAfter(order),
    }
}
