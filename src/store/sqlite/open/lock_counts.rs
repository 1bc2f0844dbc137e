//! What each instance has committed, outside of the database: one line of JSON in its lock file.
//!
//! Where committed transactions vanish with a lost write-ahead log, the ledger in the database vanishes with them. The
//! lock file does not: it stays when its process dies. It is written after the commit, so that whoever reads it before
//! the database never finds more in it than the database has, unless rows are missing.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::record::InstanceId;

/// The length of the line: six numbers of 20 digits and a flag have room in it, so that a line is always overwritten completely.
const LENGTH: usize = 256;
/// How often a line is read that is being written.
const ATTEMPTS: usize = 3;

/// How much an instance has committed: its transactions, and the rows inserted by them that carry its number.
///
/// Rows of another instance, such as activities of a dead one that are written as abandoned, are not its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CommitCounts {
    pub(crate) commits: u64,
    pub(crate) activities: u64,
    pub(crate) events: u64,
    pub(crate) recordings: u64,
    pub(crate) chunks: u64,
    /// True when all of it is in the main file: then nothing is lost with the side files.
    #[serde(rename = "saved")]
    pub(crate) checkpointed: bool,
    /// The number of the main file that it writes, as the file system has it; 0 where that is not known.
    #[serde(rename = "main")]
    pub(crate) main_inode: u64,
}

impl CommitCounts {
    /// What this has beyond another.
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

    /// Adds these rows to others.
    pub(crate) fn add_to(&self, other: &mut Self) {
        other.activities += self.activities;
        other.events += self.events;
        other.recordings += self.recordings;
        other.chunks += self.chunks;
    }

    /// Reads a line; `None` where it is none, as in the lock files of older versions, which are empty.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text.trim_end()).ok()
    }

    /// True when each number is at least as large as the other's.
    pub(crate) fn covers(&self, other: &CommitCounts) -> bool {
        self.commits >= other.commits
            && self.activities >= other.activities
            && self.events >= other.events
            && self.recordings >= other.recordings
            && self.chunks >= other.chunks
    }

    /// Writes the line, always as long.
    pub(crate) fn line(&self) -> String {
        let numbers = serde_json::to_string(self).unwrap_or_default();
        format!("{numbers:<width$}\n", width = LENGTH - 1)
    }

    /// Overwrites the line in a lock file, with one system call. Not synced: after a loss of power it may say too
    /// little, and that harms nothing.
    ///
    /// # Errors
    ///
    /// When the file could not be written.
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

    /// What all lock files say, of the living and of the dead.
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

/// What all instances of a file together had added when the last of them ended in good order, and which file that was.
///
/// Lock files go when their instances end. This stays, so that an older copy is known from the file whose place it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TotalCounts {
    /// The first instance of the file: what is copied has the same.
    pub(crate) first: InstanceId,
    /// The file's own number, which copies share; 0 where an earlier version wrote this.
    #[serde(default)]
    pub(crate) file: i64,
    #[serde(flatten)]
    pub(crate) committed: CommitCounts,
}

impl TotalCounts {
    const NAME: &str = "total";
    /// Begins the name of one that is being written.
    pub(crate) const TEMPORARY: &str = "total.";

    /// Reads it; `None` where there is none.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(folder.join(TotalCounts::NAME)).ok()?).ok()
    }

    /// True for totals of the same file, or of copies of it.
    pub(crate) fn is_same_file(&self, other: &TotalCounts) -> bool {
        self.first == other.first && (self.file == other.file || self.file == 0 || other.file == 0)
    }

    /// Replaces it in one step.
    ///
    /// # Errors
    ///
    /// When the file could not be written.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        // Others may write theirs; in containers that share a volume, with the same process id.
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
    // Whoever reads while it is written may see the first half of one line and the second of another.
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
    fn a_line_is_read_as_it_was_written_and_always_as_long() {
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
        let said = r#"{"commits":1,"activities":2,"events":3,"recordings":4,"chunks":5}"#;
        assert_eq!(CommitCounts::parse(said).unwrap().chunks, 5);
        assert_eq!(CommitCounts::parse(""), None);
        assert_eq!(CommitCounts::parse("{\"commits\":1,"), None);
    }

    #[test]
    fn a_lock_file_keeps_the_last_line_and_an_empty_one_says_nothing() {
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
