//! Erases the content recorded for an actor.

use std::collections::BTreeSet;

use tokio_postgres::{Row, Transaction, types::Type};
use uuid::Uuid;

use super::{BEGIN, FIRST_KEPT, LOCK_FOLDERS, PostgresMaintenance, STEP, WAIT_FOR_INTAKES};
use crate::{
    error::Result,
    record::{
        ActivityId, ActivityRecord, EventId, EventRecord, Fingerprint, InstanceId, Kind, Status,
        Text,
    },
    store::{
        EraseCounts,
        codes::Code,
        postgres::{
            columns::{key, uuid},
            connection::{Failed, Parameter, query},
            fold::failures,
            terms,
        },
        sums::{FailureSum, Failures, QUARTER_US, quarter_of},
    },
};

const TEXT_ID: &str = "SELECT id FROM tower_activity.text WHERE value = $1";
const COUNT_OF_ACTOR: &str = "SELECT (SELECT count(*) FROM tower_activity.activity WHERE actor = $1), \
     (SELECT count(*) FROM tower_activity.event WHERE actor = $1), \
     (SELECT count(DISTINCT l.recording) FROM tower_activity.link AS l WHERE l.activity IN \
        (SELECT id FROM tower_activity.activity WHERE actor = $1 UNION ALL SELECT id FROM tower_activity.open WHERE actor = $1))";
/// Its hash only: who was erased is not to be read from the store.
const BURY: &str = "INSERT INTO tower_activity.tombstone (actor, until) \
     VALUES (sha256(convert_to($1, 'UTF8')), (extract(epoch FROM now()) * 1000000)::bigint) \
     ON CONFLICT (actor) DO UPDATE SET until = excluded.until";
const BUMP: &str = "UPDATE tower_activity.mark SET value = value + 1 WHERE name = 'erased'";
const RECORDINGS_OF: &str = "SELECT DISTINCT l.recording FROM tower_activity.link AS l WHERE l.activity IN \
     (SELECT id FROM tower_activity.activity WHERE actor = $1 UNION ALL SELECT id FROM tower_activity.open WHERE actor = $1) LIMIT $2";
/// Nothing more is accepted for these activities and recordings.
const CLOSE: &str =
    "INSERT INTO tower_activity.erased SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING";
const CLOSE_OPEN: &str = "INSERT INTO tower_activity.erased SELECT id FROM tower_activity.open WHERE actor = $1 ON CONFLICT DO NOTHING";
const ACTIVITIES_OF: &str = "SELECT a.id, a.started_at, a.status, t.value, a.error_type, \
       (SELECT value FROM tower_activity.text WHERE id = a.project), (SELECT value FROM tower_activity.text WHERE id = a.agent), \
       (SELECT value FROM tower_activity.text WHERE id = a.brand) FROM tower_activity.activity AS a \
     JOIN tower_activity.text AS t ON t.id = a.name WHERE a.actor = $1 ORDER BY a.id LIMIT $2";
const ERASE_ACTIVITIES: &str = "UPDATE tower_activity.activity AS a SET actor = NULL, session = NULL, request = NULL, message = NULL, \
     attributes = NULL, input = NULL, input_bytes = NULL, input_truncated = NULL, output = NULL, output_bytes = NULL, \
     output_truncated = NULL, terms = new.terms, fingerprint = new.fingerprint \
     FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS new (id, fingerprint, terms) WHERE a.id = new.id";
/// The columns of [`terms_of_event`].
macro_rules! events {
    () => {
        "SELECT e.id, (SELECT value FROM tower_activity.text WHERE id = e.type), \
           (SELECT value FROM tower_activity.text WHERE id = e.project), (SELECT value FROM tower_activity.text WHERE id = e.agent), \
           (SELECT value FROM tower_activity.text WHERE id = e.brand) FROM tower_activity.event AS e "
    };
}
const EVENTS_OF: &str = concat!(events!(), "WHERE e.actor = $1 ORDER BY e.id LIMIT $2");
const EVENTS_OF_ACTIVITIES: &str = concat!(events!(), "WHERE e.activity = ANY($1::uuid[])");
const ERASE_EVENTS: &str = "UPDATE tower_activity.event AS e SET actor = NULL, session = NULL, request = NULL, summary = NULL, \
     data = NULL, reference = NULL, dedup_key = NULL, terms = new.terms FROM unnest($1::uuid[], $2::text[]) AS new (id, terms) \
     WHERE e.id = new.id";
