//! Decides when a file that SQLite reports as damaged is set aside.

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

/// How long an unreadable main file must stay unchanged before it counts as not being written.
pub(crate) const QUIET_PERIOD: Duration = Duration::from_secs(2);
/// Transactions in a row, each through a new connection, that must find the file damaged before it is set aside.
const CONFIRMATIONS: u32 = 2;

/// How often in a row a file was found damaged, and its fingerprint.
#[derive(Debug)]
pub(crate) struct Damage {
    times: u32,
    since: Instant,
    seen: Fingerprint,
}

/// A file's identity, and size and time of change unless our own connections have it open: their checkpoints change both.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint {
    main: Option<FileId>,
    changed: Option<(u64, SystemTime)>,
    is_open: bool,
}

impl Damage {
    /// Counts one more report of damage, starting over if the file is not the `known` one.
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

    /// Returns true if the file that is there now was found damaged often enough.
    pub(crate) fn is_confirmed(&self, file: &OpenFile) -> bool {
        let is_quiet = self.seen.is_open || self.since.elapsed() >= QUIET_PERIOD;
        self.times >= CONFIRMATIONS && is_quiet && self.seen == Fingerprint::read(file)
    }
}

impl Fingerprint {
    fn read(file: &OpenFile) -> Self {
        let stats = FileStats::read(file.path());
        let is_open = file.ids().is_some_and(|ids| ids.main == stats.ids.main);
        Fingerprint {
            main: stats.ids.main,
            changed: stats.main.filter(|_| !is_open),
            is_open,
        }
    }
}

/// Returns true for errors that mean corruption or a short file, not for another program's database.
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
