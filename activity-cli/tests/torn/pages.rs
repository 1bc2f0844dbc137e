//! Main files with overwritten pages, and truncated ones.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tempfile::TempDir;

use crate::{
    AFTERWARDS, WAIT, assert_names, command, each, integrity_errors, is_full_form, names, open,
    panics, record_job,
};

const PAGE: usize = 8_192;

/// A kind of damage to a page.
#[derive(Debug, Clone, Copy)]
enum Damage {
    /// Every bit is flipped.
    Inverted,
    Zeros,
    Ones,
    /// The page's header is intact, its cells are not.
    Cells,
    /// Only the header is overwritten.
    Header,
    /// One bit in the middle is flipped.
    Bit,
    /// The file ends where the page begins.
    EndsBefore,
    /// The file ends in the middle of the page.
    EndsWithin,
}

use Damage::{Bit, Cells, EndsBefore, EndsWithin, Header, Inverted, Ones, Zeros};

const FLIPS: [Damage; 6] = [Inverted, Zeros, Ones, Cells, Header, Bit];
const CUTS: [Damage; 2] = [EndsBefore, EndsWithin];

impl Damage {
    fn of(self, bytes: &mut Vec<u8>, page: usize) {
        let at = page * PAGE;
        let whole = &mut bytes[at..at + PAGE];
        match self {
            Inverted => whole.iter_mut().for_each(|byte| *byte = !*byte),
            Zeros => whole.fill(0),
            Ones => whole.fill(0xff),
            Cells => whole[PAGE / 2..].iter_mut().for_each(|byte| *byte ^= 0x55),
            Header => whole[..16].iter_mut().for_each(|byte| *byte ^= 0xa5),
            Bit => whole[PAGE * 3 / 4] ^= 1,
            EndsBefore => bytes.truncate(at),
            EndsWithin => bytes.truncate(at + PAGE / 2),
        }
    }
}

/// The newest golden file: a log that has something in every table.
fn golden() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let files = (1..).map(|version| folder.join(format!("schema-{version}.db")));
    files.take_while(|file| file.exists()).last().unwrap()
}

#[test]
fn a_log_with_any_page_overwritten_is_read_or_refused_and_never_deleted() {
    let seen = try_damages(&FLIPS);
    // The test must have covered both detected and undetected damage.
    assert!(seen.unreadable > 0 && seen.read > 0, "{seen:?}");
    assert!(seen.unsound > 0 && seen.refused > 0, "{seen:?}");
    assert!(seen.recorded > 0 && seen.aside > 0, "{seen:?}");
}

#[test]
fn a_log_truncated_at_any_page_is_read_or_refused_and_never_deleted() {
    let seen = try_damages(&CUTS);
    // An empty file becomes a log; with half of the last page missing, other pages can be written.
    assert_eq!((seen.read, seen.failed), (0, 0), "{seen:?}");
    assert!(seen.unsound > 0 && seen.recorded <= 2, "{seen:?}");
}

/// Damages every page: in one way in the short form, in each of these ways in the full one.
fn try_damages(damages: &[Damage]) -> Seen {
    panics::watch();
    let sound = fs::read(golden()).unwrap();
    let pages = sound.len() / PAGE;
    let mut cases = Vec::new();
    for page in 0..pages {
        for (at, damage) in damages.iter().enumerate() {
            // The first page has the file's header, on which most depends.
            if is_full_form() || page == 0 || page % damages.len() == at {
                cases.push((page, *damage));
            }
        }
    }
    let seen = Mutex::new(Seen::default());
    each(&cases, |(page, damage)| {
        let mut bytes = sound.clone();
        damage.of(&mut bytes, *page);
        attempt(&bytes, *page, &format!("page {page}, {damage:?}"), &seen);
    });
    let seen = seen.into_inner().unwrap();
    println!("{pages} pages, {} damages: {seen:?}", cases.len());
    seen
}

/// Numbers of damaged logs by result.
#[derive(Debug, Default)]
struct Seen {
    read: usize,
    unreadable: usize,
    /// `doctor` found a problem.
    unsound: usize,
    /// Opening it for writing was refused.
    refused: usize,
    /// Opened for writing, and recorded.
    recorded: usize,
    /// Opened for writing, but recording failed.
    failed: usize,
    /// Set aside by a writer.
    aside: usize,
}

