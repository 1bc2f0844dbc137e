//! The layers in ARCHITECTURE.md: imports only go down; and the other rules that a program can check.

mod graph;
mod rooms;
mod source;

use std::{
    fs,
    path::{Path, PathBuf},
};

use source::{production, read, root, sources};

/// Every folder of the library, lowest first, with those below it that it may touch. `error` is below all.
const FOLDERS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("record", &[]),
    ("redact", &["record"]),
    ("store", &["record", "redact"]),
    ("import", &["record", "redact", "store"]),
    ("forward", &["record", "store"]),
    // The write wing.
    ("pipeline", &["record", "redact", "store", "forward"]),
    ("log", &["record", "redact", "store", "forward", "pipeline"]),
    (
        "activity",
        &["record", "redact", "store", "pipeline", "log"],
    ),
    (
        "layer",
        &["record", "redact", "store", "pipeline", "log", "activity"],
    ),
    (
        "mcp",
        &[
            "record", "redact", "store", "pipeline", "log", "activity", "layer",
        ],
    ),
    (
        "recording",
        &["record", "redact", "store", "pipeline", "log", "activity"],
    ),
    (
        "host",
        &["record", "redact", "store", "pipeline", "log", "activity"],
    ),
    // The read wing; `log` because what a log offers to readers is written where the readers are.
    ("query", &["record", "store", "log"]),
    ("notify", &["record", "redact", "store", "query"]),
    // `activity` for events that it accepts; `notify` for the status of webhooks.
    (
        "web",
        &["record", "store", "log", "activity", "query", "notify"],
    ),
    // Documentation only.
    ("guide", &[]),
    // Used by the tests of both wings.
    ("testing", &["record", "store", "pipeline", "log", "query"]),
];

/// The command uses only the read wing of the library.
const COMMAND: &[&str] = &["record", "store", "forward", "query", "web", "notify"];

/// The subcommands that write, with the items that they need for that.
const WRITES: &[(&str, &[&str])] = &[
    ("activity-cli/src/event.rs", &["ActivityLog", "Event"]),
    ("activity-cli/src/host/", &["ActivityLog", "host"]),
    (
        "activity-cli/src/proxy/",
        &["ActivityLog", "Outcome", "Scope", "mcp"],
    ),
    // Entries are printed redacted.
    ("activity-cli/src/mcp_config/", &["redact"]),
    ("activity-cli/src/serve.rs", &["ActivityLog"]),
    ("activity-cli/src/import.rs", &["import", "redact"]),
];

/// Code that opens files, in folders whose files SQLite may have open. Closing any descriptor of such a file releases the
/// POSIX locks of the whole process, so that other processes take the file for unused.
const OPENS: &[&str] = &[
    "File::",
    "OpenOptions",
    "fs::read(",
    "fs::read_to_string",
    "fs::write",
    "fs::copy",
    "fs::hard_link",
];

/// Source files that may open files, which SQLite never has open: lock files, `/proc`, unnamed files, complete backups.
const MAY_OPEN: &[&str] = &[
    "src/store/sqlite/maintenance/backup.rs",
    "src/store/sqlite/open/create.rs",
    "src/store/sqlite/open/lock.rs",
    "src/store/sqlite/open/network/mountinfo.rs",
    // Only the WAL, on which SQLite holds no locks.
    "src/store/sqlite/write/wal_copy.rs",
    "src/store/sqlite/open/hard_link.rs",
    "src/store/sqlite/open/unreadable_wal.rs",
    "src/store/sqlite/open/lock_counts.rs",
    // The file with passwords, before a connection.
    "src/store/postgres/passwords.rs",
    "src/notify/delivery.rs",
    "src/store/hostname.rs",
    "src/store/lock_file.rs",
];

/// Names that do not tell the purpose of a thing.
const EMPTY_NAMES: &[&str] = &["manager", "helper", "utils"];

const LONGEST_FILE: usize = 500;

