//! The side that accepts batches.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Instant,
};

use chrono::{DateTime, Utc};
use tokio_postgres::{Transaction, error::SqlState, types::Type};
use uuid::Uuid;

use super::{
    columns::{Columns, text, uuid},
    connection::{Connection, Failed, Parameter, all, query},
    dictionary::Dictionary,
    explain::Cause,
    fold,
    maintenance::retention,
    marks::Marks,
    migrate,
    partition::Days,
    rows::{self, Instances, References},
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::{InstanceId, fnv1a},
    store::{
        Accepted, ForwardBatch, ForwardedLog, InstanceHealth, Intake, LogState, Places, sealed,
    },
};

const BEGIN: &str = "SET LOCAL lock_timeout = '10s'";
/// The longest name of a host; a longer one is cut.
const MAX_HOST_BYTES: usize = 255;
/// The number of rows in a statement.
const PART: usize = 500;
/// Ends what an earlier session of the same forwarder has left: if a part of a request was lost on the way, no other limit ends its
/// transaction and the locks that it holds.
const END_LEFT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE application_name = 'tower-activity ' || $1::uuid AND datname = current_database() AND usename = current_user \
       AND pid <> pg_backend_pid() AND state <> 'idle'";
const LEASE_LOG: &str = "SELECT * FROM tower_activity.lease_log($1, $2, $3)";
/// These two return the marks that are obeyed.
const RENEW: &str = "SELECT * FROM tower_activity.renew_log($1, $2, $3, $4, $5)";
const ACCEPT: &str = "SELECT * FROM tower_activity.accept_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const RELEASE: &str = "SELECT tower_activity.release_log($1, $2)";
const INSTANCES: &str =
    "SELECT uuid, number FROM tower_activity.instance WHERE uuid = ANY($1::uuid[])";
/// Instances that a record names and the log does not know, as one of other programs may.
const ADD_UNKNOWN: &str = "INSERT INTO tower_activity.instance (uuid, log, host, pid, started_at, alive) \
     SELECT id, $2, '', 0, 0, false FROM unnest($1::uuid[]) AS new (id) ON CONFLICT DO NOTHING";

/// What is the same at all addresses of a database, and of its standbys. A dump that is restored has the first number, too.
const STORE: &str = "SELECT m.value, c.system_identifier, d.oid::bigint FROM tower_activity.mark AS m, pg_control_system() AS c, \
       pg_database AS d WHERE m.name = 'store' AND d.datname = current_database()";

/// Accepts the batches of one log.
#[derive(Debug)]
pub(super) struct PostgresIntake {
    connection: Connection,
    /// The log whose lease it has: its number and its holder.
    log: Option<(i32, Uuid)>,
    days: Days,
    texts: Dictionary,
    retention: retention::Schedule,
    /// The number of the last batch that it has accepted.
    accepted: Option<i64>,
}

/// What becomes of a row that the server refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// Nothing is inserted.
    Fails,
    /// The others are inserted, and it is counted.
    IsLeftOut,
}

impl sealed::WriteSide for PostgresIntake {}

impl PostgresIntake {
    pub(super) fn open(mut connection: Connection) -> Result<Self> {
        migrate::create_or_migrate(&mut connection)?;
        let mut days = Days::default();
        days.make_ahead(&mut connection)?;
        Ok(PostgresIntake {
            connection,
            log: None,
            days,
            texts: Dictionary::default(),
            retention: retention::Schedule::default(),
            accepted: None,
        })
    }

    fn leased(&self) -> Result<(i32, Uuid)> {
        self.log
            .ok_or_else(|| Error::invalid("no log is connected to this intake"))
    }

    fn fold_up_to(&mut self, batch: i64) -> Result<u64> {
        self.days.make_ahead(&mut self.connection)?;
        let count = fold::fold(&mut self.connection, batch)?;
        self.retention.apply(&mut self.connection);
        Ok(count)
    }

    fn try_accept(
        &mut self,
        log: (i32, Uuid),
        batch: &ForwardBatch,
        refused: Refused,
    ) -> Result<()> {
        self.days.ensure(&mut self.connection, batch)?;
        let texts = &mut self.texts;
        let accepted = self.connection.transaction(BEGIN, async |transaction| {
            accept(transaction, log, batch, texts, refused).await
        });
        if accepted.is_err() {
            // What was added has been rolled back, or a partition is gone.
            self.texts = Dictionary::default();
            self.days.forget();
        }
        let accepted = accepted?;
        self.accepted = accepted.or(self.accepted);
        Ok(())
    }
}

impl Intake for PostgresIntake {
    fn set_holder(&mut self, holder: Uuid) {
        self.connection.set_name(holder);
    }

