//! The recorded outcome of each case for each kind of service: the table of `docs/outcomes.md`.

mod bodies;
mod clients;
mod grpc;
mod http;
mod lines;
mod mcp;
mod mcp_http;
mod plain;
mod responses;
mod timeouts;
mod uploads;

use std::{any::Any, future::Future, path::Path, pin::Pin, thread};

use tower_activity::{
    Status,
    query::ActivityReader,
    record::{ActivityRecord, Filter},
};

use crate::support::after_commit;

/// A case: what happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Success,
    Error,
    /// Its caller drops it before the response.
    CancelledBefore,
    /// Its caller disconnects during the response.
    CancelledWithin,
    Panic,
    /// Its deadline passes.
    Deadline,
    /// Its runtime is shut down.
    Shutdown,
}

const CASES: [(Case, &str); 7] = [
    (Case::Success, "success"),
    (Case::Error, "error"),
    (Case::CancelledBefore, "cancelled before the response"),
    (Case::CancelledWithin, "cancelled during the response"),
    (Case::Panic, "panic"),
    (Case::Deadline, "deadline"),
    (Case::Shutdown, "shutdown"),
];

/// A call in its case: a guard to keep until it is recorded, or why the case does not apply.
type Ran = Result<Box<dyn Any>, &'static str>;
type Running<'a> = Pin<Box<dyn Future<Output = Ran> + 'a>>;

/// A sort of service, and how a call of it is made that is recorded in this store.
type Kind = (&'static str, fn(Case, &Path) -> Running<'_>);

const KINDS: [Kind; 11] = [
    ("tower service", |case, store| {
        Box::pin(plain::call(case, store))
    }),
    ("axum, hyper", |case, store| {
        Box::pin(http::call(case, store))
    }),
    ("tonic, HTTP/2", |case, store| {
        Box::pin(grpc::call(case, store))
    }),
    ("rmcp, in memory", |case, store| {
        Box::pin(mcp::in_memory(case, store))
    }),
    ("rmcp, stdio", |case, store| {
        Box::pin(mcp::stdio(case, store))
    }),
    ("rmcp, HTTP with sessions", |case, store| {
        Box::pin(mcp_http::stateful(case, store))
    }),
    ("rmcp, HTTP without", |case, store| {
        Box::pin(mcp_http::stateless(case, store))
    }),
    ("tower-mcp, stdio", |case, store| {
        Box::pin(mcp::tower_mcp(case, store))
    }),
    ("tower-mcp, HTTP", |case, store| {
        Box::pin(mcp_http::tower_mcp(case, store))
    }),
    ("`http_tap`, HTTP with sessions", |case, store| {
        Box::pin(mcp_http::tapped_stateful(case, store))
    }),
    ("`http_tap`, HTTP without", |case, store| {
        Box::pin(mcp_http::tapped_stateless(case, store))
    }),
];

/// Returns the recorded call; of a tool server, the tool call.
fn row(store: &Path) -> Option<ActivityRecord> {
    let mut reader = ActivityReader::open(store).ok()?;
    let mut rows = reader.page(&Filter::default(), None, 10).ok()?.records;
    let is_tool = |row: &ActivityRecord| row.kind == tower_activity::Kind::Tool;
    if rows.iter().any(is_tool) {
        rows.retain(is_tool);
    }
    assert!(rows.len() < 2, "{rows:#?}");
    rows.pop()
}

/// Waits until the call is recorded as running.
fn arrived(store: &Path) {
    after_commit(|| row(store));
}

/// Runs a call in this case, and returns its recorded outcome.
fn measured(case: Case, call: impl for<'a> FnOnce(&'a Path) -> Running<'a>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let kept = match runtime.block_on(call(&store)) {
        Ok(kept) => kept,
        Err(why) => return format!("n/a: {why}"),
    };
    let runtime = (case != Case::Shutdown).then_some(runtime);
    let row = after_commit(|| row(&store).filter(|row| row.status != Status::Running));
    drop((kept, runtime));
    match row.error_type {
        Some(error_type) => format!("{} ({error_type})", row.status),
        None => row.status.to_string(),
    }
}

/// Compares a table with the one in `docs/outcomes.md`.
fn check(columns: &[&str], rows: &[String]) {
    let titles = columns.join(" | ");
    let lines = "---|".repeat(columns.len() + 1);
    let table = format!("| | {titles} |\n|{lines}\n{}\n", rows.join("\n"));
    let said = include_str!("../../../docs/outcomes.md");
    assert!(
        said.contains(&table),
        "docs/outcomes.md differs from the results:\n{table}"
    );
}

#[test]
fn every_case_ends_as_the_table_says_for_each_kind_of_service() {
    let rows = thread::scope(|scope| {
        let rows = KINDS.map(|(name, call)| {
            scope.spawn(move || {
                let cells = CASES.map(|(case, _)| measured(case, |store| call(case, store)));
                format!("| {name} | {} |", cells.join(" | "))
            })
        });
        rows.map(|row| {
            row.join()
                .unwrap_or_else(|_| "| it did not go through |".into())
        })
    });
    check(&CASES.map(|(_, title)| title), &rows);
}
