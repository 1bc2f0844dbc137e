//! A file that SQLite finds damaged, and how sure that is.

use std::{
    error::Error as _,
    time::{Duration, Instant, SystemTime},
};

use rusqlite::{ErrorCode, ffi};

use super::{
    file::OpenFile,
    side_files::{FileId, FileStats},
};
use crate::error::Error;

/// How long a main file that cannot be read must stay as it is until nobody is taken to be writing it.
pub(crate) const QUIET_PERIOD: Duration = Duration::from_secs(2);
/// After so many transactions in a row that find the file damaged, each by a connection of its own, it is set aside.
const CONFIRMATIONS: u32 = 2;

/// How often in a row a file was found damaged, and how it looked.
#[derive(Debug)]
pub(crate) struct Damage {
    times: u32,
    since: Instant,
    seen: Fingerprint,
}

/// Which file it is, and its size and time of change. Those of a file that is open change by our own checkpoints.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint {
    main: Option<FileId>,
    changed: Option<(u64, SystemTime)>,
    is_open: bool,
}

impl Damage {
    /// The file was found damaged, again where it is as it was `known`.
    pub(crate) fn observe(file: &OpenFile, known: Option<Damage>) -> Self {
        let seen = Fingerprint::read(file);
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
    pub(crate) fn is_confirmed(&self, file: &OpenFile) -> bool {
        let is_quiet = self.seen.is_open || self.since.elapsed() >= QUIET_PERIOD;
        self.times >= CONFIRMATIONS && is_quiet && self.seen == Fingerprint::read(file)
    }
}

impl Fingerprint {
    fn read(file: &OpenFile) -> Self {
        let look = FileStats::read(file.path());
        let is_open = file.ids().is_some_and(|ids| ids.main == look.ids.main);
        Fingerprint {
            main: look.ids.main,
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