    fn connect(&mut self, log: &ForwardedLog) -> Result<Accepted> {
        self.set_holder(log.holder);
        let (number, accepted) = self.connection.transaction(BEGIN, async |transaction| {
            query(transaction, END_LEFT, &[(&log.holder, Type::UUID)]).await?;
            let lease: [Parameter<'_>; 3] = [
                (&log.id, Type::UUID),
                (&log.holder, Type::UUID),
                (&log.host, Type::TEXT),
            ];
            let leased = query(transaction, LEASE_LOG, &lease).await?;
            let row = leased.first().ok_or_else(|| {
                Error::new(
                    ErrorKind::Busy,
                    format!("another forwarder holds the log {}", log.id),
                )
            })?;
            let accepted = Accepted {
                places: Places::new(row.get(1), row.get(2), row.get(3)),
                batch: row.get(4),
            };
            Ok((row.get::<_, i32>(0), accepted))
        })?;
        self.log = Some((number, log.holder));
        Ok(accepted)
    }

    fn store(&mut self) -> Result<Option<i64>> {
        self.connection.transaction(BEGIN, async |transaction| {
            let found = match query(transaction, STORE, &[]).await {
                // Some hosted databases do not let everyone ask.
                Err(cause) if cause.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                    return Ok(None);
                }
                found => found?,
            };
            let numbers = found
                .first()
                .map(|row| [0, 1, 2].map(|at| row.get::<_, i64>(at)));
            let bytes = |numbers: [i64; 3]| numbers.into_iter().flat_map(i64::to_be_bytes);
            Ok(numbers.map(|numbers| fnv1a(bytes(numbers)).cast_signed()))
        })
    }

    fn accept(&mut self, batch: &ForwardBatch) -> Result<()> {
        let log = self.leased()?;
        match self.try_accept(log, batch, Refused::Fails) {
            Err(error) if is_refusal(&error) => self.try_accept(log, batch, Refused::IsLeftOut),
            accepted => accepted,
        }
    }

    fn update(&mut self, state: &LogState) -> Result<()> {
        let log = self.leased()?;
        for refused in [Refused::Fails, Refused::IsLeftOut] {
            let texts = &mut self.texts;
            let updated = self.connection.transaction(BEGIN, async |transaction| {
                update(transaction, log, state, texts, refused).await
            });
            match updated {
                Ok(()) => return Ok(()),
                Err(error) => {
                    self.texts = Dictionary::default();
                    if refused == Refused::IsLeftOut || !is_refusal(&error) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    fn fold(&mut self) -> Result<u64> {
        self.fold_up_to(i64::MAX)
    }

    fn fold_accepted(&mut self) -> Result<()> {
        let Some((mut first, last)) = fold::unfolded(&mut self.connection)? else {
            return Ok(());
        };
        let up_to = self.accepted.unwrap_or(last);
        let mut counted_at = Instant::now();
        while first <= up_to && counted_at.elapsed() < fold::MOST_WAIT {
            match self.fold_up_to(up_to)? {
                0 => thread::sleep(fold::LOOK),
                _ => counted_at = Instant::now(),
            }
            let Some((next, _)) = fold::unfolded(&mut self.connection)? else {
                break;
            };
            first = next;
        }
        Ok(())
    }

    fn disconnect(&mut self) -> Result<()> {
        let Some((number, holder)) = self.log.take() else {
            return Ok(());
        };
        self.connection.transaction(BEGIN, async |transaction| {
            let log: [Parameter<'_>; 2] = [(&number, Type::INT4), (&holder, Type::UUID)];
            query(transaction, RELEASE, &log).await?;
            Ok(())
        })
    }
}

/// Inserts a batch, and returns its number; `None` if it was accepted before.
async fn accept(
    transaction: &Transaction<'_>,
    (log, holder): (i32, Uuid),
    batch: &ForwardBatch,
    texts: &mut Dictionary,
    refused: Refused,
) -> Result<Option<i64>, Failed> {
    let activities = batch.activities.iter().map(|one| uuid(one.id.as_bytes()));
    let events = batch.events.iter().map(|one| uuid(one.id.as_bytes()));
    let bounds: [Parameter<'_>; 14] = [
        (&log, Type::INT4),
        (&holder, Type::UUID),
        (&batch.after.activity, Type::INT8),
        (&batch.up_to.activity, Type::INT8),
        (&batch.after.event, Type::INT8),
        (&batch.up_to.event, Type::INT8),
        (&batch.after.chunk, Type::INT8),
        (&batch.up_to.chunk, Type::INT8),
        (&activities.clone().min(), Type::UUID),
        (&activities.max(), Type::UUID),
        (&events.clone().min(), Type::UUID),
        (&events.max(), Type::UUID),
        (&batch.id, Type::UUID),
        (&batch.previous, Type::UUID),
    ];
    // Locks the log, so that its batches are accepted one after another.
    let added = query(transaction, ACCEPT, &bounds).await?;
    let mut marks = Marks::read(&added)?;
    let Some(number) = added[0].get::<_, Option<i64>>("batch") else {
        // It was accepted before.
        return Ok(None);
    };
    texts.validate(marks.erased);
    marks
        .look_up(
            transaction,
            &batch.activities,
            &batch.events,
            &batch.recordings,
        )
        .await?;
    let activities = marks.activities(&batch.activities);
    let events = marks.events(&batch.events);
    activities.iter().for_each(|one| texts.add_activity(one));
    events.iter().for_each(|one| texts.add_event(one));
    let recordings = batch.recordings.iter();
    recordings.for_each(|one| texts.add(&one.format));
    texts.resolve(transaction).await?;
    let named = (batch.activities.iter().map(|one| one.instance))
        .chain(batch.events.iter().map(|one| one.instance))
        .chain(batch.recordings.iter().map(|one| one.instance));
    let instances = instances(transaction, log, &batch.instances, named.collect()).await?;
    let to = References {
        log,
        batch: number,
        texts,
        instances: &instances,
    };
    let outdated = batch.activities.len() - activities.len() + batch.events.len() - events.len();
    let mut activities: Vec<_> = activities.iter().map(|one| &**one).collect();
    // Two clones insert the same rows at once: in order, they do not wait for each other.
    activities.sort_unstable_by_key(|one| one.id);
    let mut events: Vec<_> = events.iter().map(|one| &**one).collect();
    // Two logs with the same deduplication keys, too. Of one batch the first is kept.
    events.sort_by(|one, other| rows::key_of(one).cmp(&rows::key_of(other)));
    let recordings = marks.recordings(&batch.recordings);
    let chunks = batch.chunks.iter();
    let chunks: Vec<_> = chunks
        .filter(|(recording, _)| !marks.has_erased_recording(*recording))
        .collect();
    let lost = each(transaction, refused, &activities, async |rows| {
        rows::add_activities(transaction, rows, to).await
    })
    .await?
        + each(transaction, refused, &events, async |rows| {
            rows::add_events(transaction, rows, to).await
        })
        .await?
        + each(transaction, refused, &recordings, async |rows| {
            rows::put_recordings(transaction, rows, to).await
        })
        .await?
        + each(transaction, refused, &chunks, async |rows| {
            rows::add_chunks(transaction, rows).await
        })
        .await?;
    marks.erase_late(transaction, (log, holder)).await?;
    if lost > 0 || outdated > 0 {
        let unchanged = None::<i64>;
        let counts: [Parameter<'_>; 5] = [
            (&log, Type::INT4),
            (&holder, Type::UUID),
            (&unchanged, Type::INT8),
            (&lost, Type::INT8),
            (&(outdated as i64), Type::INT8),
        ];
        query(transaction, RENEW, &counts).await?;
    }
    Ok(Some(number))
}

async fn update(
    transaction: &Transaction<'_>,
    (log, holder): (i32, Uuid),
    state: &LogState,
    texts: &mut Dictionary,
    refused: Refused,
) -> Result<(), Failed> {
    let waiting = i64::try_from(state.waiting).unwrap_or(i64::MAX);
    let renew: [Parameter<'_>; 5] = [
        (&log, Type::INT4),
        (&holder, Type::UUID),
        (&waiting, Type::INT8),
        (&0_i64, Type::INT8),
        (&0_i64, Type::INT8),
    ];
    let mut marks = Marks::read(&query(transaction, RENEW, &renew).await?)?;
    texts.validate(marks.erased);
    let open = state.open.as_deref().unwrap_or_default();
    marks
        .look_up(transaction, open, &[], &state.recordings)
        .await?;
    let open = marks.activities(open);
    open.iter().for_each(|one| texts.add_activity(one));
    let recordings = state.recordings.iter();
    recordings.for_each(|one| texts.add(&one.format));
    texts.resolve(transaction).await?;
    let named = open.iter().map(|one| one.instance);
    let named = named.chain(state.recordings.iter().map(|one| one.instance));
    let instances = instances(transaction, log, &state.instances, named.collect()).await?;
    let to = References {
        log,
        batch: 0,
        texts,
        instances: &instances,
    };
    if state.open.is_some() {
        let open: Vec<_> = open.iter().map(|one| &**one).collect();
        rows::keep_open(transaction, log, &open).await?;
        each(transaction, refused, &open, async |rows| {
            rows::put_open(transaction, rows, to).await
        })
        .await?;
    }
    let recordings = marks.recordings(&state.recordings);
    each(transaction, refused, &recordings, async |rows| {
        rows::put_recordings(transaction, rows, to).await
    })
    .await?;
    marks.erase_late(transaction, (log, holder)).await
}

/// Inserts rows. Returns how many the server has refused, which are found by halving.
async fn each<T>(
    transaction: &Transaction<'_>,
    refused: Refused,
    rows: &[T],
    insert: impl AsyncFn(&[T]) -> Result<(), Failed>,
) -> Result<i64, Failed> {
    if rows.is_empty() {
        return Ok(0);
    }
    if refused == Refused::Fails {
        // The server inserts some while the next ones are prepared.
        let parts = rows.chunks(PART).map(|part| Box::pin(insert(part)));
        return all(parts.collect()).await.map(|_| 0);
    }
    let (mut left, mut count) = (vec![rows], 0);
    while let Some(rows) = left.pop() {
        transaction.batch_execute("SAVEPOINT rows").await?;
        match insert(rows).await {
            Ok(()) => transaction.batch_execute("RELEASE rows").await?,
            Err(Failed::Database(cause)) if refuses_data(&cause) => {
                transaction.batch_execute("ROLLBACK TO rows").await?;
                match rows.split_at(rows.len() / 2) {
                    ([], _) => count += 1,
                    (first, second) => left.extend([second, first]),
                }
            }
            Err(failed) => return Err(failed),
        }
    }
    Ok(count)
}

/// True if the server refuses a value: the same will be refused again.
fn refuses_data(cause: &tokio_postgres::Error) -> bool {
    // Data exceptions, cardinality and integrity violations, exceeded limits of the program.
    let classes = ["21", "22", "23", "54"];
    (cause.code()).is_some_and(|code| classes.contains(&&code.code()[..2]))
}

fn is_refusal(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|Cause(cause)| refuses_data(cause))
}

/// Inserts or updates instances, and returns their numbers, and those of others that records name.
async fn instances(
    transaction: &Transaction<'_>,
    log: i32,
    instances: &[InstanceHealth],
    mut named: BTreeSet<InstanceId>,
) -> Result<Instances, Failed> {
    if !instances.is_empty() {
        // In order, so that two intakes do not wait for each other.
        let last: BTreeMap<_, _> = instances.iter().map(|one| (one.id, one)).collect();
        let each = || last.values();
        let us = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
        let columns = Columns::default()
            .add("uuid", each().map(|one| uuid(one.id.as_bytes())))
            .add("log", each().map(|_| log))
            .add(
                "host",
                each().map(|one| text(&one.host[..one.host.floor_char_boundary(MAX_HOST_BYTES)])),
            )
            .add("pid", each().map(|one| i64::from(one.pid)))
            .add(
                "started_at",
                each().map(|one| one.started_at.timestamp_micros()),
            )
            .add("stopped_at", each().map(|one| us(one.stopped_at)))
            .add("alive", each().map(|one| one.alive))
            .add("saved_at", each().map(|one| us(one.saved_at)))
            .add(
                "accounting",
                each().map(|one| serde_json::to_string(&one.accounting).unwrap_or_default()),
            );
        let (names, new) = (columns.names(), columns.rows("new"));
        let sql = format!(
            "INSERT INTO tower_activity.instance ({names}) SELECT {names} FROM {new} \
             ON CONFLICT (uuid) DO UPDATE SET log = excluded.log, stopped_at = excluded.stopped_at, alive = excluded.alive, \
               saved_at = excluded.saved_at, accounting = excluded.accounting, host = excluded.host, pid = excluded.pid, \
               started_at = excluded.started_at \
             WHERE coalesce(excluded.saved_at, 0) >= coalesce(tower_activity.instance.saved_at, 0)"
        );
        query(transaction, &sql, &columns.parameters()).await?;
    }
    named.extend(instances.iter().map(|one| one.id));
    let mut numbers = Instances::new();
    for attempt in 0..2 {
        let missing = named.iter().filter(|id| !numbers.contains_key(*id));
        let missing: Vec<Uuid> = missing.map(|id| uuid(id.as_bytes())).collect();
        if missing.is_empty() {
            break;
        }
        if attempt > 0 {
            let add: [Parameter<'_>; 2] = [(&missing, Type::UUID_ARRAY), (&log, Type::INT4)];
            query(transaction, ADD_UNKNOWN, &add).await?;
        }
        let found = query(transaction, INSTANCES, &[(&missing, Type::UUID_ARRAY)]).await?;
        numbers.extend(found.iter().map(|row| {
            let id: Uuid = row.get(0);
            (InstanceId::from_bytes(id.into_bytes()), row.get(1))
        }));
    }
    Ok(numbers)
}
