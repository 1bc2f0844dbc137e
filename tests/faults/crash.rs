//! A process that is killed while it records at full speed loses nothing that was acknowledged.
//!
//! The test runs itself again as the process that is killed. `ACTIVITY_TEST_KILLS=100` kills more often,
//! `ACTIVITY_TEST_SEED` repeats what a failure printed.

use std::{
    collections::{BTreeSet, HashMap},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rusqlite::Connection;
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_activity::{
    Activity, ActivityLayer, ActivityLog, Describe, Mode, Outcome, Status,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, Capture, EventRecord, Filter},
    store::{Store, sqlite::SqliteStore},
};

use crate::support::sums;

/// Marks the process that is killed, and names the file that it records into.
const CHILD: &str = "ACTIVITY_TEST_CRASH";
/// Kills per file.
const KILLS_A_FILE: u32 = 5;
/// Concurrent callers in the process that is killed.
const CALLERS: u64 = 4;
/// Calls between two flushes of one caller.
const CALLS_A_FLUSH: u64 = 25;

#[test]
fn flushed_records_survive_a_kill() {
    kill_often(Mode::Fast, "flushed_records_survive_a_kill");
}

#[test]
fn flushed_records_survive_a_kill_when_calls_wait_for_memory() {
    kill_often(
        Mode::Wait,
        "flushed_records_survive_a_kill_when_calls_wait_for_memory",
    );
}

#[test]
fn answered_calls_survive_a_kill_when_answers_wait_for_the_commit() {
    kill_often(
        Mode::Durable,
        "answered_calls_survive_a_kill_when_answers_wait_for_the_commit",
    );
}

fn kill_often(mode: Mode, test: &str) {
    if let Ok(path) = std::env::var(CHILD) {
        record_until_killed(mode, path.as_ref());
        return;
    }
    let seed = env_number("ACTIVITY_TEST_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("ACTIVITY_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let kills = env_number("ACTIVITY_TEST_KILLS").map_or(10, |kills| kills as u32);
    // A flush acknowledges all of its calls in one line, an answer only one.
    let lines = if mode == Mode::Durable { 600 } else { 60 };
    let mut coverage = Coverage::default();
    for first in (0..kills).step_by(KILLS_A_FILE as usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let mut acknowledged = Acknowledged::default();
        for _ in first..kills.min(first + KILLS_A_FILE) {
            kill_one(test, &path, random.usize(0..lines), &mut acknowledged);
            check(&path, &acknowledged, &mut coverage);
        }
    }
    println!("{kills} kills in {mode:?}: {coverage:?}");
    // The test must have covered something.
    assert!(coverage.acknowledged > 0 && coverage.whole > 0);
    assert!(coverage.abandoned > 0 && coverage.events > 0);
}

fn env_number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Records that were acknowledged to killed processes.
#[derive(Debug, Default)]
struct Acknowledged {
    activities: BTreeSet<String>,
    events: BTreeSet<String>,
    /// Open when a flush was acknowledged: must be stored as ended or abandoned.
    listed: BTreeSet<String>,
}

/// What the test has covered.
#[derive(Debug, Default)]
struct Coverage {
    acknowledged: usize,
    events: usize,
    abandoned: usize,
    whole: usize,
}

/// Starts a process that records, reads a number of its acknowledgements, and kills it.
fn kill_one(test: &str, path: &Path, lines: usize, acknowledged: &mut Acknowledged) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("crash::{test}"), "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = BufReader::new(child.stdout.take().unwrap());
    let mut read = 0;
    let mut line = String::new();
    while pipe.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        if acknowledged.parse_line(&line) {
            read += 1;
        }
        // Lines in the pipe were written before it was killed.
        if read == lines + 1 {
            child.kill().unwrap();
        }
        line.clear();
    }
    let status = child.wait().unwrap();
    assert!(
        read > lines && !status.success(),
        "the process exited before it was killed: {status}"
    );
}

impl Acknowledged {
    /// Parses a line of a process; `false` if it is not an acknowledgement.
    fn parse_line(&mut self, line: &str) -> bool {
        let mut words = line.split_ascii_whitespace();
        let ids = match words.next() {
            Some("ready") => return true,
            Some("ended") => &mut self.activities,
            Some("event") => &mut self.events,
            Some("open") => &mut self.listed,
            _ => return false,
        };
        ids.extend(words.map(str::to_owned));
        true
    }
}