const DELETE_GROUPS: &str = "DELETE FROM tower_activity.failure WHERE quarter = ANY($1::bigint[])";
const FAILURES: &str = "SELECT a.id, a.started_at, a.name, a.fingerprint, a.error_type \
     FROM unnest($1::uuid[], $2::uuid[]) AS k (first, until) JOIN tower_activity.activity AS a ON a.id >= k.first AND a.id < k.until \
     JOIN tower_activity.batch AS b ON b.id = a.batch \
     WHERE a.status > 1 AND a.status = 2 AND a.fingerprint IS NOT NULL AND b.ordinal IS NOT NULL";
const ERASE_OPEN: &str = "UPDATE tower_activity.open SET actor = NULL, session = NULL, request = NULL, attributes = NULL, \
     input = NULL, input_bytes = NULL, input_truncated = NULL WHERE actor = $1";
const ERASE_DEDUP: &str = "DELETE FROM tower_activity.dedup WHERE actor = $1";
/// Keeps the dictionary row while anything refers to it.
const ERASE_TEXT: &str = "DELETE FROM tower_activity.text AS t WHERE t.id = $1 \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.activity WHERE t.id IN (kind, name, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.open WHERE t.id IN (kind, name, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.event WHERE t.id IN (type, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.bucket WHERE scope_id = t.id AND scope > 0) \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.failure WHERE name = t.id) \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.recording WHERE format = t.id)";

impl PostgresMaintenance {
    /// Counts what [`erase_actor`](Self::erase_actor) would erase.
    pub(super) fn count_erasable(&mut self, actor: &str) -> Result<EraseCounts> {
        let Some(number) = self.text_id(actor)? else {
            return Ok(EraseCounts::default());
        };
        let rows = self.rows(COUNT_OF_ACTOR, &[(&number, Type::INT8)])?;
        let count = |column| rows[0].get::<_, i64>(column).cast_unsigned();
        Ok(EraseCounts {
            activities: count(0),
            events: count(1),
            recordings: count(2),
        })
    }

