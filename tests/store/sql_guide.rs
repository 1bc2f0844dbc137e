//! `docs/sql.md`: its queries run with the `sqlite3` tool beside a running writer, and its tables describe the columns that the
//! views have.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Describe, Outcome, Status,
    activity::ActivityGuard,
    recording::{Chunk, Stream},
};

use crate::support::after_commit;

const GUIDE: &str = include_str!("../../docs/sql.md");

#[test]
fn every_query_of_the_guide_returns_rows_beside_a_running_writer() {
    let Filled { path, log, .. } = &filled();
    let queries: Vec<&str> = blocks("sql").collect();
    assert!(queries.len() > 10, "{queries:?}");
    let done = AtomicBool::new(false);
    let problems = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                log.start(Describe::job("busy")).end(Outcome::success());
                log.flush().wait().unwrap();
            }
        });
        let problems: Vec<_> = queries
            .iter()
            .filter_map(|query| problem(path, query))
            .collect();
        done.store(true, Ordering::Relaxed);
        problems
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_query_without_rows_and_a_query_that_fails_are_found() {
    let Filled { path, .. } = &filled();
    assert_eq!(problem(path, "SELECT 1;"), None);
    assert!(problem(path, "SELECT 1 WHERE false;").is_some());
    assert!(problem(path, "SELECT nothing FROM activities;").is_some());
}

#[test]
fn the_guide_documents_every_column_of_every_view_in_order() {
    let Filled { path, .. } = &filled();
    let store = Connection::open(path).unwrap();
    let list = |sql: &str| -> Vec<String> {
        let mut statement = store.prepare(sql).unwrap();
        let rows = statement.query_map((), |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let views = list("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name");
    let documented = documented();
    assert_eq!(views, documented.keys().copied().collect::<Vec<_>>());
    for (view, columns) in documented {
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        let actual = list(&format!("SELECT name FROM pragma_table_info('{view}')"));
        assert_eq!(names, actual, "{view}");
    }
}

#[test]
fn columns_have_the_type_that_the_guide_documents_in_every_row() {
    let Filled { path, .. } = &filled();
    let store = Connection::open(path).unwrap();
    for (view, columns) in documented() {
        for Column {
            name,
            storage,
            null,
        } in columns
        {
            let is_type = match storage {
                "JSON" => format!("typeof({name}) = 'text' AND json_valid({name})"),
                storage => format!("typeof({name}) = '{storage}'"),
            };
            let sql = format!("SELECT count(*), count({name}), total({is_type}) FROM {view}");
            let (rows, filled, typed): (i64, i64, f64) = store
                .query_row(&sql, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .unwrap();
            assert!(filled > 0, "{view}.{name} is NULL in every row");
            assert_eq!(
                filled, typed as i64,
                "{view}.{name} is not always {storage}"
            );
            assert!(null != "never" || filled == rows, "{view}.{name} has NULL");
        }
    }
}

#[test]
fn details_of_an_action_are_its_summary_and_data_is_a_column_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let event = || log.event("deployment").project("acme");
    event().record();
    event().summary("v3 live").record();
    event().data(json!({"v": 3})).record();
    event().summary("v4 live").data(json!(["v", 4])).record();
    log.shutdown().wait().unwrap();
    let store = Connection::open(&path).unwrap();
    let sql = "SELECT action_details, action_data FROM project_actions ORDER BY action_id";
    let mut statement = store.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)));
    let rows: Vec<(Option<String>, Option<String>)> = rows.unwrap().map(Result::unwrap).collect();
    let text = |text: &str| Some(text.to_owned());
    let expected = [
        (None, None),
        (text("v3 live"), None),
        (None, text(r#"{"v":3}"#)),
        (text("v4 live"), text(r#"["v",4]"#)),
    ];
    assert_eq!(rows, expected);
}

/// A log with something in every column of every view, and a running activity.
struct Filled {
    log: ActivityLog,
    path: PathBuf,
    _running: ActivityGuard,
    _folder: TempDir,
}

fn filled() -> Filled {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::builder()
        .environment("production")
        .open(&path)
        .unwrap();
    let request = log.start(
        Describe::tool("import")
            .project("acme")
            .agent("a-1")
            .actor("ann")
            .brand("netflix")
            .session("s-1")
            .request("r-1")
            .attribute("table", "orders")
            .attribute("rows", 42),
    );
    let query = log.start(Describe::tool("query").parent(&request));
    query
        .event("queries_executed")
        .project("acme")
        .actor("ann")
        .request("r-1")
        .summary("read the orders")
        .reference("orders")
        .data(json!({"version": 3}))
        .count(3)
        .record();
    query.end(Outcome::failed("tool_error").with_message("no such table"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let recording = request.attach(Stream::new("har")).await;
        recording.append(Chunk::new("{}"));
        request.end(Outcome::success());
        recording.stop().await;
    });
    log.event("deployment")
        .project("acme")
        .status(Status::Failed)
        .record();
    let running = log.start(Describe::job("backup").project("acme"));
    let store = Connection::open(&path).unwrap();
    let has_row = |sql: &str| store.query_row(sql, (), |_| Ok(())).ok();
    after_commit(|| has_row("SELECT 1 FROM activities WHERE status = 'running'"));
    after_commit(|| has_row("SELECT 1 FROM activity_metrics WHERE scope = 'agent'"));
    Filled {
        log,
        path,
        _running: running,
        _folder: folder,
    }
}

/// What is wrong with a query, if anything.
fn problem(path: &Path, query: &str) -> Option<String> {
    let mut tool = Command::new("sqlite3")
        .args(["-readonly", "-bail", "-cmd", ".timeout 5000"])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool sqlite3 is installed");
    tool.stdin
        .take()
        .unwrap()
        .write_all(query.as_bytes())
        .unwrap();
    let output = tool.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    match output.status.success() && errors.is_empty() {
        true if output.stdout.is_empty() => Some(format!("no rows: {query}")),
        true => None,
        false => Some(format!("{errors}: {query}")),
    }
}

/// The contents of the guide's code blocks in this language.
fn blocks(language: &'static str) -> impl Iterator<Item = &'static str> {
    let blocks = GUIDE.split("```").skip(1).step_by(2);
    blocks.filter_map(move |block| block.strip_prefix(language)?.strip_prefix('\n'))
}

/// A row of a table in the guide.
struct Column {
    name: &'static str,
    storage: &'static str,
    null: &'static str,
}

/// The documented columns of each view.
fn documented() -> BTreeMap<&'static str, Vec<Column>> {
    let sections = GUIDE.split("\n## `").skip(1);
    let documented = sections.map(|section| {
        let (view, text) = section.split_once('`').unwrap();
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
        let columns = rows.map(|row| {
            let (name, rest) = row.split_once("` | ").unwrap();
            let cells: Vec<_> = rest.trim_end_matches(" |").split(" | ").collect();
            Column {
                name,
                storage: cells[0],
                null: cells[cells.len() - 1],
            }
        });
        (view, columns.collect())
    });
    documented.collect()
}
