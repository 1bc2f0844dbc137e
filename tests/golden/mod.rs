//! Logs that earlier versions wrote are read whole: one golden file for each version of the schema.
//!
//! Beside `schema-N.db` stands `schema-N.tables.jsonl`, its rows as plain SQLite reads them, and
//! `schema-N.answers.jsonl`, what the version that wrote it answered about it. `cargo xtask golden` writes all three for the
//! schema of today; files of earlier versions are never written again.

mod answers;
#[cfg(target_os = "linux")]
mod kills;
mod messy_log;
mod migration;
mod refusal;
mod tables;
mod texts;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use tempfile::TempDir;

use self::answers::Answers;

/// Names the folder that the golden file of today's schema is written into.
const OUT: &str = "ACTIVITY_TEST_GOLDEN";

#[test]
fn a_golden_file_has_rows_in_every_table() {
    if messy_log::record_as_victim() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    messy_log::make(&path, "golden::a_golden_file_has_rows_in_every_table");

    let empty: Vec<_> = tables::counts(&path)
        .into_iter()
        .filter(|(_, count)| *count == 0)
        .collect();
    assert!(empty.is_empty(), "{empty:?}");
    assert_eq!(tables::empty_columns(&path), Vec::<String>::new());
    assert_eq!(tables::damages(&path), Vec::<String>::new());
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
    assert!(!beside(&path, "-wal").exists() && !beside(&path, "-shm").exists());
    for unwanted in [messy_log::ERASED_WORD, messy_log::ERASED] {
        assert!(!contains(&bytes, unwanted), "{unwanted:?} was erased");
    }

    if let Some(out) = std::env::var_os(OUT) {
        write_golden(&path, Path::new(&out));
    }
}

/// Writes the file, its rows, and what is answered about it, named by the version of its schema.
fn write_golden(made: &Path, folder: &Path) {
    let golden = Golden::of(folder, tables::version(made));
    assert!(
        !golden.file.exists(),
        "{} stays as it is: remove it if its schema was never released",
        golden.file.display()
    );
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let bytes = fs::read(made).unwrap();
    assert!(!contains(&bytes, host.trim()), "it names this machine");
    fs::write(&golden.file, bytes).unwrap();
    fs::write(&golden.rows, lines(tables::dump(made))).unwrap();
    let before = answers::all(made);
    // What is answered once a writer has cleaned up after the dead: without that writer.
    open_and_close(made);
    let mut answers = answers::all(made);
    answers.retain(|asked, _| before.contains_key(asked));
    let answers = answers.iter().map(|one| tables::visible(&json!(one)));
    fs::write(&golden.answers, lines(answers)).unwrap();
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let mut parts = bytes.windows(text.len());
    parts.any(|part| part == text.as_bytes())
}

/// A golden file, and what stands beside it.
struct Golden {
    version: i64,
    file: PathBuf,
    rows: PathBuf,
    answers: PathBuf,
}

impl Golden {
    fn of(folder: &Path, version: i64) -> Golden {
        let named = |ending: &str| folder.join(format!("schema-{version}.{ending}"));
        Golden {
            version,
            file: named("db"),
            rows: named("tables.jsonl"),
            answers: named("answers.jsonl"),
        }
    }

    /// Those that are there, oldest first.
    fn all() -> Vec<Golden> {
        let golden = (1..).map(Golden::version);
        golden.take_while(|golden| golden.file.exists()).collect()
    }

    fn version(version: i64) -> Golden {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        Golden::of(&folder, version)
    }

    fn rows(&self) -> Vec<String> {
        let rows = fs::read_to_string(&self.rows).unwrap();
        rows.lines().map(str::to_owned).collect()
    }

    fn answers(&self) -> Answers {
        let answers = fs::read_to_string(&self.answers).unwrap();
        let answers = answers.lines().map(serde_json::from_str);
        answers.map(Result::unwrap).collect()
    }

    /// A copy to work on. Beside it stand the lock files of processes that were killed.
    fn copy(&self) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        fs::copy(&self.file, &path).unwrap();
        let locks = beside(&path, "-instances");
        fs::create_dir(&locks).unwrap();
        for instance in tables::killed(&path) {
            fs::write(locks.join(format!("{instance}.lock")), "").unwrap();
        }
        (folder, path)
    }
}

/// The version of the schema of a log that is made today.
fn newest_version() -> i64 {
    let (_folder, path) = empty_log();
    tables::version(&path)
}

/// A log that is made today.
fn empty_log() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    open_and_close(&path);
    (folder, path)
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

/// Opens a log for writing at a time when nothing in a golden file is old, and closes it.
fn open_and_close(path: &Path) {
    let log = messy_log::open(path, &messy_log::clock_afterwards());
    log.shutdown().wait().unwrap();
    assert!(!beside(path, "-wal").exists(), "at rest it is one file");
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
