//! Rows per second of the intake, compared with a loop that inserts the same rows and nothing else.

use std::time::{Duration, Instant};

use benches::{
    Failure, Spread,
    central::{BATCH, Log, Rows, clickhouse::Server},
    print_ratio,
};
use chrono::{TimeDelta, Utc};
use tower_activity::store::clickhouse::ClickHouseStore;

/// The number of batches.
const BATCHES: usize = 100;

/// Compares both, in turn, each time in a new database.
pub(crate) fn measure(server: &Server, rounds: usize) -> Result<(), Failure> {
    let all = Rows {
        rows: BATCHES * BATCH,
        logs: 1,
        span: TimeDelta::hours(1),
        end: Utc::now(),
    };
    let rate = |took: Duration| all.rows as f64 / took.as_secs_f64();
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let database = format!("rate_{round}");
        let store = ClickHouseStore::new(&crate::url(server, &database))?;
        let mut log = Log::connect(&store, 0)?;
        let mut took = Duration::ZERO;
        for first in (0..all.rows).step_by(BATCH) {
            let batch = log.cut(all.batch(0, first..first + BATCH));
            let start = Instant::now();
            log.intake.accept(&batch)?;
            took += start.elapsed();
        }
        log.intake.disconnect()?;
        ours.push(rate(took));
        raw.push(rate(insert(server, &database)?));
    }
    let [ours, raw] = [ours, raw].map(Spread::new);
    println!("{:<40} rows/s (quartiles)", "");
    println!("{:<40} {ours}", "intake");
    println!("{:<40} {raw}", "the same rows as RowBinary");
    print_ratio("clickhouse_accept_vs_raw", ours.median / raw.median);
    Ok(())
}

/// Inserts the rows of a database into a second table like the first. Returns how long that took.
fn insert(server: &Server, database: &str) -> Result<Duration, Failure> {
    let agent = ureq::agent();
    let send =
        |statement: &str, rows: &[u8]| send(&agent, server.port(), database, statement, rows);
    let batches = "SELECT batch FROM activity GROUP BY batch ORDER BY min(seq) FORMAT TabSeparated";
    let batches = String::from_utf8(send(batches, &[])?)?;
    let rows = |batch: &str| {
        let select = format!("SELECT * FROM activity WHERE batch = {batch} FORMAT RowBinary");
        send(&select, &[])
    };
    let batches: Result<Vec<Vec<u8>>, Failure> = batches.lines().map(rows).collect();
    send("CREATE TABLE raw AS activity", &[])?;
    let start = Instant::now();
    for rows in &batches? {
        send("INSERT INTO raw FORMAT RowBinary", rows)?;
    }
    Ok(start.elapsed())
}

/// Runs a statement, and returns its answer.
fn send(
    agent: &ureq::Agent,
    port: u16,
    database: &str,
    statement: &str,
    rows: &[u8],
) -> Result<Vec<u8>, Failure> {
    let request = agent
        .post(format!("http://127.0.0.1:{port}/"))
        .query("database", database)
        .query("query", statement)
        .query("async_insert", "0");
    let mut answer = request.send(rows)?;
    let body = answer.body_mut().with_config().limit(u64::MAX);
    Ok(body.read_to_vec()?)
}
