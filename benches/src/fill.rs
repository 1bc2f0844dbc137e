//! Fills a store with rows as a log writes them, without a log.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};
use tower_activity::record::ActivityId;

use crate::Failure;

/// The number of days that the rows are spread over.
pub const DAYS: i64 = 30;
/// The number of projects.
pub const PROJECTS: usize = 200;
/// The number of agents.
pub const AGENTS: usize = 2_000;
/// The number of rare words: each is in ten of a million messages.
pub const TICKETS: usize = 5_000;
/// The number of values of the attribute.
pub const ATTRIBUTES: usize = 5_000;
/// Stations, from one of which every fiftieth message goes to another.
pub const STATIONS: [&str; 4] = ["東京駅", "京都駅", "大阪駅", "新大阪"];
/// The number of sessions.
pub const SESSIONS: usize = 50_000;
/// The names of tools.
const NAMES: usize = 40;

const INSERT: &str = "INSERT INTO activity (id, parent, root, kind, name, status, started_at, duration_ns, instance, \
     project, agent, session, error_type, message, attributes) \
     VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, ?11, ?12, ?13)";

/// Writes `rows` activities, spread evenly over the days before `end`.
///
/// # Errors
///
/// If the store cannot be written.
pub fn fill(path: &Path, rows: usize, end: DateTime<Utc>) -> Result<(), Failure> {
    fill_span(path, rows, TimeDelta::days(DAYS), end)
}

/// Writes `rows` activities, spread evenly over the time before `end`.
///
/// # Errors
///
/// If the store cannot be written.
pub fn fill_span(
    path: &Path,
    rows: usize,
    span: TimeDelta,
    end: DateTime<Utc>,
) -> Result<(), Failure> {
    let mut store = Connection::open(path)?;
    store.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144")?;
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let names = texts(&store, "tool", NAMES)?;
    let projects = texts(&store, "project", PROJECTS)?;
    let agents = texts(&store, "agent", AGENTS)?;
    let kinds = ["tool", "turn"].map(|kind| text(&store, kind));
    let [tool, turn] = kinds;
    let (tool, turn) = (tool?, turn?);
    let span_us = span.num_microseconds().unwrap_or_default();
    let first_us = end.timestamp_micros() - span_us;
    let mut written = 0;
    while written < rows {
        let transaction = store.transaction()?;
        let mut insert = transaction.prepare_cached(INSERT)?;
        let mut parent: Option<[u8; 16]> = None;
        for row in written..rows.min(written + 100_000) {
            let at_us = first_us + (span_us as f64 * (row as f64 / rows as f64)) as i64;
            let id = id(at_us, numbers.next());
            // A turn with four calls in it.
            let is_turn = row % 5 == 0;
            let agent = (row / 5 * 31) % AGENTS;
            let failed = numbers.next().is_multiple_of(20);
            let ticket = numbers.next() as usize % TICKETS;
            let mut station = || STATIONS[numbers.next() as usize % STATIONS.len()];
            let message = match row % 50 {
                _ if failed => Some(format!(
                    "the request for ticket{ticket} was refused by the site"
                )),
                0 => Some(format!("{}から{}まで", station(), station())),
                _ => None,
            };
            insert.execute(params![
                id,
                parent.filter(|_| !is_turn),
                if is_turn { turn } else { tool },
                names[numbers.next() as usize % NAMES],
                if failed { 2 } else { 1 },
                at_us,
                1_000_000 + (numbers.next() % 900_000_000) as i64,
                projects[agent % PROJECTS],
                agents[agent],
                format!("s-{}", row / 5 % SESSIONS),
                failed.then_some("denied"),
                message,
                format!("{{\"rows\":{}}}", numbers.next() as usize % ATTRIBUTES),
            ])?;
            if is_turn {
                parent = Some(id);
            }
        }
        drop(insert);
        transaction.commit()?;
        written += 100_000;
    }
    store.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// Returns the id of an activity with this start.
fn id(at_us: i64, salt: u64) -> [u8; 16] {
    let at = DateTime::from_timestamp_micros(at_us).unwrap_or_default();
    let mut id = *ActivityId::lower_bound(at).as_bytes();
    id[9..].copy_from_slice(&salt.to_be_bytes()[1..]);
    id
}

fn texts(store: &Connection, what: &str, count: usize) -> Result<Vec<i64>, Failure> {
    (0..count)
        .map(|number| text(store, &format!("{what}-{number}")))
        .collect()
}

fn text(store: &Connection, value: &str) -> Result<i64, Failure> {
    store.execute("INSERT OR IGNORE INTO text (value) VALUES (?1)", [value])?;
    let find = "SELECT id FROM text WHERE value = ?1";
    Ok(store.query_row(find, [value], |row| row.get(0))?)
}

/// Pseudo-random numbers, the same in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
