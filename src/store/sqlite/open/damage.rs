//! A file that SQLite finds damaged, and how sure that is.

use std::{
    error::Error as _,
    time::{Duration, Instant, SystemTime},
};

use rusqlite::{ErrorCode, ffi};

use super::{
    file::OpenFile,
    names::{FileId, Look},
};
use crate::error::Error;

/// How long a main file that cannot be read must stay as it is until nobody is taken to be writing it.
pub(crate) const STILL: Duration = Duration::from_secs(2);
/// After so many transactions in a row that find the file damaged, each by a connection of its own, it is set aside.
const TIMES: u32 = 2;

/// How often in a row a file was found damaged, and how it looked.
#[derive(Debug)]
pub(crate) struct Damage {
    times: u32,
    since: Instant,
    seen: Seen,
}

/// Which file it is, and its size and time of change. Those of a file that is open change by our own checkpoints.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    main: Option<FileId>,
    changed: Option<(u64, SystemTime)>,
    is_open: bool,
}

impl Damage {
    /// The file was found damaged, again where it is as it was `known`.
    pub(crate) fn of(file: &OpenFile, known: Option<Damage>) -> Self {
        let seen = Seen::at(file);
        match known {
            Some(known) if known.seen == seen => Damage {
                times: known.times + 1,
                ..known
            },
            _ => Damage {
                times: 1,
                since: Instant::now(),
                seen,
            },
        }
    }

    /// True where the file that stands there now was found damaged often enough.
    pub(crate) fn is_sure(&self, file: &OpenFile) -> bool {
        let is_still = self.seen.is_open || self.since.elapsed() >= STILL;
        self.times >= TIMES && is_still && self.seen == Seen::at(file)
    }
}

impl Seen {
    fn at(file: &OpenFile) -> Self {
        let look = Look::at(file.path());
        let is_open = file
            .names()
            .is_some_and(|names| names.main == look.names.main);
        Seen {
            main: look.names.main,
            changed: look.main.filter(|_| !is_open),
            is_open,
        }
    }
}

/// True where SQLite reads something else than was written, or less than that. A database of another program is whole.
pub(crate) fn is_damage(error: &Error) -> bool {
    let cause = error.source();
    let cause = cause.and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
    let cause = cause.and_then(rusqlite::Error::sqlite_error);
    cause.is_some_and(|cause| {
        matches!(
            cause.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
        ) || cause.extended_code == ffi::SQLITE_IOERR_SHORT_READ
    })
}