    /// Erases an actor's content in many transactions. Records of the actor that are forwarded later are also erased, if they are
    /// dated before this.
    pub(super) fn erase_actor(
        &mut self,
        actor: &str,
        progress: &mut dyn FnMut(&EraseCounts),
    ) -> Result<EraseCounts> {
        let buried = key(actor);
        self.connection.transaction(BEGIN, async |transaction| {
            query(transaction, WAIT_FOR_INTAKES, &[]).await?;
            query(transaction, BURY, &[(&buried, Type::TEXT)]).await?;
            query(transaction, BUMP, &[]).await?;
            Ok::<_, Failed>(())
        })?;
        let mut erased = EraseCounts::default();
        let Some(number) = self.text_id(actor)? else {
            return Ok(erased);
        };
        self.change(CLOSE_OPEN, &[(&number, Type::INT8)])?;
        let some: [Parameter<'_>; 2] = [(&number, Type::INT8), (&STEP, Type::INT8)];
        loop {
            let ids = self.rows(RECORDINGS_OF, &some)?;
            let ids: Vec<Uuid> = ids.iter().map(|row| row.get(0)).collect();
            if ids.is_empty() {
                break;
            }
            self.change(CLOSE, &[(&ids, Type::UUID_ARRAY)])?;
            erased.recordings += self.delete_recordings(&ids)?.0;
            progress(&erased);
        }
        loop {
            let (activities, events) = self.connection.transaction(BEGIN, async |transaction| {
                erase_activities(transaction, &some).await
            })?;
            erased.activities += activities;
            erased.events += events;
            progress(&erased);
            if activities == 0 {
                break;
            }
        }
        loop {
            let events = self.connection.transaction(BEGIN, async |transaction| {
                erase_events(transaction, EVENTS_OF, &some).await
            })?;
            erased.events += events;
            progress(&erased);
            if events == 0 {
                break;
            }
        }
        self.connection.transaction(BEGIN, async |transaction| {
            query(transaction, WAIT_FOR_INTAKES, &[]).await?;
            for sql in [ERASE_OPEN, ERASE_DEDUP, ERASE_TEXT] {
                query(transaction, sql, &[(&number, Type::INT8)]).await?;
            }
            query(transaction, BUMP, &[]).await?;
            Ok::<_, Failed>(())
        })?;
        Ok(erased)
    }

    fn text_id(&mut self, text: &str) -> Result<Option<i64>> {
        let text = key(text);
        let found = self.rows(TEXT_ID, &[(&text, Type::TEXT)])?;
        Ok(found.first().map(|row| row.get(0)))
    }
}

/// Erases some activities with their events. Returns the numbers of both.
async fn erase_activities(
    transaction: &Transaction<'_>,
    some: &[Parameter<'_>],
) -> Result<(u64, u64), Failed> {
    let rows = query(transaction, ACTIVITIES_OF, some).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let failed = i16::try_from(Status::Failed.code()).unwrap_or_default();
    let (mut quarters, mut fingerprints) = (BTreeSet::new(), Vec::with_capacity(rows.len()));
    for row in &rows {
        let is_failed = row.get::<_, i16>(2) == failed;
        if is_failed {
            quarters.insert(quarter_of(row.get(1)));
        }
        let fingerprint = || Fingerprint::new(row.get(3), row.get(4), None).number();
        fingerprints.push(is_failed.then(fingerprint));
    }
    let of_these: [Parameter<'_>; 1] = [(&ids, Type::UUID_ARRAY)];
    query(transaction, CLOSE, &of_these).await?;
    let events = erase_events(transaction, EVENTS_OF_ACTIVITIES, &of_these).await?;
    let terms: Vec<String> = rows.iter().map(terms_of_activity).collect();
    let erase: [Parameter<'_>; 3] = [
        (&ids, Type::UUID_ARRAY),
        (&fingerprints, Type::INT8_ARRAY),
        (&terms, Type::TEXT_ARRAY),
    ];
    transaction.execute_typed(ERASE_ACTIVITIES, &erase).await?;
    regroup(transaction, quarters).await?;
    Ok((ids.len() as u64, events))
}

/// Erases the events of a query. Returns their number.
async fn erase_events(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<u64, Failed> {
    let rows = query(transaction, sql, parameters).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let terms: Vec<String> = rows.iter().map(terms_of_event).collect();
    let erase: [Parameter<'_>; 2] = [(&ids, Type::UUID_ARRAY), (&terms, Type::TEXT_ARRAY)];
    Ok(transaction.execute_typed(ERASE_EVENTS, &erase).await?)
}

/// Returns the terms of what stays of a row of [`ACTIVITIES_OF`].
fn terms_of_activity(row: &Row) -> String {
    let id = ActivityId::from_bytes(row.get::<_, Uuid>(0).into_bytes());
    let instance = InstanceId::from_bytes([0; 16]);
    let mut one = ActivityRecord::new(id, Kind::Tool, text(row, 3).unwrap_or_default(), instance);
    one.error_type = text(row, 4);
    one.scope.project = text(row, 5);
    one.scope.agent = text(row, 6);
    one.scope.brand = text(row, 7);
    terms::of_activity(&one)
}

/// The same of a row of an event.
fn terms_of_event(row: &Row) -> String {
    let id = EventId::from_bytes(row.get::<_, Uuid>(0).into_bytes());
    let instance = InstanceId::from_bytes([0; 16]);
    let mut one = EventRecord::new(id, text(row, 1).unwrap_or_default(), instance);
    one.scope.project = text(row, 2);
    one.scope.agent = text(row, 3);
    one.scope.brand = text(row, 4);
    terms::of_event(&one)
}

fn text(row: &Row, column: usize) -> Option<Text> {
    row.get::<_, Option<String>>(column).map(Text::from)
}

/// Groups the failures of some quarter hours anew, without the messages that were erased: else a group could confirm a guess of one.
/// Not where activities were pruned, as the others of their groups are gone.
async fn regroup(transaction: &Transaction<'_>, quarters: BTreeSet<i64>) -> Result<(), Failed> {
    query(transaction, LOCK_FOLDERS, &[]).await?;
    let first_kept: i64 = query(transaction, FIRST_KEPT, &[]).await?[0].get(0);
    let quarters: Vec<i64> = quarters.range(first_kept..).copied().collect();
    if quarters.is_empty() {
        return Ok(());
    }
    query(transaction, DELETE_GROUPS, &[(&quarters, Type::INT8_ARRAY)]).await?;
    let id = |quarter: i64| uuid(ActivityId::from_parts(quarter * QUARTER_US, 0).as_bytes());
    let first: Vec<Uuid> = quarters.iter().map(|quarter| id(*quarter)).collect();
    let until: Vec<Uuid> = quarters.iter().map(|quarter| id(quarter + 1)).collect();
    let bounds: [Parameter<'_>; 2] = [(&first, Type::UUID_ARRAY), (&until, Type::UUID_ARRAY)];
    let mut failures = Failures::default();
    for row in query(transaction, FAILURES, &bounds).await? {
        let id = ActivityId::from_bytes(row.get::<_, Uuid>(0).into_bytes());
        let one = FailureSum {
            name: row.get(2),
            error_type: row.get(4),
            count: 1,
            first: id,
            last: id,
        };
        failures.add((quarter_of(row.get(1)), row.get(3)), one);
    }
    failures::fold(transaction, failures).await
}
