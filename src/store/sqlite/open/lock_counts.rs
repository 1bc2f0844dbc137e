//! Lock-file counts: what each instance has committed, kept outside the database as one line of JSON in its lock file.
//!
//! If committed transactions are lost with their WAL, the ledger in the database is lost with them. The lock file outlives
//! both the WAL and its process. It is written after the commit, so that a reader that reads it before the database finds
//! more in it than in the database only if rows are missing.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::record::InstanceId;

/// Length of the line: room for six numbers of 20 digits and a flag, so that each write overwrites all of it.
const LENGTH: usize = 256;
/// Attempts to read a line that is being written.
const ATTEMPTS: usize = 3;

/// What an instance has committed: transactions, and rows inserted by them that carry its number. Rows that it inserts for
/// another instance, like the reaped activities of a dead one, are not included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CommitCounts {
    pub(crate) commits: u64,
    pub(crate) activities: u64,
    pub(crate) events: u64,
    pub(crate) recordings: u64,
    pub(crate) chunks: u64,
    /// All of it is in the main file: nothing is lost with the side files.
    #[serde(rename = "saved")]
    pub(crate) checkpointed: bool,
    /// The inode of the main file that it writes; 0 if unknown.
    #[serde(rename = "main")]
    pub(crate) main_inode: u64,
}

impl CommitCounts {
    /// Returns how many more rows of each kind this has than `other`. Commits are not compared: 0.
    pub(crate) fn saturating_sub(&self, other: &Self) -> Self {
        CommitCounts {
            commits: 0,
            activities: self.activities.saturating_sub(other.activities),
            events: self.events.saturating_sub(other.events),
            recordings: self.recordings.saturating_sub(other.recordings),
            chunks: self.chunks.saturating_sub(other.chunks),
            ..CommitCounts::default()
        }
    }

    /// Adds the rows to `other`, but not the commits.
    pub(crate) fn add_to(&self, other: &mut Self) {
        other.activities += self.activities;
        other.events += self.events;
        other.recordings += self.recordings;
        other.chunks += self.chunks;
    }

    /// Parses a line; `None` if it is malformed or empty, as in the lock files of older versions.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text.trim_end()).ok()
    }

    /// Returns true if every count is at least as large as the other's.
    pub(crate) fn covers(&self, other: &CommitCounts) -> bool {
        self.commits >= other.commits
            && self.activities >= other.activities
            && self.events >= other.events
            && self.recordings >= other.recordings
            && self.chunks >= other.chunks
    }

    /// Formats the line, padded to its fixed length.
    pub(crate) fn line(&self) -> String {
        let numbers = serde_json::to_string(self).unwrap_or_default();
        format!("{numbers:<width$}\n", width = LENGTH - 1)
    }

    /// Overwrites the line in a lock file with one system call. Not synced: after a power loss the counts may be too low,
    /// which does no harm.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) fn write(&self, lock: &File) -> io::Result<()> {
        let line = self.line();
        #[cfg(unix)]
        {
            std::os::unix::fs::FileExt::write_all_at(lock, line.as_bytes(), 0)
        }
        #[cfg(not(unix))]
        {
            use std::io::{Seek, SeekFrom, Write};
            let mut lock = lock;
            lock.seek(SeekFrom::Start(0))?;
            lock.write_all(line.as_bytes())
        }
    }

    /// Reads the lock files of all instances, live and dead, ordered by id.
    pub(crate) fn read_all(folder: &Path) -> Vec<(InstanceId, Self)> {
        let Ok(files) = fs::read_dir(folder) else {
            return Vec::new();
        };
        let mut found: Vec<_> = files
            .filter_map(|file| {
                let path = file.ok()?.path();
                let name = path.file_name()?.to_str()?;
                let id = name.strip_suffix(".lock")?.parse().ok()?;
                Some((id, read(&path)?))
            })
            .collect();
        found.sort_by_key(|(id, _)| *id);
        found
    }
}

/// What all instances of a file together have added, and which file that is.
///
/// A lock file is removed when its instance ends. This file stays, so that an older copy is distinguishable from the file that
/// it replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TotalCounts {
    /// The first instance of the file; copies have the same.
    pub(crate) first: InstanceId,
    /// The file's own number, which copies share; 0 if written by an earlier version.
    #[serde(default)]
    pub(crate) file: i64,
    #[serde(flatten)]
    pub(crate) committed: CommitCounts,
}

impl TotalCounts {
    const NAME: &str = "total";
    /// Prefix of temporary names.
    pub(crate) const TEMPORARY: &str = "total.";

    /// Reads the file; `None` if it is missing or malformed.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(folder.join(TotalCounts::NAME)).ok()?).ok()
    }

    /// Returns true if both describe the same file, or copies of it.
    pub(crate) fn is_same_file(&self, other: &TotalCounts) -> bool {
        self.first == other.first && (self.file == other.file || self.file == 0 || other.file == 0)
    }

    /// Replaces the file atomically.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        // Not the process id: it is the same in containers that share a volume.
        let temporary = folder.join(format!(
            "{}{:016x}",
            TotalCounts::TEMPORARY,
            fastrand::u64(..)
        ));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let total = serde_json::to_string(self)?;
        io::Write::write_all(&mut options.open(&temporary)?, total.as_bytes())?;
        fs::rename(&temporary, folder.join(TotalCounts::NAME))
    }
}

fn read(path: &Path) -> Option<CommitCounts> {
    // A read during a write may return parts of two lines.
    (0..ATTEMPTS).find_map(|_| CommitCounts::parse(&fs::read_to_string(path).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> CommitCounts {
        CommitCounts {
            commits: 7,
            activities: 4_998,
            events: u64::MAX,
            recordings: 1,
            chunks: 0,
            checkpointed: false,
            main_inode: 131_075,
        }
    }

    #[test]
    fn a_line_survives_a_round_trip_and_has_a_fixed_length() {
        let most = CommitCounts {
            commits: u64::MAX,
            activities: u64::MAX,
            events: u64::MAX,
            recordings: u64::MAX,
            chunks: u64::MAX,
            checkpointed: false,
            main_inode: u64::MAX,
        };
        for committed in [CommitCounts::default(), some(), most] {
            let line = committed.line();
            assert_eq!(line.len(), LENGTH, "{line:?}");
            assert_eq!(CommitCounts::parse(&line), Some(committed));
        }
        let line = r#"{"commits":1,"activities":2,"events":3,"recordings":4,"chunks":5}"#;
        assert_eq!(CommitCounts::parse(line).unwrap().chunks, 5);
        assert_eq!(CommitCounts::parse(""), None);
        assert_eq!(CommitCounts::parse("{\"commits\":1,"), None);
    }

    #[test]
    fn a_lock_file_keeps_the_last_line_and_an_empty_one_has_no_counts() {
        let folder = tempfile::tempdir().unwrap();
        let id = InstanceId::from_parts(1_700_000_000_000_000, 7);
        let other = InstanceId::from_parts(1_700_000_000_000_000, 8);
        assert_eq!(CommitCounts::read_all(folder.path()), []);
        let file = File::create(folder.path().join(format!("{id}.lock"))).unwrap();
        File::create(folder.path().join(format!("{other}.lock"))).unwrap();
        some().write(&file).unwrap();
        CommitCounts::default().write(&file).unwrap();
        assert_eq!(
            CommitCounts::read_all(folder.path()),
            [(id, CommitCounts::default())]
        );
        some().write(&file).unwrap();
        assert_eq!(CommitCounts::read_all(folder.path()), [(id, some())]);
    }
}
