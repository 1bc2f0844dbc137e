//! The newest row of each table, in commit order.

use rusqlite::Connection;

use crate::store::{RecordKind, RowKind};

/// One statement, so that all four are of one moment.
const READ: &str = "SELECT (SELECT coalesce(max(seq), 0) FROM activity), (SELECT coalesce(max(seq), 0) FROM event), \
     (SELECT coalesce(max(seq), 0) FROM recording), (SELECT coalesce(max(seq), 0) FROM chunk)";

/// The last `seq` of each table; 0 for an empty one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LastSeqs {
    pub(crate) activity: i64,
    pub(crate) event: i64,
    pub(crate) recording: i64,
    pub(crate) chunk: i64,
}

impl LastSeqs {
    /// Stands in for seqs that cannot be read: no row comes after them.
    pub(crate) const MAX: LastSeqs = LastSeqs {
        activity: i64::MAX,
        event: i64::MAX,
        recording: i64::MAX,
        chunk: i64::MAX,
    };

    /// Looks up the ends of the four tables.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut read = connection.prepare_cached(READ)?;
        read.query_row((), |row| {
            Ok(LastSeqs {
                activity: row.get(0)?,
                event: row.get(1)?,
                recording: row.get(2)?,
                chunk: row.get(3)?,
            })
        })
    }

    /// The last `seq` of the rows of this kind.
    pub(crate) fn of_rows(self, kind: RowKind) -> i64 {
        match kind {
            RowKind::Activity => self.activity,
            RowKind::Event => self.event,
            RowKind::Recording => self.recording,
            RowKind::Chunk => self.chunk,
        }
    }

    /// The last `seq` of the records in this commit order.
    pub(crate) fn of_records(self, kind: RecordKind) -> i64 {
        match kind {
            RecordKind::Activities => self.activity,
            RecordKind::Events => self.event,
        }
    }
}
