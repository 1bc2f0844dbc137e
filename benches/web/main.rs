//! Response times of the API over TCP: 50 requests per second, first alone and then while 5,000 calls per second are recorded
//! into the same file; the same with strangers that occupy what they can; and a tree of 33,000 activities, its first page and
//! all of them.
//!
//! `BENCH_ROWS` sets the number of activities before (default 200,000), `BENCH_SECONDS` the length of each part (10),
//! `BENCH_RATE` the calls per second. Fails unless every request is answered and every call is recorded.
#![allow(missing_docs)]

mod client;
mod strangers;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use benches::{Failure, fill, is_quick, print_ratio, quantile, setting};
use chrono::{DateTime, Utc};
use client::Client;
use rusqlite::Connection;
use serde_json::Value;
use tokio::{runtime::Runtime, time};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    record::{ActivityId, Filter},
    store::{Store, sqlite::SqliteStore},
    web::{Server, TokenSecret},
};

/// Requests per second: the dashboards of some dozens of people.
const QUESTIONS: usize = 50;
/// The interval of bursts of calls.
const TICK: Duration = Duration::from_millis(1);
/// The number of activities below the tree's root, and of its branches.
const TREE: (usize, usize) = (32_999, 100);

/// Requests with the right token over connections of their own, while strangers are at work.
const RIGHT: usize = 200;
/// The longest time that the owner's server runs.
const SERVING: Duration = Duration::from_secs(600);

/// The requests, which take turns, with their names.
const ASKED: [(&str, &str); 4] = [
    ("newest 50", "newest_page"),
    ("newest 50 of a project that failed", "filtered_page"),
    ("a month of everything by the hour", "month"),
    ("one activity, with its tree and events", "one"),
];

fn main() -> Result<(), Failure> {
    let (rows, seconds) = match is_quick() {
        true => (20_000, 2),
        false => (setting("BENCH_ROWS", 200_000), setting("BENCH_SECONDS", 10)),
    };
    let rate = setting("BENCH_RATE", 5_000);
    let folder = std::env::var_os("BENCH_DIR").unwrap_or_else(|| std::env::temp_dir().into());
    let folder = tempfile::tempdir_in(folder)?;
    let path = folder.path().join("web.db");
    ActivityLog::open(&path)?.shutdown().wait()?;
    let ids = fill(&path, rows, Utc::now())?;

    let runtime = Runtime::new()?;
    let log = ActivityLog::open(&path)?;
    let root = runtime.block_on(record_tree(&log))?;
    let server = runtime.block_on(Server::bind("127.0.0.1:0", log.router()))?;
    let address = server.address();
    let serving = runtime.spawn(server.run());

    let paths = questions(QUESTIONS * seconds, &ids);
    let alone = runtime.block_on(client::ask(address, None, paths.clone(), QUESTIONS))?;
    let stop = Arc::new(AtomicBool::new(false));
    let calls = thread::spawn({
        let (log, stop) = (log.clone(), stop.clone());
        move || call(&log, rate, &stop)
    });
    let start = Instant::now();
    let beside = runtime.block_on(client::ask(address, None, paths.clone(), QUESTIONS));
    stop.store(true, Relaxed);
    let calls = calls.join().map_err(|_| "the thread of calls panicked")?;
    let called_s = calls as f64 / start.elapsed().as_secs_f64();

    println!("{rows} activities before, {QUESTIONS} questions a second for {seconds} s each time");
    let mut ratios = print_answers("alone", "alone", &alone);
    let title = format!("while {called_s:.0} calls a second are recorded");
    ratios.extend(print_answers(&title, "beside_calls", &beside?));
    ratios.extend(runtime.block_on(read_tree(address, root))?);
    serving.abort();
    ratios.extend(beside_strangers(&runtime, &log, &path, paths)?);

    let counts = log.shutdown().wait()?;
    let recorded = calls + TREE.0 as u64 + 1;
    let kept = count(&path)?;
    if !counts.adds_up()
        || counts.activities.committed != recorded
        || kept != rows as u64 + recorded
    {
        return Err(format!("{recorded} calls on {rows} rows, {kept} kept, and {counts:?}").into());
    }
    println!("all of {calls} calls are on record\n");
    for (name, value) in ratios {
        print_ratio(&name, value);
    }
    Ok(())
}

