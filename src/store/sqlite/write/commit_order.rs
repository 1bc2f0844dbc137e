//! The order of commits, and where those who follow it go on when another file takes the place of the log.
//!
//! An order has an id: that of its file, until numbers may be given a second time, since an older copy was put back. When
//! a writer goes on in another order, it writes down there after which numbers.

use rusqlite::Connection;

use crate::store::{
    What,
    sqlite::meta::{self, MetaKey},
};

/// An order of commits, and its last numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) struct CommitOrder {
    id: i64,
    activities: i64,
    events: i64,
}

impl CommitOrder {
    /// The one that a file has.
    pub(in crate::store::sqlite) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        const LAST: &str = "SELECT (SELECT coalesce(max(seq), 0) FROM activity), \
             (SELECT coalesce(max(seq), 0) FROM event)";
        let id = id(connection)?;
        let mut last = connection.prepare_cached(LAST)?;
        last.query_row((), |row| {
            Ok(CommitOrder {
                id,
                activities: row.get(0)?,
                events: row.get(1)?,
            })
        })
    }

    /// The same, where the last numbers cannot be read any more.
    pub(in crate::store::sqlite) fn with_unknown_end(id: i64) -> Self {
        CommitOrder {
            id,
            activities: i64::MAX,
            events: i64::MAX,
        }
    }

    pub(in crate::store::sqlite) fn id(&self) -> i64 {
        self.id
    }

    /// How much higher the numbers of another order's records are, once they are copied into the file that had this one.
    pub(super) fn offset(&self, of: &CommitOrder, what: What) -> i64 {
        match self.id == of.id {
            true => 0,
            false => self.last(what),
        }
    }

    fn last(&self, what: What) -> i64 {
        match what {
            What::Activities => self.activities,
            What::Events => self.events,
        }
    }
}

pub(in crate::store::sqlite) fn id(connection: &Connection) -> rusqlite::Result<i64> {
    meta::commit_order(connection)
}

/// Added to a value that is only promised yet.
const PENDING: i64 = -(1 << 62);
/// Added where both orders have the same records up to this number.
const SHARED: i64 = 1 << 61;

/// Where those go on who followed another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Continuation {
    /// After this number.
    After(i64),
    /// That is not known yet: its records are about to be copied.
    Pending,
}

/// Writes down where those who followed an order go on in this file, whose own order stood at `begin` before anything was
/// copied into it. What another writer has told stands. `kept`: whether what was copied has the numbers that it was to have.
pub(in crate::store::sqlite) fn record_continuation(
    connection: &Connection,
    then: &CommitOrder,
    begin: &CommitOrder,
    kept: bool,
) -> rusqlite::Result<()> {
    let now = CommitOrder::read(connection)?;
    let is_complete = |what| kept && now.last(what) >= then.last(what);
    let kinds = [What::Activities, What::Events];
    if then.id == 0 || now.id == then.id && kinds.into_iter().all(is_complete) {
        return Ok(());
    }
    if now.id == then.id {
        // Numbers that were given are given again.
        MetaKey::CommitOrder.set(connection, fastrand::i64(1..))?;
    }
    for what in kinds {
        let begin = begin.last(what);
        // What was copied has its numbers, counted from the end of what was there; and so has what comes after it.
        let end = then.last(what).saturating_add(begin);
        let value = match now.id == then.id {
            true => SHARED + begin,
            false if kept && now.last(what) >= end => -1 - begin,
            false => begin,
        };
        let mark = continuation_key(what, then.id);
        if mark.get(connection)?.is_none_or(is_pending) {
            mark.set(connection, value)?;
        }
    }
    Ok(())
}

/// Says beforehand that an order goes on in this file: until [`record_continuation`] says where, its followers wait.
pub(in crate::store::sqlite) fn announce(
    connection: &Connection,
    then: &CommitOrder,
) -> rusqlite::Result<()> {
    let begin = CommitOrder::read(connection)?;
    if then.id == 0 || begin.id == then.id {
        return Ok(());
    }
    for what in [What::Activities, What::Events] {
        continuation_key(what, then.id).insert_if_absent(connection, PENDING + begin.last(what))?;
    }
    Ok(())
}

/// Has followers go on after what was there before anything was copied, where whoever promised more has died. Some records
/// are told twice then, and none is missed.
pub(in crate::store::sqlite) fn settle_pending(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute(meta::SETTLE_PENDING, [PENDING])
        .map(drop)
}

/// True where something is promised.
pub(in crate::store::sqlite) fn has_pending(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(meta::HAS_PENDING, [PENDING], |row| row.get(0))
}

fn is_pending(value: i64) -> bool {
    value < PENDING / 2
}

/// Where those go on in this file who were at `seq` of another order; `None` where nobody has told.
pub(in crate::store::sqlite) fn continuation(
    connection: &Connection,
    what: What,
    order: i64,
    seq: i64,
) -> rusqlite::Result<Option<Continuation>> {
    let value = continuation_key(what, order).get(connection)?;
    Ok(value.map(|value| match value {
        promised if is_pending(promised) => Continuation::Pending,
        shared @ SHARED.. => Continuation::After(seq.min(shared - SHARED)),
        begin @ 0.. => Continuation::After(begin),
        continues => Continuation::After(seq.saturating_add(-1 - continues)),
    }))
}

fn continuation_key(what: What, order: i64) -> MetaKey {
    match what {
        What::Activities => MetaKey::ActivitiesContinueAfter(order),
        What::Events => MetaKey::EventsContinueAfter(order),
    }
}
