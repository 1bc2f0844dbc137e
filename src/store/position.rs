//! Cursors of lists and positions in commit order.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    error::{Error, Result},
    record::ActivityId,
    store::{Record, RecordKind},
};

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct List<R: Record> {
    /// The records, newest first.
    pub records: Vec<R>,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<Cursor<R>>,
}

impl<R: Record> List<R> {
    /// Returns a page and the cursor of the next.
    pub fn new(records: Vec<R>, next: Option<Cursor<R>>) -> Self {
        List { records, next }
    }
}

/// A page of records in commit order.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CommitPage<R: Record> {
    /// The records, in commit order.
    pub records: Vec<R>,
    /// The position to continue from: everything up to it has been read.
    pub next: Position<R>,
    /// True if the requested position is not in this store: the file was replaced, or its newest records were deleted. Then
    /// there are no records, and `next` is the newest position.
    pub restarted: bool,
}

impl<R: Record> CommitPage<R> {
    /// Returns a page and the position to continue from.
    pub fn new(records: Vec<R>, next: Position<R>) -> Self {
        CommitPage {
            records,
            next,
            restarted: false,
        }
    }

    /// Returns the page of a store that does not know the requested position.
    pub fn restarted(newest: Position<R>) -> Self {
        CommitPage {
            records: Vec::new(),
            next: newest,
            restarted: true,
        }
    }
}

/// A position in the commit order of a log. Activities and events each have a commit order of their own.
///
/// The text form is opaque: pass it back, do not parse it. A bare number is a position in any log.
pub struct Position<R> {
    /// Identifies the commit order: the number of the log's file, or a new number after an older copy was restored. 0 if
    /// unknown.
    log: i64,
    seq: i64,
    of: PhantomData<fn() -> R>,
}

impl<R> Position<R> {
    /// The position before the first commit of any log.
    pub const START: Position<R> = Position::new(0, 0);

    /// Returns the position of the commit `seq` in a log; `log` is 0 if it is unknown.
    pub const fn new(log: i64, seq: i64) -> Self {
        Position {
            log,
            seq,
            of: PhantomData,
        }
    }

    /// Returns the number of the log; 0 if it is unknown.
    pub const fn log(self) -> i64 {
        self.log
    }

    /// Returns the number in commit order.
    pub const fn seq(self) -> i64 {
        self.seq
    }

    /// Returns true if this is a position in the log of `newest`, a position that the store returned. A position whose log is
    /// unknown (0) counts as one in any log.
    pub const fn is_in_log_of(self, newest: Self) -> bool {
        self.log == 0 || self.log == newest.log
    }

    /// Returns the number of commits between this position and a newer one of the same log, pruned records included.
    pub fn behind(self, newest: Self) -> u64 {
        newest.seq.saturating_sub(self.seq).max(0).cast_unsigned()
    }
}

impl<R> Clone for Position<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Position<R> {}

impl<R> PartialEq for Position<R> {
    fn eq(&self, other: &Self) -> bool {
        (self.log, self.seq) == (other.log, other.seq)
    }
}

impl<R> Eq for Position<R> {}

impl<R> Default for Position<R> {
    fn default() -> Self {
        Position::START
    }
}

impl<R> fmt::Debug for Position<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({self})")
    }
}

impl<R> fmt::Display for Position<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.log {
            0 => write!(f, "{}", self.seq),
            log => write!(f, "{log:x}.{}", self.seq),
        }
    }
}

impl<R> FromStr for Position<R> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (log, seq) = match text.split_once('.') {
            Some((log, seq)) => (i64::from_str_radix(log, 16).ok(), seq),
            None => (Some(0), text),
        };
        let digits = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
        let seq = seq.parse().ok().filter(|_| digits);
        match (log.filter(|log| *log >= 0), seq) {
            (Some(log), Some(seq)) => Ok(Position::new(log, seq)),
            _ => Err(Error::invalid(format!(
                "{text:?} is not a position in commit order"
            ))),
        }
    }
}

/// A cursor of a list. The pages after it stay the same while newer records are added.
///
/// The text form is opaque: pass it back, do not parse it. A cursor of events is refused for activities, and the other way
/// round.
pub struct Cursor<R: Record> {
    id: R::Id,
    /// True in the last part of a list: the records dated ahead of the present.
    ahead: bool,
}

impl<R: Record> Cursor<R> {
    /// Returns the cursor after the record with this id.
    pub fn after(id: R::Id) -> Self {
        Cursor { id, ahead: false }
    }

    /// Returns the cursor after a record of a list. The record knows whether it is dated ahead of the present.
    pub fn after_record(record: &R) -> Self {
        Cursor {
            id: record.id(),
            ahead: record.is_ahead(),
        }
    }