/// Writes activities with sums and index, and returns some of their ids.
fn fill(path: &Path, rows: usize, end: DateTime<Utc>) -> Result<Vec<ActivityId>, Failure> {
    fill::fill(path, rows, end)?;
    let mut maintenance = SqliteStore::new(path)?.maintenance()?;
    let quarters = maintenance.rebuildable(0)?;
    for first in quarters.clone().step_by(4) {
        maintenance.rebuild(first..quarters.end.min(first + 4))?;
    }
    while maintenance.index()? > 0 {}
    let page = ActivityReader::open(path)?.page(&Filter::default(), None, 1_000)?;
    Ok(page.records.iter().map(|one| one.id).collect())
}

/// Records a tree, and returns the id of its root.
async fn record_tree(log: &ActivityLog) -> Result<ActivityId, Failure> {
    let (below, branches) = TREE;
    let root = log.start(Describe::job("import"));
    let id = root.id().ok_or("the root is not recorded")?;
    let mut recorded = 0;
    for branch in 0..branches {
        let turn = log.start(Describe::job(format!("part {branch}")).parent(&root));
        recorded += 1;
        let until = below * (branch + 1) / branches;
        while recorded < until {
            let step = log.start(Describe::tool("step").parent(&turn));
            step.end(Outcome::success());
            recorded += 1;
        }
        turn.end(Outcome::success());
        log.flush().await?;
    }
    root.end(Outcome::success());
    log.flush().await?;
    Ok(id)
}

/// Returns requests of each kind in turn, each for another project or activity.
fn questions(count: usize, ids: &[ActivityId]) -> Vec<String> {
    let question = |number: usize| match number % ASKED.len() {
        0 => "/api/activities".to_owned(),
        1 => {
            let project = number * 7 % fill::PROJECTS;
            format!("/api/activities?q=project:project-{project}%20status:failed")
        }
        2 => "/api/metrics/overall?window=month".to_owned(),
        _ => format!("/api/activities/{}", ids[number * 31 % ids.len()]),
    };
    (0..count).map(question).collect()
}

/// Records calls at a rate per second until `stop` is set. Returns their number.
fn call(log: &ActivityLog, rate: usize, stop: &AtomicBool) -> u64 {
    let start = Instant::now();
    let mut calls = 0;
    while !stop.load(Relaxed) {
        let due = (start.elapsed().as_secs_f64() * rate as f64) as u64;
        for _ in calls..due {
            let call = log.start(Describe::tool("search").project("project-1"));
            call.end(Outcome::success());
        }
        calls = due;
        thread::sleep(TICK);
    }
    calls
}

fn print_answers(title: &str, when: &str, took: &[Duration]) -> Vec<(String, f64)> {
    let mut ratios = Vec::new();
    println!(
        "\n  {title:<44} {:>9} {:>9} {:>9}",
        "p50 ms", "p99 ms", "max ms"
    );
    for (sort, (asked, name)) in ASKED.iter().enumerate() {
        let mut of_sort: Vec<_> = took
            .iter()
            .skip(sort)
            .step_by(ASKED.len())
            .copied()
            .collect();
        of_sort.sort_unstable();
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| ms(quantile(&of_sort, share)));
        println!("  {asked:<44} {p50:>9.2} {p99:>9.2} {max:>9.2}");
        ratios.push((format!("web_{name}_{when}_p50_ms"), p50));
        ratios.push((format!("web_{name}_{when}_p99_ms"), p99));
    }
    let mut all = took.to_vec();
    all.sort_unstable();
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| ms(quantile(&all, share)));
    println!("  {:<44} {p50:>9.2} {p99:>9.2} {max:>9.2}", "all of them");
    ratios
}

