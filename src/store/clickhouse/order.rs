//! The order of all logs: batches get their places one after another, from one intake at a time.

use super::{
    client::{Client, INTAKE_TIMEOUT, Statement},
    lease::{Lease, is_held},
    row_binary::RowReader,
};
use crate::error::Result;

/// The name of the lease of the intake that does this.
const NAME: u128 = 0;
/// The most batches at a time.
const MOST: u64 = 1_000;
/// The last place that was given. A batch that was accepted an hour before the last one has its place: statements end much sooner.
const LAST: &str =
    "SELECT max(ordinal), toUnixTimestamp64Micro(max(accepted_at)) - 3600000000 FROM place";
/// Batches without a place, accepted since then.
macro_rules! waiting {
    () => {
        "FROM batch WHERE accepted_at > fromUnixTimestamp64Micro({since:Int64}) AND number NOT IN \
           (SELECT number FROM place WHERE accepted_at > fromUnixTimestamp64Micro({since:Int64}))"
    };
}
const COUNT: &str = concat!("SELECT count() ", waiting!());
const ADD: &str = concat!(
    "INSERT INTO place (ordinal, number, first_activity, last_activity, first_event, last_event, min_activity, max_activity, min_event, \
       max_event, accepted_at) \
     SELECT {last:UInt64} + row_number() OVER (ORDER BY accepted_at, last_activity, last_event), number, first_activity, last_activity, \
       first_event, last_event, min_activity, max_activity, min_event, max_event, accepted_at ",
    waiting!(),
    " AND (SELECT max(ordinal) FROM place) = {last:UInt64} AND ",
    is_held!(),
    " ORDER BY accepted_at, last_activity, last_event LIMIT {most:UInt64}"
);

/// Returns the number of accepted batches without a place.
pub(super) fn waiting(client: &Client) -> Result<u64> {
    let count = Last::read(client)?.bind(COUNT).reading();
    RowReader::new(&client.query(&count, INTAKE_TIMEOUT)?).next()
}

/// Gives accepted batches their places. Returns how many; 0 if none is left or another intake does it.
pub(super) fn place(client: &Client, holder: u128) -> Result<u64> {
    if waiting(client)? == 0 {
        return Ok(0);
    }
    let lease = match Lease::take(client, NAME, holder) {
        Err(error) if error.is_busy() => return Ok(0),
        lease => lease?,
    };
    let placed = add(client, &lease);
    lease.release(client)?;
    placed
}

fn add(client: &Client, lease: &Lease) -> Result<u64> {
    // What another one has placed before this one had the lease is there.
    let last = Last::read(client)?;
    let add = last
        .bind(ADD)
        .with("last", &last.ordinal)
        .with("most", &MOST);
    let token = format!("place {}", last.ordinal);
    client.query(&lease.fenced(add).inserting(&token), INTAKE_TIMEOUT)?;
    Ok(Last::read(client)?.ordinal.saturating_sub(last.ordinal))
}

struct Last {
    ordinal: u64,
    since: i64,
}

impl Last {
    fn read(client: &Client) -> Result<Self> {
        let answer = client.query(&Statement::new(LAST), INTAKE_TIMEOUT)?;
        let mut row = RowReader::new(&answer);
        Ok(Last {
            ordinal: row.next()?,
            since: row.next()?,
        })
    }

    fn bind(&self, sql: &str) -> Statement {
        Statement::new(sql).with("since", &self.since)
    }
}
