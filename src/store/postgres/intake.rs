//! The side that accepts batches.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_postgres::{Transaction, types::Type};
use uuid::Uuid;

use super::{
    connection::{Connection, Failed, Parameter, query},
    fold, migrate,
    partition::Days,
    rows,
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::{self, ActivityId, ActivityRecord, EventId, EventRecord, InstanceId, Scope, Text},
    store::{
        Accepted, ForwardBatch, ForwardedLog, InstanceHealth, Intake, LogState, Places, sealed,
    },
};

const BEGIN: &str = "SET LOCAL lock_timeout = '10s'";
/// How long a log that was not heard of keeps its lease.
const LEASE: &str = "10 seconds";
const ADD_LOG: &str =
    "INSERT INTO tower_activity.log (id, host) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
const LEASE_LOG: &str = "UPDATE tower_activity.log SET holder = $2, host = $3, heard_at = now() \
     WHERE id = $1 AND (holder IS NULL OR holder = $2 OR heard_at < now() - $4::text::interval) \
     RETURNING number, activity, activity_id, event, event_id, chunk";
const RENEW: &str = "UPDATE tower_activity.log SET heard_at = now(), waiting = $3 WHERE number = $1 AND holder = $2";
const RELEASE: &str =
    "UPDATE tower_activity.log SET holder = NULL WHERE number = $1 AND holder = $2";
const ADD_BATCH: &str = "INSERT INTO tower_activity.batch (log, first_activity, last_activity, first_event, last_event, \
     first_chunk, last_chunk, min_activity, max_activity, min_event, max_event) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING id";
const ADVANCE: &str = "UPDATE tower_activity.log SET heard_at = now(), activity = $3, event = $4, chunk = $5, \
     activity_id = coalesce($6, activity_id), event_id = coalesce($7, event_id) WHERE number = $1 AND holder = $2";
const ADD_TEXTS: &str = "INSERT INTO tower_activity.text (value, folded) SELECT * FROM unnest($1::text[], $2::text[]) \
     ON CONFLICT (value) DO NOTHING";
const TEXTS: &str = "SELECT value, id FROM tower_activity.text WHERE value = ANY($1::text[])";
const ADD_INSTANCES: &str = "INSERT INTO tower_activity.instance (uuid, log, host, pid, started_at, stopped_at, alive, saved_at, \
       accounting) SELECT uuid, $2, host, pid, started_at, stopped_at, alive, saved_at, accounting \
     FROM json_populate_recordset(NULL::tower_activity.instance, $1::text::json) \
     ON CONFLICT (uuid) DO UPDATE SET stopped_at = excluded.stopped_at, alive = excluded.alive, saved_at = excluded.saved_at, \
       accounting = excluded.accounting WHERE tower_activity.instance.log = excluded.log";
const INSTANCES: &str =
    "SELECT uuid, number FROM tower_activity.instance WHERE uuid = ANY($1::uuid[])";

/// Accepts the batches of one log.
#[derive(Debug)]
pub(super) struct PostgresIntake {
    connection: Connection,
    /// The log whose lease it has: its number and its holder.
    log: Option<(i32, Uuid)>,
    days: Days,
}

impl sealed::WriteSide for PostgresIntake {}

impl PostgresIntake {
    pub(super) fn open(mut connection: Connection) -> Result<Self> {
        migrate::migrate(&mut connection)?;
        Ok(PostgresIntake {
            connection,
            log: None,
            days: Days::default(),
        })
    }

    fn leased(&self) -> Result<(i32, Uuid)> {
        self.log
            .ok_or_else(|| Error::invalid("no log is connected to this intake"))
    }
}