/// Reads, checks and writes one damaged log.
fn attempt(bytes: &[u8], page: usize, what: &str, seen: &Mutex<Seen>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    fs::write(&path, bytes).unwrap();
    let file = fs::metadata(&path).unwrap().ino();

    let read = names(&path);
    if let Err(error) = &read {
        assert_names(error, &path, what);
    }
    assert_eq!(
        fs::read(&path).unwrap(),
        bytes,
        "{what}: reading changed it"
    );
    let doctor = command(&path, &["doctor"]);
    assert_eq!(fs::read(&path).unwrap(), bytes, "{what}: doctor changed it");
    if !doctor.status.success() {
        let output = [doctor.stdout.as_slice(), &doctor.stderr].concat();
        let output = String::from_utf8_lossy(&output).into_owned();
        assert!(output.contains("activity.db"), "{what}: {output}");
    }

    let written = write(&path, what);
    panics::assert_none(what);
    let aside = assert_is_there(&folder, bytes, page, file, what, &written);

    let mut seen = seen.lock().unwrap();
    match read {
        Ok(_) => seen.read += 1,
        Err(_) => seen.unreadable += 1,
    }
    seen.aside += usize::from(aside);
    seen.unsound += usize::from(!doctor.status.success());
    match written {
        Written::Refused => seen.refused += 1,
        Written::Recorded => seen.recorded += 1,
        Written::Failed => seen.failed += 1,
    }
}

/// The result of writing.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    Refused,
    Recorded,
    Failed,
}

/// Records a call. The accounting must be exact even if it fails.
fn write(path: &Path, what: &str) -> Written {
    let log = match open(path) {
        Ok(log) => log,
        Err(error) => {
            assert_names(&error, path, what);
            return Written::Refused;
        }
    };
    record_job(&log, AFTERWARDS);
    let flushed = log.flush().timeout(WAIT).wait();
    let shut = log.shutdown().timeout(WAIT).wait();
    if let Err(error) = &flushed {
        // The error is the store's.
        let mut output = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            output = format!("{output}: {error}");
            cause = error.source();
        }
        assert!(output.contains(path.to_str().unwrap()), "{what}: {output}");
    }
    let counts = log.accounting();
    assert_eq!(
        (counts.activities.recorded, counts.activities.ended()),
        (1, 1),
        "{what}: {counts:?}"
    );
    assert_eq!(
        counts.activities.committed
            + counts.activities.waiting
            + counts.activities.lost()
            + counts.activities.abandoned,
        1,
        "{what}: {counts:?}, {flushed:?}, {shut:?}"
    );
    if flushed.is_ok() {
        assert_eq!(counts.activities.committed, 1, "{what}: {counts:?}");
        Written::Recorded
    } else {
        Written::Failed
    }
}

/// Asserts that the damaged file is kept, under its name or set aside, and returns whether it was set aside. If writing was
/// refused or the file was set aside, the damaged page must be unchanged; other pages may have been written before.
#[track_caller]
fn assert_is_there(
    folder: &TempDir,
    bytes: &[u8],
    page: usize,
    file: u64,
    what: &str,
    written: &Written,
) -> bool {
    let path = folder.path().join("activity.db");
    let mut files = fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    let found = files.find(|found| found.metadata().unwrap().ino() == file);
    let found = found
        .unwrap_or_else(|| panic!("{what}: it was deleted"))
        .path();
    let aside = found != path;
    let name = found.file_name().unwrap().to_str().unwrap();
    assert!(
        !aside || name.starts_with("activity.db.damaged-"),
        "{what}: {name}"
    );
    let now = fs::read(&found).unwrap();
    assert!(now.len() >= bytes.len(), "{what}: it became shorter");
    if aside || *written == Written::Refused {
        let page = |all: &[u8]| {
            let rest = all.get(page * PAGE..);
            rest.map(|rest| rest[..rest.len().min(PAGE)].to_vec())
        };
        assert!(page(&now) == page(bytes), "{what}: its page was changed");
    }
    if aside && *written == Written::Recorded {
        assert!(
            names(&path).unwrap().contains(&AFTERWARDS.to_owned()),
            "{what}"
        );
        assert_eq!(integrity_errors(&path), Vec::<String>::new(), "{what}");
    }
    aside
}
