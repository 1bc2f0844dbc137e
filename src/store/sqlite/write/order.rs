//! The order of commits, and where those who follow it go on when another file takes the place of the log.
//!
//! An order has an id: that of its file, until numbers may be given a second time, since an older copy was put back. When
//! a writer goes on in another order, it writes down there after which numbers.

use rusqlite::Connection;

use crate::store::{
    What,
    sqlite::marks::{self, Mark},
};

/// An order of commits, and its last numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) struct Order {
    id: i64,
    activities: i64,
    events: i64,
}

impl Order {
    /// The one that a file has.
    pub(in crate::store::sqlite) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        const LAST: &str = "SELECT (SELECT coalesce(max(seq), 0) FROM activity), \
             (SELECT coalesce(max(seq), 0) FROM event)";
        let id = id(connection)?;
        let mut last = connection.prepare_cached(LAST)?;
        last.query_row((), |row| {
            Ok(Order {
                id,
                activities: row.get(0)?,
                events: row.get(1)?,
            })
        })
    }

    /// The same, where the last numbers cannot be read any more.
    pub(in crate::store::sqlite) fn with_unknown_end(id: i64) -> Self {
        Order {
            id,
            activities: i64::MAX,
            events: i64::MAX,
        }
    }

    pub(in crate::store::sqlite) fn id(&self) -> i64 {
        self.id
    }

    /// How much higher the numbers of another order's records are, once they are copied into the file that had this one.
    pub(super) fn offset(&self, of: &Order, what: What) -> i64 {
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
    marks::order(connection)
}

/// Added to a value that is only promised yet.
const PROMISED: i64 = -(1 << 62);
/// Added where both orders have the same records up to this number.
const SHARED: i64 = 1 << 61;

/// Where those go on who followed another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) enum GoesOn {
    /// After this number.
    After(i64),
    /// That is not known yet: its records are about to be copied.
    Soon,
}

/// Writes down where those who followed an order go on in this file, whose own order stood at `begin` before anything was
/// copied into it. What another writer has told stands. `kept`: whether what was copied has the numbers that it was to have.
pub(in crate::store::sqlite) fn go_on(
    connection: &Connection,
    then: &Order,
    begin: &Order,
    kept: bool,
) -> rusqlite::Result<()> {
    let now = Order::of(connection)?;
    let is_whole = |what| kept && now.last(what) >= then.last(what);
    let kinds = [What::Activities, What::Events];
    if then.id == 0 || now.id == then.id && kinds.into_iter().all(is_whole) {
        return Ok(());
    }
    if now.id == then.id {
        // Numbers that were given are given again.
        Mark::Order.set(connection, fastrand::i64(1..))?;
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
        let mark = after(what, then.id);
        if mark.get(connection)?.is_none_or(is_promised) {
            mark.set(connection, value)?;
        }
    }
    Ok(())
}

/// Says beforehand that an order goes on in this file: until [`go_on`] says where, its followers wait.
pub(in crate::store::sqlite) fn promise(
    connection: &Connection,
    then: &Order,
) -> rusqlite::Result<()> {
    let begin = Order::of(connection)?;
    if then.id == 0 || begin.id == then.id {
        return Ok(());
    }
    for what in [What::Activities, What::Events] {
        after(what, then.id).give(connection, PROMISED + begin.last(what))?;
    }
    Ok(())
}

/// Has followers go on after what was there before anything was copied, where whoever promised more has died. Some records
/// are told twice then, and none is missed.
pub(in crate::store::sqlite) fn settle_promises(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(marks::SETTLE, [PROMISED]).map(drop)
}

/// True where something is promised.
pub(in crate::store::sqlite) fn is_any_promised(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(marks::IS_ANY_PROMISED, [PROMISED], |row| row.get(0))
}

fn is_promised(value: i64) -> bool {
    value < PROMISED / 2
}

/// Where those go on in this file who were at `seq` of another order; `None` where nobody has told.
pub(in crate::store::sqlite) fn place(
    connection: &Connection,
    what: What,
    order: i64,
    seq: i64,
) -> rusqlite::Result<Option<GoesOn>> {
    let value = after(what, order).get(connection)?;
    Ok(value.map(|value| match value {
        promised if is_promised(promised) => GoesOn::Soon,
        shared @ SHARED.. => GoesOn::After(seq.min(shared - SHARED)),
        begin @ 0.. => GoesOn::After(begin),
        continues => GoesOn::After(seq.saturating_add(-1 - continues)),
    }))
}

fn after(what: What, order: i64) -> Mark {
    match what {
        What::Activities => Mark::ActivitiesAfter(order),
        What::Events => Mark::EventsAfter(order),
    }
}
