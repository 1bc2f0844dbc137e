//! Logs of earlier versions are read completely: one golden file per schema version.
//!
//! Each `schema-N.db` has a `schema-N.tables.jsonl`, its rows as read with plain SQLite, and a `schema-N.answers.jsonl`, the
//! answers of the version that wrote it. `cargo xtask golden` writes all three for the current schema; those of earlier
//! versions never change.

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

/// Names the folder for the golden file of the current schema.
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
    assert_eq!(tables::integrity_errors(&path), Vec::<String>::new());
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

/// Writes the file, its rows and the answers, named by the schema version.
fn write_golden(made: &Path, folder: &Path) {
    let golden = Golden::new(folder, tables::version(made));
    assert!(
        !golden.file.exists(),
        "not overwriting {}: remove it if its schema was never released",
        golden.file.display()
    );
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let bytes = fs::read(made).unwrap();
    assert!(!contains(&bytes, host.trim()), "it names this machine");
    fs::write(&golden.file, bytes).unwrap();
    fs::write(&golden.rows, lines(tables::dump(made))).unwrap();
    let before = answers::all(made);
    // The answers after a writer has reaped dead instances, without that writer.
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

/// A golden file with its rows and answers.
struct Golden {
    version: i64,
    file: PathBuf,
    rows: PathBuf,
    answers: PathBuf,
}

impl Golden {
    fn new(folder: &Path, version: i64) -> Golden {
        let named = |ending: &str| folder.join(format!("schema-{version}.{ending}"));
        Golden {
            version,
            file: named("db"),
            rows: named("tables.jsonl"),
            answers: named("answers.jsonl"),
        }
    }

    /// All golden files, oldest first.
    fn all() -> Vec<Golden> {
        let golden = (1..).map(Golden::version);
        golden.take_while(|golden| golden.file.exists()).collect()
    }

    fn version(version: i64) -> Golden {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        Golden::new(&folder, version)
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

    /// A copy to work on, with the lock files of killed processes.
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

/// The schema version of a new log.
fn newest_version() -> i64 {
    let (_folder, path) = empty_log();
    tables::version(&path)
}

/// A new log.
fn empty_log() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    open_and_close(&path);
    (folder, path)
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

/// Opens a log for writing when nothing in golden files is old enough to be pruned, and closes it.
fn open_and_close(path: &Path) {
    let log = messy_log::open(path, &messy_log::clock_afterwards());
    log.shutdown().wait().unwrap();
    assert!(!beside(path, "-wal").exists(), "a closed log is one file");
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