impl Intake for PostgresIntake {
    fn connect(&mut self, log: &ForwardedLog) -> Result<Accepted> {
        let (number, accepted) = self.connection.transaction(BEGIN, async |transaction| {
            let add: [Parameter<'_>; 2] = [(&log.id, Type::UUID), (&log.host, Type::TEXT)];
            query(transaction, ADD_LOG, &add).await?;
            let lease: [Parameter<'_>; 4] = [
                (&log.id, Type::UUID),
                (&log.holder, Type::UUID),
                (&log.host, Type::TEXT),
                (&LEASE, Type::TEXT),
            ];
            let leased = query(transaction, LEASE_LOG, &lease).await?;
            let row = leased.first().ok_or_else(|| {
                Error::new(
                    ErrorKind::Busy,
                    format!("another forwarder holds the log {}", log.id),
                )
            })?;
            let id = |column| row.get::<_, Option<Uuid>>(column).map(Uuid::into_bytes);
            let accepted = Accepted {
                places: Places::new(row.get(1), row.get(3), row.get(5)),
                activity: id(2).map(ActivityId::from_bytes),
                event: id(4).map(EventId::from_bytes),
            };
            Ok((row.get::<_, i32>(0), accepted))
        })?;
        self.log = Some((number, log.holder));
        Ok(accepted)
    }

    fn accept(&mut self, batch: &ForwardBatch) -> Result<()> {
        let log = self.leased()?;
        self.days.ensure(&mut self.connection, batch)?;
        self.connection.transaction(BEGIN, async |transaction| {
            accept(transaction, log, batch).await
        })
    }

    fn update(&mut self, state: &LogState) -> Result<()> {
        let log = self.leased()?;
        self.connection.transaction(BEGIN, async |transaction| {
            update(transaction, log, state).await
        })
    }

    fn fold(&mut self) -> Result<u64> {
        fold::fold(&mut self.connection)
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

async fn accept(
    transaction: &Transaction<'_>,
    (log, holder): (i32, Uuid),
    batch: &ForwardBatch,
) -> Result<(), Failed> {
    let activities = batch.activities.iter().map(|one| uuid(one.id.as_bytes()));
    let events = batch.events.iter().map(|one| uuid(one.id.as_bytes()));
    let (last_activity, last_event) = (activities.clone().next_back(), events.clone().next_back());
    let advance: [Parameter<'_>; 7] = [
        (&log, Type::INT4),
        (&holder, Type::UUID),
        (&batch.up_to.activity, Type::INT8),
        (&batch.up_to.event, Type::INT8),
        (&batch.up_to.chunk, Type::INT8),
        (&last_activity, Type::UUID),
        (&last_event, Type::UUID),
    ];
    // Locks the log, so that its batches are accepted one after another.
    if transaction.execute_typed(ADVANCE, &advance).await? == 0 {
        return Err(lease_lost().into());
    }
    let bounds: [Parameter<'_>; 11] = [
        (&log, Type::INT4),
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
    ];
    let added = query(transaction, ADD_BATCH, &bounds).await?;
    let Some(row) = added.first() else {
        // It was accepted before.
        return Ok(());
    };
    let number: i64 = row.get(0);
    let instances = instances(transaction, log, &batch.instances).await?;
    let mut texts = Texts::default();
    batch
        .activities
        .iter()
        .for_each(|one| texts.of_activity(one));
    batch.events.iter().for_each(|one| texts.of_event(one));
    let recordings = batch.recordings.iter();
    recordings.for_each(|one| texts.add(&one.format));
    texts.resolve(transaction).await?;
    rows::insert(transaction, (log, number), batch, &texts, &instances).await
}

async fn update(
    transaction: &Transaction<'_>,
    (log, holder): (i32, Uuid),
    state: &LogState,
) -> Result<(), Failed> {
    let waiting = i64::try_from(state.waiting).unwrap_or(i64::MAX);
    let renew: [Parameter<'_>; 3] = [
        (&log, Type::INT4),
        (&holder, Type::UUID),
        (&waiting, Type::INT8),
    ];
    if transaction.execute_typed(RENEW, &renew).await? == 0 {
        return Err(lease_lost().into());
    }
    let instances = instances(transaction, log, &state.instances).await?;
    let mut texts = Texts::default();
    let open = state.open.iter().flatten();
    open.for_each(|one| texts.of_activity(one));
    let recordings = state.recordings.iter();
    recordings.for_each(|one| texts.add(&one.format));
    texts.resolve(transaction).await?;
    rows::replace_state(transaction, log, state, &texts, &instances).await
}

fn lease_lost() -> Error {
    Error::new(
        ErrorKind::Busy,
        "another forwarder has taken over the log: this one was silent for too long",
    )
}

fn uuid(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

/// Inserts or updates instances, and returns the numbers of all that these records name.
async fn instances(
    transaction: &Transaction<'_>,
    log: i32,
    instances: &[InstanceHealth],
) -> Result<HashMap<InstanceId, i32>, Failed> {
    if instances.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = instances.iter().map(|one| {
        let us = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
        json!({
            "uuid": one.id.to_string(), "host": one.host, "pid": one.pid, "started_at": us(Some(one.started_at)),
            "stopped_at": us(one.stopped_at), "alive": one.alive, "saved_at": us(one.saved_at),
            "accounting": serde_json::to_string(&one.accounting).unwrap_or_default(),
        })
    });
    let rows = Value::from_iter(rows).to_string();
    let add: [Parameter<'_>; 2] = [(&rows, Type::TEXT), (&log, Type::INT4)];
    query(transaction, ADD_INSTANCES, &add).await?;
    let ids: Vec<Uuid> = instances
        .iter()
        .map(|one| uuid(one.id.as_bytes()))
        .collect();
    let found = query(transaction, INSTANCES, &[(&ids, Type::UUID_ARRAY)]).await?;
    let found = found.iter().map(|row| {
        let id: Uuid = row.get(0);
        (InstanceId::from_bytes(id.into_bytes()), row.get(1))
    });
    Ok(found.collect())
}

/// The dictionary's numbers of the texts of a batch.
#[derive(Debug, Default)]
pub(super) struct Texts {
    wanted: BTreeSet<String>,
    ids: HashMap<String, i64>,
}

impl Texts {
    fn add(&mut self, text: &str) {
        if !self.wanted.contains(text) {
            self.wanted.insert(text.to_owned());
        }
    }

    fn of_scope(&mut self, scope: &Scope) {
        let Scope {
            project,
            agent,
            actor,
            brand,
            environment,
            session: _,
            request: _,
        } = scope;
        let texts = [project, agent, actor, brand, environment];
        texts.into_iter().flatten().for_each(|text| self.add(text));
    }

    fn of_activity(&mut self, one: &ActivityRecord) {
        self.add(one.kind.as_str());
        self.add(&one.name);
        self.of_scope(&one.scope);
    }

    fn of_event(&mut self, one: &EventRecord) {
        self.add(&one.event_type);
        self.of_scope(&one.scope);
    }

    /// Looks up all texts, adding the new ones: in order, so that two intakes do not wait for each other.
    async fn resolve(&mut self, transaction: &Transaction<'_>) -> Result<(), Failed> {
        let wanted: Vec<&String> = self.wanted.iter().collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let find: [Parameter<'_>; 1] = [(&wanted, Type::TEXT_ARRAY)];
        let mut found = query(transaction, TEXTS, &find).await?;
        if found.len() < wanted.len() {
            let folded: Vec<Option<String>> = wanted
                .iter()
                .map(|text| Some(record::fold(text).into_owned()).filter(|folded| folded != *text))
                .collect();
            let add: [Parameter<'_>; 2] =
                [(&wanted, Type::TEXT_ARRAY), (&folded, Type::TEXT_ARRAY)];
            query(transaction, ADD_TEXTS, &add).await?;
            found = query(transaction, TEXTS, &find).await?;
        }
        self.ids = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        Ok(())
    }

    /// Returns the number of a text, which was added before.
    pub(super) fn id(&self, text: &str) -> i64 {
        self.ids.get(text).copied().unwrap_or_default()
    }

    pub(super) fn optional(&self, text: Option<&Text>) -> Option<i64> {
        text.map(|text| self.id(text))
    }
}