/// Opens the log that a killed process left, and checks all of it.
fn check(path: &Path, acknowledged: &Acknowledged, coverage: &mut Coverage) {
    let log = ActivityLog::open(path).unwrap();
    log.start(Describe::job("afterwards"))
        .end(Outcome::success());
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    assert_eq!(reader.integrity_errors().unwrap(), Vec::<String>::new());

    let activities = activities(&mut reader);
    let ids: BTreeSet<_> = activities.iter().map(|row| row.id.to_string()).collect();
    assert_eq!(ids.len(), activities.len(), "no activity twice");
    let ended = activities
        .iter()
        .filter(|row| row.status != Status::Abandoned);
    let ended: BTreeSet<_> = ended.map(|row| row.id.to_string()).collect();
    let missing: Vec<_> = acknowledged.activities.difference(&ended).collect();
    assert!(
        missing.is_empty(),
        "acknowledged, and not on record: {missing:?}"
    );
    let missing: Vec<_> = acknowledged.listed.difference(&ids).collect();
    assert!(
        missing.is_empty(),
        "coverage running, and gone: {missing:?}"
    );

    let events = events(&mut reader);
    let event_ids: BTreeSet<_> = events.iter().map(|row| row.id.to_string()).collect();
    assert_eq!(event_ids.len(), events.len(), "no event twice");
    let missing: Vec<_> = acknowledged.events.difference(&event_ids).collect();
    assert!(
        missing.is_empty(),
        "acknowledged, and not on record: {missing:?}"
    );

    // Records that were refused for memory are counted.
    let calls = activities
        .iter()
        .filter(|row| row.name == "call" && row.status != Status::Abandoned && !row.truncated);
    coverage.whole += calls.map(check_activity).count();
    events.iter().for_each(check_event);
    check_accounting(&mut reader, path, &activities, &events);
    coverage.acknowledged += acknowledged.activities.len();
    coverage.events += acknowledged.events.len();
    coverage.abandoned += activities.len() - ended.len();
    log.shutdown().wait().unwrap();
    check_sums(path);
}

/// The sums equal those of the rows, wherever the process was killed.
fn check_sums(path: &Path) {
    let before = sums::all(path);
    let mut maintenance = SqliteStore::new(path).unwrap().maintenance().unwrap();
    sums::rebuild(&mut *maintenance);
    // Not `assert_eq`: the output would be too long.
    assert!(sums::all(path) == before, "rebuilt sums differ");
}

/// Checks that a record is complete and consistent.
fn check_activity(row: &ActivityRecord) {
    let number = row.attributes["number"].as_u64().unwrap();
    let (text, payload) = content(number);
    assert_eq!(row.status, Status::Success, "{row:?}");
    assert!(row.duration_ns.is_some() && row.seq.is_some(), "{row:?}");
    assert_eq!(row.attributes["text"], json!(text));
    assert_eq!(row.attributes["sum"], json!(checksum(&text, &payload)));
    assert_eq!(row.input.as_ref().unwrap().text, payload.to_string());
    assert_eq!(row.output.as_ref().unwrap().text, json!(number).to_string());
    assert_eq!(
        row.scope.actor.as_deref(),
        Some(&*format!("user {}", number % 7))
    );
}

fn check_event(row: &EventRecord) {
    let (text, payload) = content(row.count);
    assert_eq!(row.summary.as_deref(), Some(&*text));
    assert_eq!(row.data.as_ref(), Some(&payload));
    assert!(row.activity.is_some());
}

/// The accounting of killed processes, as of their last commit, equals their rows.
fn check_accounting(
    reader: &mut ActivityReader,
    path: &Path,
    activities: &[ActivityRecord],
    events: &[EventRecord],
) {
    let mut left: HashMap<_, (u64, u64, u64)> = HashMap::new();
    for row in activities {
        let left = left.entry(row.instance).or_default();
        match row.status {
            Status::Abandoned => left.1 += 1,
            status => {
                assert_ne!(status, Status::Running);
                left.0 += 1;
            }
        }
    }
    for row in events {
        left.entry(row.instance).or_default().2 += 1;
    }
    let health = reader.health().unwrap();
    assert_eq!(health.running, 0);
    for one in health.instances {
        let left = left.remove(&one.id).unwrap_or_default();
        let counts = &one.accounting;
        let told = (
            counts.activities.committed,
            counts.activities.abandoned,
            counts.events.committed,
        );
        assert_eq!(told, left, "{one:#?}");
        assert!(counts.adds_up(), "{one:#?}");
    }
    assert!(left.is_empty(), "of no instance: {left:?}");
    let open = Connection::open(path).unwrap();
    let open = open.query_row("SELECT count(*) FROM open", [], |row| row.get(0));
    assert_eq!(open, Ok(0));
}