#[test]
fn imports_only_go_down() {
    let faults: Vec<String> = ["src", "activity-cli/src"]
        .iter()
        .flat_map(|folder| sources(folder))
        .flat_map(|path| imports_up(&path, &read(&path)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_folder_is_in_the_table_and_every_entry_is_a_folder() {
    let mut found: Vec<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .filter(|name| name != "lib")
        .collect();
    let mut listed: Vec<&str> = FOLDERS.iter().map(|(name, _)| *name).collect();
    found.sort();
    listed.sort_unstable();
    assert_eq!(
        found, listed,
        "name each folder in tests/repository/architecture.rs, with what it may touch"
    );
}

#[test]
fn the_table_has_no_cycle() {
    for (place, (name, below)) in FOLDERS.iter().enumerate() {
        for lower in *below {
            let of = FOLDERS.iter().position(|(name, _)| name == lower);
            assert!(
                of.is_some_and(|of| of < place),
                "{name} stands on {lower}, which must come before it"
            );
        }
    }
}

#[test]
fn files_have_no_globs_and_no_vague_names_and_are_short() {
    let faults: Vec<String> = ["src", "tests", "examples", "activity-cli", "xtask"]
        .iter()
        .flat_map(|folder| sources(folder))
        .flat_map(|path| faults_of_form(&path, &read(&path)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn nothing_but_sqlite_opens_the_files_of_a_store() {
    let faults: Vec<String> = ["src/store", "src/notify"]
        .iter()
        .flat_map(|folder| sources(folder))
        .flat_map(|path| openings(&path, &read(&path)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_store_knows_no_runtime() {
    let names_tokio = |path: &&PathBuf| production(&read(path)).contains("tokio::");
    let mut sources = sources("src/store");
    // PostgreSQL's client needs one, which nothing else sees.
    sources.retain(|path| !path.ends_with("postgres/connection.rs"));
    let faults: Vec<_> = sources.iter().filter(names_tokio).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn a_forbidden_opening_is_found() {
    let check = |path: &str, text: &str, expected: usize| {
        let faults = openings(Path::new(path), text);
        assert_eq!(faults.len(), expected, "{path}: {text}\n{faults:?}");
    };
    check("src/store/sqlite/write/writer.rs", "File::open(path)?;", 1);
    check("src/store/sqlite/open/lock.rs", "File::open(path)?;", 0);
    check("src/notify/state.rs", "std::fs::OpenOptions::new()", 1);
    check("src/notify/state.rs", "fs::read(path)", 1);
    check("src/notify/state.rs", "fs::read_dir(path)", 0);
    check("src/notify/state.rs", "OpenFile::at(path)", 0);
    check("src/notify/state.rs", "// File::open", 0);
}

#[test]
fn an_upward_import_is_found() {
    let check = |path: &str, text: &str, expected: usize| {
        let faults = imports_up(Path::new(path), text);
        assert_eq!(faults.len(), expected, "{path}: {text}\n{faults:?}");
    };
    check("src/store/mod.rs", "use crate::record::Filter;", 0);
    check("src/store/mod.rs", "use crate::pipeline::Clock;", 1);
    check(
        "src/store/mod.rs",
        "use crate::{record::{Text, Kind}, log::{self, X}, layer};",
        2,
    );
    check(
        "src/store/sqlite/read/row.rs",
        "use crate::{\n    error::Result,\n    activity::Activity,\n};",
        1,
    );
    check("src/record/id.rs", "fn f() -> crate::store::Cursor {}", 1);
    check(
        "src/record/id.rs",
        "use crate::error::Error; use crate::record::Text;",
        0,
    );
    check(
        "src/record/id.rs",
        "/// See [`Store`](crate::store::Store).\n// crate::log\n",
        0,
    );
    check("src/record/id.rs", "const S: &str = \"crate::log\";", 0);
    check(
        "src/record/id.rs",
        "#[cfg(test)]\nmod tests { use crate::log::X; }\n",
        0,
    );
    check(
        "src/record/id.rs",
        "#[cfg(test)]\nmod tests { }\nuse crate::log::X;",
        1,
    );
    check("src/record/id.rs", "use super::super::log::X;", 1);
    check("src/record/mod.rs", "use super::log::X;", 1);
    check("src/record/id.rs", "use super::log::X;", 0);
    check("src/layer/mod.rs", "use crate::mcp::Tools;", 1);
    check("src/query/mod.rs", "use crate::pipeline::Clock;", 1);
    check("src/query/mod.rs", "use crate::ActivityLog;", 1);
    check(
        "activity-cli/src/main.rs",
        "use crate::print; use tower_activity::{Error, query::X};",
        0,
    );
    check(
        "activity-cli/src/main.rs",
        "use tower_activity::{layer::X, ActivityLog};",
        2,
    );
    check(
        "activity-cli/src/event.rs",
        "use tower_activity::{layer::X, ActivityLog};",
        1,
    );
    check(
        "activity-cli/src/host/watch.rs",
        "use tower_activity::{layer::X, host::Host};",
        1,
    );
}

#[test]
fn a_violation_of_form_is_found() {
    let check = |text: &str, expected: usize| {
        let faults = faults_of_form(Path::new("src/record/id.rs"), text);
        assert_eq!(faults.len(), expected, "{text}\n{faults:?}");
    };
    check("use crate::record::{Text, Kind};", 0);
    check("use crate::record::*;", 1);
    check("pub use text::{Text, kind::*};", 1);
    check("let area = width * height;", 0);
    check("#[cfg(test)]\nmod tests { use super::*; }", 0);
    check("pub struct StoreManager;", 1);
    check("mod utils;", 1);
    check("fn open_helper() {}", 1);
    check("// a helper", 0);
    check(&"\n".repeat(LONGEST_FILE + 1), 1);
}

/// Returns a file's forbidden ways to open files.
fn openings(path: &Path, text: &str) -> Vec<String> {
    if MAY_OPEN.iter().any(|may| path == Path::new(may)) {
        return Vec::new();
    }
    let text = production(text);
    let is_word = |at: usize| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    };
    let found = |opens: &str| text.match_indices(opens).any(|(at, _)| is_word(at));
    let opens = OPENS.iter().filter(|opens| found(opens));
    opens
        .map(|opens| format!("{}: `{opens}` beside SQLite", path.display()))
        .collect()
}

/// Returns a file's forbidden imports.
fn imports_up(path: &Path, text: &str) -> Vec<String> {
    let inside: Vec<&str> = path
        .iter()
        .filter_map(|part| part.to_str())
        .skip(1)
        .collect();
    let command = path.starts_with("activity-cli");
    let folder = inside[0].trim_end_matches(".rs");
    if folder == "lib" {
        return Vec::new();
    }
    let text = production(text);
    let (roots, allowed) = if command {
        (vec![String::from("tower_activity::")], COMMAND)
    } else {
        // The number of `super`s up to the crate's root.
        let last = inside.last().is_some_and(|file| *file != "mod.rs");
        let depth = inside.len() - 1 + usize::from(last);
        let entry = FOLDERS.iter().find(|(name, _)| *name == folder);
        let roots = vec![String::from("crate::"), "super::".repeat(depth)];
        (roots, entry.map_or(&[][..], |(_, below)| *below))
    };
    let names = roots.iter().flat_map(|root| first_names(&text, root));
    names
        .filter(|name| {
            let fine =
                ["error", folder].contains(&name.as_str()) || allowed.contains(&name.as_str());
            let record = [
                "Error",
                "ErrorKind",
                "Result",
                "ActivityId",
                "ActivityRecord",
                "EventId",
                "EventRecord",
                "Kind",
                "RecordingId",
                "RecordingRecord",
                "RecordingStatus",
                "Status",
            ];
            let writes = WRITES
                .iter()
                .any(|(file, may)| path.starts_with(file) && may.contains(&name.as_str()));
            !(fine || writes || command && record.contains(&name.as_str()))
        })
        .map(|name| format!("{}: `{folder}` must not touch `{name}`", path.display()))
        .collect()
}

/// Returns the first name of every path that begins with `root`, also in braces.
fn first_names(text: &str, root: &str) -> Vec<String> {
    let ident = |text: &str| -> String {
        let text = text.trim_start();
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut names = Vec::new();
    for (at, _) in text.match_indices(root) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &text[at + root.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(members(group).into_iter().map(ident)),
            None => names.push(ident(rest)),
        }
    }
    names.retain(|name| !name.is_empty() && name != "super" && name != "self");
    names
}

/// Returns the comma-separated items after an opening brace.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut members) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth > 0 => {}
            ',' | '}' => {
                members.push(&group[from..at]);
                from = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    members
}

fn faults_of_form(path: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{}: {what}", path.display()));
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        fault(format!("{lines} lines are two things"));
    }
    let text = production(text);
    for statement in text.split(';') {
        let import = statement.rfind("use ").map(|at| &statement[at..]);
        let glob = import.is_some_and(|import| import.contains("::*"));
        if glob && !path.iter().any(|part| part == "tests") {
            fault(String::from("a glob hides where names come from"));
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    for pair in words.windows(2) {
        let declares = ["struct", "enum", "trait", "type", "mod", "fn"].contains(&pair[0]);
        let name = pair[1].to_lowercase();
        if declares && EMPTY_NAMES.iter().any(|empty| name.contains(empty)) {
            fault(format!("`{}` does not say what it is for", pair[1]));
        }
    }
    faults
}
