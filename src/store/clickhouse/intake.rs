//! The side that accepts batches.
//!
//! There are no transactions: the rows of a batch are inserted first, and the row of its log last. Until that is there the batch is not
//! accepted, and is sent again, with the same tokens: what is there is not inserted again.

use std::{
    collections::HashMap,
    thread,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    client::{Client, INTAKE_TIMEOUT, Statement},
    lease::{Lease, is_held},
    migrate::{self, Marks},
    order,
    row_binary::{RowReader, RowWriter},
    rows::{self, number},
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::{EventRecord, fnv1a},
    store::{
        Accepted, ForwardBatch, ForwardedLog, InstanceHealth, Intake, LogState, Places, sealed,
    },
};

/// How often a log is heard of that has nothing new to say: rows of tables are dearer here than elsewhere.
const BEAT: Duration = Duration::from_secs(5);
/// How long an intake that ends waits for another one that gives batches their places, longer than a lease, and the time between two
/// looks.
const MOST_WAIT: Duration = Duration::from_secs(12);
const LOOK: Duration = Duration::from_millis(200);
const LOG: &str = "SELECT activity, event, chunk, batch, version FROM log WHERE id = {id:UInt128}";
const PUT_LOG: &str = concat!(
    "INSERT INTO log (id, host, activity, event, chunk, batch, waiting, version) SELECT {id:UInt128}, {host:String}, {activity:Int64}, \
       {event:Int64}, {chunk:Int64}, if({has_batch:UInt8}, {batch:UInt128}, NULL), {waiting:UInt64}, {version:UInt64} WHERE ",
    is_held!()
);
const PUT_BATCH: &str = "INSERT INTO batch (number, log, first_activity, last_activity, first_event, last_event, min_activity, \
     max_activity, min_event, max_event) FORMAT RowBinary";
const PUT_OPEN: &str = "INSERT INTO open (log, ids, activities) FORMAT RowBinary";
const DEDUP: &str = "SELECT key, event FROM dedup WHERE key IN {keys:Array(String)}";
const ADD_DEDUP: &str = "INSERT INTO dedup (key, event) FORMAT RowBinary";
/// Keys that are looked up at a time: they are part of an address.
const KEYS: usize = 100;

/// Accepts the batches of one log.
#[derive(Debug)]
pub(super) struct ClickHouseIntake {
    client: Client,
    marks: Marks,
    /// Its claim to give batches their places: of the intakes of one forwarder each has its own.
    placing: u128,
    log: Option<Held>,
}

/// A log whose lease it has, and what was accepted of it.
#[derive(Debug)]
struct Held {
    id: u128,
    host: String,
    lease: Lease,
    accepted: Accepted,
    /// The number of its last row.
    version: u64,
    waiting: u64,
    /// When the store last heard of it.
    heard_at: Option<Instant>,
}

impl sealed::WriteSide for ClickHouseIntake {}

impl ClickHouseIntake {
    pub(super) fn open(client: Client) -> Result<Self> {
        Ok(ClickHouseIntake {
            marks: migrate::migrate(&client)?,
            client,
            placing: fastrand::u128(1..),
            log: None,
        })
    }
}

impl Intake for ClickHouseIntake {
    fn connect(&mut self, log: &ForwardedLog) -> Result<Accepted> {
        let id = log.id.as_u128();
        let lease = Lease::take(&self.client, id, log.holder.as_u128())?;
        let (accepted, version) = accepted(&self.client, id)?.unwrap_or_default();
        let mut held = Held {
            id,
            host: log.host.clone(),
            lease,
            accepted,
            version,
            waiting: 0,
            heard_at: None,
        };
        held.put(&self.client)?;
        self.log = Some(held);
        Ok(accepted)
    }

    fn store(&mut self) -> Result<Option<i64>> {
        Ok(Some(self.marks.store))
    }

    fn accept(&mut self, batch: &ForwardBatch) -> Result<()> {
        let held = self.log.as_mut().ok_or_else(not_connected)?;
        held.lease.renew(&self.client)?;
        if held.follows(batch)? {
            let tokens = Tokens::new(held.id, batch);
            add(&self.client, held.id, batch, &tokens)?;
            let before = held.accepted;
            held.accepted = Accepted {
                places: batch.up_to,
                batch: Some(batch.id),
            };
            if let Err(error) = held.put(&self.client) {
                held.accepted = before;
                return Err(error);
            }
        }
        Ok(())
    }