fn activities(reader: &mut ActivityReader) -> Vec<ActivityRecord> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.page(&Filter::default(), cursor, 1_000).unwrap();
        rows.extend(page.records);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

fn events(reader: &mut ActivityReader) -> Vec<EventRecord> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.events(&Filter::default(), cursor, 1_000).unwrap();
        rows.extend(page.records);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

/// The content of a call, of many lengths, so that rows span pages.
fn content(number: u64) -> (String, Value) {
    let text = "so it goes ".repeat(number as usize * 7 % 40);
    let payload = json!({"number": number, "lines": vec![text.len(); number as usize % 60]});
    (text, payload)
}

fn checksum(text: &str, payload: &Value) -> u32 {
    let bytes = text.bytes().chain(payload.to_string().into_bytes());
    // FNV-1a.
    bytes.fold(0x811c_9dc5, |sum: u32, byte| {
        (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Runs in the killed process: records at full speed, and prints acknowledgements.
fn record_until_killed(mode: Mode, path: &Path) {
    let builder = ActivityLog::builder().mode(mode);
    let builder = match mode {
        // So little memory that calls wait for a reservation.
        Mode::Wait => builder.memory_limit(256 << 10),
        _ => builder,
    };
    let log = builder.open(path).unwrap();
    // The test harness may have left a line unfinished.
    acknowledge("\nready", &[]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let callers = (0..CALLERS).map(|caller| call_forever(log.clone(), mode, caller));
        // Ends by itself if it is not killed.
        let mut callers: tokio::task::JoinSet<()> = callers.collect();
        tokio::time::timeout(Duration::from_secs(60), callers.join_next())
            .await
            .unwrap_err();
    });
}

async fn call_forever(log: ActivityLog, mode: Mode, caller: u64) {
    let service = service_fn(async |number: u64| {
        let activity = Activity::current();
        let (text, payload) = content(number);
        activity.set("number", number);
        activity.set("sum", checksum(&text, &payload));
        activity.set_input(&payload, Capture::Full);
        activity.set_actor(format!("user {}", number % 7));
        if number.is_multiple_of(3) {
            tokio::task::yield_now().await;
        }
        let event = activity.event("step").count(number).summary(text.clone());
        let event = event.data(payload).record();
        activity.set("text", text);
        activity.set_output(&number, Capture::Full);
        Ok::<_, std::io::Error>((activity.id(), event))
    });
    let describe = |number: &u64| {
        let agent = format!("agent {}", number % 3);
        Describe::job("call").project("acme").agent(agent)
    };
    let layer = ActivityLayer::new(&log).describe(describe);
    let mut service = layer.layer(service);
    let mut number = caller;
    loop {
        let turn = log.start(Describe::turn("turn").agent(format!("agent {caller}")));
        let (mut ids, mut last) = (Vec::new(), None);
        for _ in 0..CALLS_A_FLUSH {
            let (id, event) = service.ready().await.unwrap().call(number).await.unwrap();
            if mode == Mode::Durable {
                acknowledge("ended", &texts(id.as_slice()));
            }
            ids.extend(id);
            last = Some(event);
            number += CALLERS;
        }
        if let Ok(Some(id)) = last.unwrap().committed().await {
            acknowledge("event", &[id.to_string()]);
        }
        if log.flush().await.is_ok() {
            acknowledge("ended", &texts(&ids));
            acknowledge("open", &texts(turn.id().as_slice()));
        }
        turn.end(Outcome::success());
    }
}

fn texts(ids: &[ActivityId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn acknowledge(what: &str, ids: &[String]) {
    let line = format!("{what} {}\n", ids.join(" "));
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}