    /// Returns true in the last part of a list: the records dated ahead of the present.
    pub fn is_ahead(self) -> bool {
        self.ahead
    }

    /// Returns the id of the record before the cursor.
    pub fn id(self) -> R::Id {
        self.id
    }

    /// Returns the id as the sort key of the list.
    pub(crate) fn key(self) -> ActivityId {
        ActivityId::from_bytes(R::id_bytes(self.id))
    }
}

impl<R: Record> Clone for Cursor<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Record> Copy for Cursor<R> {}

impl<R: Record> PartialEq for Cursor<R> {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.ahead) == (other.id, other.ahead)
    }
}

impl<R: Record> Eq for Cursor<R> {}

impl<R: Record> fmt::Debug for Cursor<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({self})")
    }
}

/// Prefix of a cursor among the records dated ahead.
const AHEAD_PREFIX: &str = "~";

/// Prefix of a cursor of events.
const EVENTS_PREFIX: &str = "e.";

impl<R: Record> fmt::Display for Cursor<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if R::KIND == RecordKind::Events {
            f.write_str(EVENTS_PREFIX)?;
        }
        if self.ahead {
            f.write_str(AHEAD_PREFIX)?;
        }
        fmt::Display::fmt(&self.id, f)
    }
}

impl<R: Record> FromStr for Cursor<R> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (of, rest) = match text.strip_prefix(EVENTS_PREFIX) {
            Some(rest) => (RecordKind::Events, rest),
            None => (RecordKind::Activities, text),
        };
        if of != R::KIND {
            return Err(Error::invalid(match of {
                RecordKind::Events => {
                    format!("{text:?} is a cursor of a list of events, not of activities")
                }
                RecordKind::Activities => format!("{text:?} is not a cursor of a list of events"),
            }));
        }
        let (id, ahead) = match rest.strip_prefix(AHEAD_PREFIX) {
            Some(id) => (id, true),
            None => (rest, false),
        };
        id.parse()
            .map(|id| Cursor { id, ahead })
            .map_err(|cause| Error::invalid(format!("{text:?} is not a cursor")).with_source(cause))
    }
}

impl<R: Record> Serialize for Cursor<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, R: Record> Deserialize<'de> for Cursor<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ActivityRecord, EventId, EventRecord};

    #[test]
    fn a_position_parses_from_its_text() {
        for (log, seq) in [(0, 0), (0, 7), (1, 0), (i64::MAX, i64::MAX)] {
            let position = Position::<EventRecord>::new(log, seq);
            assert_eq!(
                position
                    .to_string()
                    .parse::<Position<EventRecord>>()
                    .unwrap(),
                position
            );
        }
        for wrong in [
            "",
            ".",
            "7.",
            ".7",
            "-1",
            "+1",
            "g.1",
            "1.-1",
            "1.2.3",
            "99999999999999999999",
        ] {
            assert!(
                wrong
                    .parse::<Position<EventRecord>>()
                    .unwrap_err()
                    .is_invalid(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_position_without_a_log_is_in_any_log() {
        let newest = Position::<EventRecord>::new(7, 9);
        assert!(Position::new(7, 1).is_in_log_of(newest));
        assert!(Position::new(0, 1).is_in_log_of(newest));
        assert!(!Position::new(8, 1).is_in_log_of(newest));
        // A store that no log has written to yet does not know where followers of other commit orders continue.
        assert!(!Position::new(7, 1).is_in_log_of(Position::<EventRecord>::START));
    }

    #[test]
    fn a_cursor_is_refused_by_the_other_list() {
        let event = EventId::from_bytes([7; 16]);
        let activity = ActivityId::from_bytes([7; 16]);
        for ahead in [false, true] {
            let events = Cursor::<EventRecord> { id: event, ahead }.to_string();
            let activities = Cursor::<ActivityRecord> {
                id: activity,
                ahead,
            }
            .to_string();
            assert_eq!(
                events.parse::<Cursor<EventRecord>>().unwrap().is_ahead(),
                ahead
            );
            assert_eq!(
                activities
                    .parse::<Cursor<ActivityRecord>>()
                    .unwrap()
                    .is_ahead(),
                ahead
            );
            let error = events.parse::<Cursor<ActivityRecord>>().unwrap_err();
            assert!(
                error.is_invalid() && error.to_string().contains("of events"),
                "{error}"
            );
            assert!(
                activities
                    .parse::<Cursor<EventRecord>>()
                    .unwrap_err()
                    .is_invalid()
            );
        }
    }
}