/// Reads a large tree: its first pages, all of them in turn, and all at once.
async fn read_tree(address: SocketAddr, root: ActivityId) -> Result<Vec<(String, f64)>, Failure> {
    let times = if is_quick() { 2 } else { 20 };
    let mut client = Client::connect(address, None).await?;
    let pages = format!("/api/activities/{root}/tree?limit=1000");
    let (mut first, mut every, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bytes, mut ratios) = (0, Vec::new());
    for _ in 0..times {
        let start = Instant::now();
        client.get(&format!("/api/activities/{root}/tree")).await?;
        first.push(start.elapsed());

        let (start, mut read, mut path) = (Instant::now(), 0, pages.clone());
        loop {
            let page: Value = serde_json::from_slice(&client.get(&path).await?)?;
            read += page["activities"].as_array().map_or(0, Vec::len);
            match page["next"].as_str() {
                Some(next) => path = format!("{pages}&cursor={next}"),
                None => break,
            }
        }
        every.push(start.elapsed());
        if read != TREE.0 + 1 {
            return Err(format!("{read} activities of the tree were read").into());
        }

        let start = Instant::now();
        bytes = client.get(&format!("/api/activities/{root}")).await?.len();
        whole.push(start.elapsed());
    }
    println!(
        "\n  {:<44} {:>9} {:>9}",
        format!("a tree of {}", TREE.0 + 1),
        "p50 ms",
        "max ms"
    );
    for (what, name, mut took) in [
        ("its first page of 50", "first_page", first),
        ("all of it, by pages of 1,000", "by_pages", every),
        ("all of it at once", "whole", whole),
    ] {
        took.sort_unstable();
        let [p50, max] = [0.5, 1.0].map(|share| ms(quantile(&took, share)));
        println!("  {what:<44} {p50:>9.2} {max:>9.2}");
        ratios.push((format!("web_tree_{name}_p50_ms"), p50));
    }
    println!("  at once it takes {:.1} MB of JSON", bytes as f64 / 1e6);
    Ok(ratios)
}

/// Sends the owner's requests to a server with a token, first alone and then while strangers occupy what they can.
fn beside_strangers(
    runtime: &Runtime,
    log: &ActivityLog,
    path: &Path,
    paths: Vec<String>,
) -> Result<Vec<(String, f64)>, Failure> {
    let store = SqliteStore::new(path)?;
    let owner = strangers::token(&store, "owner")?;
    let guest = strangers::token(&store, "guest")?;
    let own = TokenSecret::random()?;
    let router = log.router().token(own.reveal()).stored_tokens();
    let server = runtime.block_on(Server::bind("127.0.0.1:0", router))?;
    let address = server.address();
    // As `activity serve` does, on a thread of its own.
    let serving = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        // The timeout needs a runtime around it.
        let serve = async { time::timeout(SERVING, server.run()).await.ok() };
        runtime.map(|runtime| runtime.block_on(serve))
    });
    let alone = runtime.block_on(client::ask(address, Some(&owner), paths.clone(), QUESTIONS))?;
    let (beside, right, answered) = runtime.block_on(async {
        let strangers = strangers::Strangers::start(address, &guest);
        time::sleep(Duration::from_secs(1)).await;
        let beside = client::ask(address, Some(&owner), paths, QUESTIONS).await?;
        let mut right = 0;
        for _ in 0..RIGHT {
            let status = strangers::status(address, "/api/activities", &owner).await?;
            right += usize::from(status.is_success());
        }
        Ok::<_, Failure>((beside, right, strangers.answered()))
    })?;
    drop(serving);
    let mut ratios = print_answers("the owner, with a token, alone", "owner_alone", &alone);
    ratios.extend(print_answers(
        "the owner, beside strangers",
        "beside_strangers",
        &beside,
    ));
    println!(
        "  the right token was accepted {right} of {RIGHT} times, {answered} costly queries were answered"
    );
    match right {
        RIGHT => Ok(ratios),
        _ => Err("the right token was refused".into()),
    }
}

fn count(path: &Path) -> Result<u64, Failure> {
    let store = Connection::open(path)?;
    let count: i64 = store.query_row("SELECT count(*) FROM activity", (), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