    fn update(&mut self, state: &LogState) -> Result<()> {
        let held = self.log.as_mut().ok_or_else(not_connected)?;
        held.lease.renew(&self.client)?;
        let token = |what: &str| format!("{what} {:032x}", fastrand::u128(..));
        if let Some(open) = &state.open {
            let mut row = RowWriter::default();
            let ids = open.iter().map(|one| number(one.id.as_bytes()));
            let ids: Vec<u128> = ids.collect();
            let open: Vec<String> = open.iter().map(rows::json).collect();
            row.add(held.id)
                .add(ids)
                .add(open.iter().map(String::as_str).collect::<Vec<_>>());
            insert(&self.client, PUT_OPEN, &token("open"), &row)?;
        }
        let recordings = rows::recordings(&state.recordings, held.id);
        insert(
            &self.client,
            rows::ADD_RECORDINGS,
            &token("recordings"),
            &recordings,
        )?;
        let links = rows::links(&state.recordings);
        insert(&self.client, rows::ADD_LINKS, &token("links"), &links)?;
        add_instances(&self.client, held.id, &state.instances)?;
        let is_due = held.heard_at.is_none_or(|at| at.elapsed() >= BEAT);
        if is_due || state.waiting != held.waiting {
            held.waiting = state.waiting;
            held.put(&self.client)?;
        }
        Ok(())
    }

    fn fold(&mut self) -> Result<u64> {
        order::place(&self.client, self.placing)
    }

    fn fold_accepted(&mut self) -> Result<()> {
        let mut placed_at = Instant::now();
        while placed_at.elapsed() < MOST_WAIT {
            if self.fold()? > 0 {
                placed_at = Instant::now();
            } else if order::waiting(&self.client)? == 0 {
                break;
            } else {
                thread::sleep(LOOK);
            }
        }
        Ok(())
    }

    fn disconnect(&mut self) -> Result<()> {
        match self.log.take() {
            Some(held) => held.lease.release(&self.client),
            None => Ok(()),
        }
    }
}

fn not_connected() -> Error {
    Error::invalid("no log is connected to this intake")
}

impl Held {
    /// Returns false if a batch was accepted before.
    ///
    /// # Errors
    ///
    /// `is_busy` if the batch before it is not the last one that was accepted, `is_invalid` if its places do not follow.
    fn follows(&self, batch: &ForwardBatch) -> Result<bool> {
        let Accepted {
            places,
            batch: last,
        } = self.accepted;
        if last != batch.previous && last != Some(batch.id) {
            return Err(lease_lost());
        }
        if (last, places) == (Some(batch.id), batch.up_to) {
            return Ok(false);
        }
        let all = |places: Places| [places.activity, places.event, places.chunk];
        let (held, after, up_to) = (all(places), all(batch.after), all(batch.up_to));
        let is_next = held.iter().zip(&after).all(|(held, after)| held <= after)
            && after
                .iter()
                .zip(&up_to)
                .all(|(after, up_to)| after <= up_to);
        match is_next {
            true => Ok(true),
            false => Err(Error::invalid(format!(
                "a batch from {after:?} to {up_to:?} does not follow the places {held:?} of its log"
            ))),
        }
    }

    /// Writes what was accepted, unless the lease was lost.
    fn put(&mut self, client: &Client) -> Result<()> {
        let Accepted { places, batch } = self.accepted;
        let version = self.version + 1;
        let put = Statement::new(PUT_LOG)
            .with("id", &self.id)
            .with("host", &self.host)
            .with("activity", &places.activity)
            .with("event", &places.event)
            .with("chunk", &places.chunk)
            .with("has_batch", &u8::from(batch.is_some()))
            .with("batch", &batch.map_or(0, |id| id.as_u128()))
            .with("waiting", &self.waiting)
            .with("version", &version);
        let token = format!("log {:032x}", fastrand::u128(..));
        client.query(&self.lease.fenced(put).inserting(&token), INTAKE_TIMEOUT)?;
        // It says nothing of rows that it has not inserted.
        if accepted(client, self.id)? != Some((self.accepted, version)) {
            return Err(lease_lost());
        }
        self.version = version;
        self.heard_at = Some(Instant::now());
        Ok(())
    }
}

fn lease_lost() -> Error {
    Error::new(
        ErrorKind::Busy,
        "another forwarder has taken over the log, or the store was put back to an older state",
    )
}

/// Reads what was accepted of a log, and the number of its row; `None` if it is not known.
fn accepted(client: &Client, log: u128) -> Result<Option<(Accepted, u64)>> {
    let statement = Statement::new(LOG).with("id", &log).reading();
    let answer = client.query(&statement, INTAKE_TIMEOUT)?;
    let mut row = RowReader::new(&answer);
    if row.is_at_end() {
        return Ok(None);
    }
    let places = Places::new(row.next()?, row.next()?, row.next()?);
    let batch: Option<u128> = row.next()?;
    let batch = batch.map(Uuid::from_u128);
    Ok(Some((Accepted { places, batch }, row.next()?)))
}

/// What identifies the rows of a batch to the engine: the log, the places, and the ids.
struct Tokens {
    number: u64,
    prefix: String,
}

