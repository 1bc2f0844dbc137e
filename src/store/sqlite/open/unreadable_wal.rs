//! Finds commits in a WAL that SQLite cannot read.
//!
//! Each frame's checksum continues that of the frame before. SQLite takes a frame with a wrong byte for the end of the WAL
//! and silently drops all later commits (<https://sqlite.org/fileformat2.html#walformat>). Their frames are still there, with
//! the salt of the same WAL.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::Path,
    thread,
    time::Duration,
};

use rusqlite::Connection;

use super::{
    lock,
    side_files::{beside, temporary_name},
    wal_frames::WalFrames,
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::InstanceId,
};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// How often SQLite is queried again for a commit that a writer may be about to finish.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// Counts the commits behind the last frame that SQLite reads; 0 if that is unknown. `own` is the process's instance,
/// which does not count as another live writer.
pub(crate) fn count_commits(connection: &Connection, path: &Path, own: Option<InstanceId>) -> u64 {
    if lock::live_instances(path)
        .iter()
        .any(|(id, _)| Some(*id) != own)
    {
        // It has checked the WAL itself, and may be about to commit.
        return 0;
    }
    let page = connection.query_row("PRAGMA page_size", (), |row| row.get::<_, u32>(0));
    let (wal, page) = (beside(path, "-wal"), page.unwrap_or_default() as usize);
    let mut unreadable = 0;
    for attempt in 1..=ATTEMPTS {
        // Before SQLite is queried, so that SQLite knows of all commits found here.
        let Ok(Some(found)) = CommitFrames::read(&wal, page) else {
            return 0;
        };
        let Some(read) =
            WalFrames::query(connection).and_then(|frames| u64::try_from(frames.total).ok())
        else {
            return 0;
        };
        unreadable = found.after(read);
        if unreadable == 0 {
            break;
        }
        if attempt < ATTEMPTS {
            thread::sleep(PAUSE);
        }
    }
    unreadable
}

/// Copies a WAL with this many unreadable commits, before it is overwritten.
pub(crate) fn copy_wal(path: &Path, commits: u64) -> Result<()> {
    let kept = temporary_name(path, "-wal", "damaged");
    match fs::copy(beside(path, "-wal"), &kept) {
        Ok(_) => {
            tracing::error!(
                target: "tower_activity::store", log = %path.display(), copy = %kept.display(), commits,
                "a byte of the WAL is damaged, later commits cannot be read: the WAL was copied"
            );
            Ok(())
        }
        Err(cause) => {
            let what = format!("cannot copy the damaged {}-wal", path.display());
            Err(Error::new(ErrorKind::Store, what).with_source(cause))
        }
    }
}

/// Numbers of the frames that end a commit, from 1.
struct CommitFrames(Vec<u64>);

impl CommitFrames {
    /// Reads all frames; `None` if there is no WAL, or an empty one.
    fn read(wal: &Path, page: usize) -> io::Result<Option<Self>> {
        // SQLite holds no locks on the WAL that closing it could drop.
        let mut file = match File::open(wal) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut header = [0; HEADER];
        if !read_full(&mut file, &mut header)? {
            return Ok(None);
        }
        let big_endian = be_u32(&header, 0) & 1 == 1;
        let (mut frame, mut content) = ([0; FRAME_HEADER], vec![0; page]);
        let mut before = (be_u32(&header, 24), be_u32(&header, 28));
        let is_sound = checksum((0, 0), &header[..24], big_endian) == before;
        let mut salt = is_sound.then(|| [be_u32(&header, 16), be_u32(&header, 20)]);
        let mut commits = Vec::new();
        for at in 1.. {
            if !read_full(&mut file, &mut frame)? || !read_full(&mut file, &mut content)? {
                break;
            }
            let stored = (be_u32(&frame, 16), be_u32(&frame, 20));
            let sum = checksum(
                checksum(before, &frame[..8], big_endian),
                &content,
                big_endian,
            );
            before = stored;
            let own = [be_u32(&frame, 8), be_u32(&frame, 12)];
            // If the header is damaged, the first frame has the salt.
            let is_current = *salt.get_or_insert(own) == own;
            // Frames from before the restart have another salt. Only the last frame of a commit has the database's size, and
            // a torn write has another checksum.
            if is_current && be_u32(&frame, 4) > 0 && sum == stored {
                commits.push(at);
            }
        }
        Ok(Some(CommitFrames(commits)))
    }

    /// Counts the commits behind this many frames.
    fn after(&self, frames: u64) -> u64 {
        self.0.iter().filter(|frame| **frame > frames).count() as u64
    }
}

/// Fills the buffer. Returns false if the file ends before.
fn read_full(file: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Continues a WAL checksum.
fn checksum(before: (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let word = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        match big_endian {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        }
    };
    bytes.chunks_exact(8).fold(before, |(first, second), pair| {
        let first = first.wrapping_add(word(pair)).wrapping_add(second);
        let second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
        (first, second)
    })
}

fn be_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