impl Tokens {
    fn new(log: u128, batch: &ForwardBatch) -> Self {
        let places = [batch.after, batch.up_to];
        let places = places.map(|one| [one.activity, one.event, one.chunk]);
        let places: Vec<u8> = (places.as_flattened().iter())
            .flat_map(|one| one.to_be_bytes())
            .collect();
        let bounds = (log.to_be_bytes().into_iter())
            .chain(places)
            .chain(batch.id.into_bytes());
        let ids = (batch.activities.iter().map(|one| *one.id.as_bytes()))
            .chain(batch.events.iter().map(|one| *one.id.as_bytes()))
            .chain(batch.chunks.iter().map(|(id, _)| *id.as_bytes()));
        let number = fnv1a(bounds);
        Tokens {
            number,
            prefix: format!("{log:032x} {number:016x} {:016x}", fnv1a(ids.flatten())),
        }
    }

    fn of(&self, table: &str) -> String {
        format!("{} {table}", self.prefix)
    }
}

/// Inserts the rows of a batch, and then its own.
fn add(client: &Client, log: u128, batch: &ForwardBatch, tokens: &Tokens) -> Result<()> {
    add_instances(client, log, &batch.instances)?;
    let number_of_batch = tokens.number;
    let activities = rows::activities(&batch.activities, number_of_batch);
    insert(
        client,
        rows::ADD_ACTIVITIES,
        &tokens.of("activity"),
        &activities,
    )?;
    let events = first_events(client, &batch.events)?;
    let bounds = |ids: &mut dyn Iterator<Item = u128>| {
        let all: Vec<u128> = ids.collect();
        (all.iter().min().copied(), all.iter().max().copied())
    };
    let of_activities = bounds(&mut batch.activities.iter().map(|one| number(one.id.as_bytes())));
    let of_events = bounds(&mut events.iter().map(|one| number(one.id.as_bytes())));
    let events = rows::events(events.into_iter(), number_of_batch);
    insert(client, rows::ADD_EVENTS, &tokens.of("event"), &events)?;
    let recordings = rows::recordings(&batch.recordings, log);
    insert(
        client,
        rows::ADD_RECORDINGS,
        &tokens.of("recording"),
        &recordings,
    )?;
    let links = rows::links(&batch.recordings);
    insert(client, rows::ADD_LINKS, &tokens.of("link"), &links)?;
    let chunks = rows::chunks(&batch.chunks);
    insert(client, rows::ADD_CHUNKS, &tokens.of("chunk"), &chunks)?;
    let mut row = RowWriter::default();
    row.add(number_of_batch)
        .add(log)
        .add(batch.after.activity)
        .add(batch.up_to.activity)
        .add(batch.after.event)
        .add(batch.up_to.event)
        .add(of_activities.0)
        .add(of_activities.1)
        .add(of_events.0)
        .add(of_events.1);
    insert(client, PUT_BATCH, &tokens.of("batch"), &row)
}

fn add_instances(client: &Client, log: u128, instances: &[InstanceHealth]) -> Result<()> {
    let rows = rows::instances(instances, log);
    let token = format!("instance {:032x}", fastrand::u128(..));
    insert(client, rows::ADD_INSTANCES, &token, &rows)
}

fn insert(client: &Client, sql: &str, token: &str, rows: &RowWriter) -> Result<()> {
    match rows.is_empty() {
        true => Ok(()),
        false => client.insert(&Statement::new(sql).inserting(token), rows),
    }
}

/// Returns the events that are the first with their deduplication keys.
fn first_events<'a>(client: &Client, events: &'a [EventRecord]) -> Result<Vec<&'a EventRecord>> {
    let keys: Vec<Option<String>> = events.iter().map(rows::dedup_key).collect();
    let named: Vec<String> = keys.iter().flatten().cloned().collect();
    if named.is_empty() {
        return Ok(events.iter().collect());
    }
    let known = owners(client, &named)?;
    let mut new = RowWriter::default();
    let mut added = HashMap::new();
    for (key, one) in keys.iter().zip(events) {
        let Some(key) = key.as_ref().filter(|key| !known.contains_key(*key)) else {
            continue;
        };
        let id = number(one.id.as_bytes());
        if added.insert(key, id).is_none() {
            new.add(key.as_str()).add(id);
        }
    }
    let token = format!("dedup {:032x}", fastrand::u128(..));
    insert(client, ADD_DEDUP, &token, &new)?;
    // Another intake may have been first.
    let owners = owners(client, &named)?;
    let kept = keys.iter().zip(events).filter(|(key, one)| {
        let owner = key.as_ref().and_then(|key| owners.get(key));
        owner.is_none_or(|owner| *owner == number(one.id.as_bytes()))
    });
    Ok(kept.map(|(_, one)| one).collect())
}

/// Returns the events that have these keys.
fn owners(client: &Client, keys: &[String]) -> Result<HashMap<String, u128>> {
    let mut owners = HashMap::new();
    for keys in keys.chunks(KEYS) {
        let statement = Statement::new(DEDUP).with("keys", keys).reading();
        let answer = client.query(&statement, INTAKE_TIMEOUT)?;
        let mut rows = RowReader::new(&answer);
        while !rows.is_at_end() {
            owners.insert(rows.next()?, rows.next()?);
        }
    }
    Ok(owners)
}
