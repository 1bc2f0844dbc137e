//! Scans records one by one, for sums that are not kept.

use std::collections::HashSet;

use serde_json::{Map, Value};
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::{
    Snapshot,
    compile::{Table, Where, uuid},
    dictionary::{Dictionary, Texts},
    list::{Listed, id_of, key},
    search::Search,
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, EventRecord, Filter, Kind, Text},
    store::{
        ActivitySample, GroupTotals, Grouping, LARGEST_PAGE, Total, TypeCount,
        postgres::connection::Failed, text_of, too_many,
    },
};

/// Rows that are read at a time.
const STEP: usize = 10_000;
/// Agents that record turns: in the sums, and in batches that are yet to be added to them.
const TURN_AGENTS: &str = "SELECT agent FROM tower_activity.turning_agent UNION \
     SELECT a.agent FROM tower_activity.batch AS b JOIN tower_activity.activity AS a ON a.batch = b.id \
       AND a.id BETWEEN b.min_activity AND b.max_activity \
     WHERE b.ordinal IS NULL AND a.agent IS NOT NULL AND a.kind = (SELECT id FROM tower_activity.text WHERE value = 'turn')";
const TURN: &str = "SELECT id FROM tower_activity.text WHERE value = $1";
const TYPES: &str = "SELECT (SELECT value FROM tower_activity.text WHERE id = found.type), status, count, sum FROM \
     (SELECT a.type, a.status, count(*), least(sum(a.count), 18446744073709551615)::text AS sum FROM tower_activity.event AS a WHERE ";

/// The conditions of a filter on a table, with the index of words.
pub(super) async fn conditions(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    table: Table,
) -> Result<Where, Failed> {
    let dictionary = Dictionary::of(snapshot, filter).await?;
    let mut clause = Where::new(filter, table, &dictionary);
    if let Some(search) = Search::new(filter, table, &dictionary) {
        search.add_to(&mut clause);
    }
    Ok(clause)
}

/// Passes the rows that fulfil conditions to `take`, in pages in order of start.
pub(super) async fn each_page(
    snapshot: &Snapshot<'_>,
    columns: &str,
    table: Table,
    clause: &Where,
    mut take: impl AsyncFnMut(&[Row]) -> Result<(), Failed>,
) -> Result<(), Failed> {
    if !clause.is_possible {
        return Ok(());
    }
    let mut after: Option<Uuid> = None;
    loop {
        let mut page = clause.clone();
        if let Some(after) = after {
            page.and_value("a.id > ", after, Type::UUID);
        }
        let limit = page.bind(STEP as i64, Type::INT8);
        let sql = format!(
            "SELECT a.id, {columns} {} WHERE {} ORDER BY a.id LIMIT {limit}",
            table.from(),
            page.sql
        );
        let rows = snapshot.query_values(&sql, &page.values).await?;
        take(&rows).await?;
        if rows.len() < STEP {
            return Ok(());
        }
        after = rows.last().map(|row| row.get(0));
    }
}

/// Passes the records of a table that match a filter to `take`, in order of start. Of more records than a reader scans it fails.
pub(super) async fn each_record<R: Listed>(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    take: &mut dyn FnMut(R),
) -> Result<(), Failed> {
    let table = R::TABLES[0];
    let clause = conditions(snapshot, filter, table).await?;
    let limit = snapshot.options.largest_scan();
    let (mut after, mut seen): (Option<ActivityId>, usize) = (None, 0);
    loop {
        let mut page = clause.clone();
        if let Some(after) = after {
            page.and_value("a.id > ", uuid(after), Type::UUID);
        }
        let records: Vec<R> = snapshot.select(table, &page, "a.id", LARGEST_PAGE).await?;
        let is_last = records.len() < LARGEST_PAGE;
        after = records.last().map(key).or(after);
        for one in records.into_iter().filter(|one| one.matches(filter)) {
            seen += 1;
            if seen > limit {
                return Err(too_many(filter, limit).into());
            }
            take(one);
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Passes the ended activities that match a filter to `take`, in order of start.
pub(super) async fn samples(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    take: &mut dyn FnMut(ActivitySample),
) -> Result<(), Failed> {
    let agents = snapshot.query(TURN_AGENTS, &[]).await?;
    let agents: HashSet<i64> = agents.iter().map(|row| row.get(0)).collect();
    let mut texts = Texts::default();
    let clause = conditions(snapshot, filter, Table::Ended).await?;
    if !clause.is_exact {
        texts
            .load(snapshot, agents.iter().copied().map(Some))
            .await?;
        let agents = agents.iter().filter_map(|agent| texts.get(Some(*agent)));
        let agents: HashSet<Text> = agents.collect();
        let mut sample = |one: ActivityRecord| {
            let agent = one.scope.agent.as_ref();
            let is_turn = is_turn(
                one.kind == Kind::Turn,
                one.root == one.id,
                agent.map(|agent| agents.contains(agent)),
            );
            take(ActivitySample::new(one, is_turn));
        };
        return each_record(snapshot, filter, &mut sample).await;
    }
    let turn = snapshot
        .query(TURN, &[(&Kind::Turn.as_str(), Type::TEXT)])
        .await?;
    let turn: Option<i64> = turn.first().map(|row| row.get(0));
    let columns = "a.started_at, a.duration_ns, a.status, a.kind, a.root IS NULL, a.project, a.agent, a.name, a.brand";
    each_page(snapshot, columns, Table::Ended, &clause, async |rows| {
        let numbers = rows
            .iter()
            .flat_map(|row| [6, 7, 8, 9].map(|column| row.get(column)));
        texts.load(snapshot, numbers).await?;
        for row in rows {
            let text = |column| texts.get(row.get(column));
            let agent: Option<i64> = row.get(7);
            let kind: i64 = row.get(4);
            take(ActivitySample {
                started_us: row.get(1),
                duration_ns: row.get::<_, Option<i64>>(2).map(i64::cast_unsigned),
                status: super::tree::status(row.get(3))?,
                is_turn: is_turn(
                    Some(kind) == turn,
                    row.get(5),
                    agent.map(|agent| agents.contains(&agent)),
                ),
                project: text(6),
                agent: text(7),
                name: text(8),
                brand: text(9),
            });
        }
        Ok(())
    })
    .await
}

/// A root is a turn if it has an agent that does not record turns.
fn is_turn(is_turn: bool, is_root: bool, records_turns: Option<bool>) -> bool {
    is_turn || is_root && records_turns == Some(false)
}

/// Adds up the ended activities that match a filter by group.
pub(super) async fn totals_by(
    snapshot: &Snapshot<'_>,
    by: &Grouping,
    filter: &Filter,
) -> Result<Vec<Total>, Failed> {
    let mut totals = GroupTotals::default();
    let mut clause = conditions(snapshot, filter, Table::Ended).await?;
    if !clause.is_exact {
        let grouped = by.filter().and(filter);
        let mut add = |one: ActivityRecord| {
            if let Some(id) = by.value(&one) {
                totals.add(id, one.status, one.duration_ns);
            }
        };
        each_record(snapshot, &grouped, &mut add).await?;
        return Ok(totals.finish());
    }
    let column = match by {
        Grouping::Actor => "a.actor",
        Grouping::Environment => "a.environment",
        Grouping::Error => "a.error_type",
        Grouping::Attribute(_) => "a.attributes",
    };
    clause.and(&[column, " IS NOT NULL"].concat());
    let columns = format!("a.status, a.duration_ns, {column}");
    let mut texts = Texts::default();
    each_page(snapshot, &columns, Table::Ended, &clause, async |rows| {
        if matches!(by, Grouping::Actor | Grouping::Environment) {
            texts
                .load(snapshot, rows.iter().map(|row| row.get(3)))
                .await?;
        }
        for row in rows {
            let id = match by {
                Grouping::Actor | Grouping::Environment => texts.get(row.get(3)),
                Grouping::Error => Some(row.get::<_, String>(3).into()),
                Grouping::Attribute(key) => attribute(row.get(3), key),
            };
            if let Some(id) = id {
                let duration_ns: Option<i64> = row.get(2);
                let status = super::tree::status(row.get(1))?;
                totals.add(id, status, duration_ns.map(i64::cast_unsigned));
            }
        }
        Ok(())
    })
    .await?;
    Ok(totals.finish())
}

/// Returns the value of an attribute as a text.
fn attribute(attributes: &str, key: &str) -> Option<Text> {
    let attributes: Map<String, Value> = serde_json::from_str(attributes).ok()?;
    text_of(attributes.get(key)?)
}

/// Counts the events of each type.
pub(super) async fn event_types(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
) -> Result<Vec<TypeCount>, Failed> {
    let mut types = std::collections::HashMap::<Text, TypeCount>::new();
    let of_type = |types: &mut std::collections::HashMap<Text, TypeCount>, event_type: Text| {
        let new = || TypeCount::new(event_type.clone());
        types.entry(event_type.clone()).or_insert_with(new).clone()
    };
    let clause = conditions(snapshot, filter, Table::Events).await?;
    if !clause.is_exact {
        let mut add = |one: EventRecord| {
            let mut counted = of_type(&mut types, one.event_type.clone());
            counted.add(one.status, 1, one.count);
            types.insert(one.event_type, counted);
        };
        each_record(snapshot, filter, &mut add).await?;
    } else if clause.is_possible {
        let sql = [TYPES, &clause.sql, " GROUP BY a.type, a.status) AS found"].concat();
        for row in snapshot.query_values(&sql, &clause.values).await? {
            let event_type = Text::from(row.get::<_, Option<String>>(0).unwrap_or_default());
            let mut counted = of_type(&mut types, event_type.clone());
            let events = row.get::<_, i64>(2).cast_unsigned();
            let count: u64 = row.get::<_, &str>(3).parse().unwrap_or_default();
            counted.add(super::tree::status(row.get(1))?, events, count);
            types.insert(event_type, counted);
        }
    }
    Ok(types.into_values().collect())
}

/// Reads the newest events of an activity, oldest first.
pub(super) async fn events_of(
    snapshot: &Snapshot<'_>,
    activity: ActivityId,
    limit: usize,
) -> Result<Vec<EventRecord>, Failed> {
    let mut clause = Where::everything();
    clause.and_value("a.activity = ", uuid(activity), Type::UUID);
    let mut events: Vec<EventRecord> = snapshot
        .select(Table::Events, &clause, "a.id DESC", limit)
        .await?;
    events.reverse();
    Ok(events)
}

const IDS: &str = "SELECT id FROM (SELECT id FROM tower_activity.activity WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3) AS a \
     UNION SELECT id FROM tower_activity.open WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3";

/// Reads the first ids in a range.
pub(super) async fn ids(
    snapshot: &Snapshot<'_>,
    (first, last): (ActivityId, ActivityId),
    limit: usize,
) -> Result<Vec<ActivityId>, Failed> {
    let (first, last, limit) = (uuid(first), uuid(last), limit as i64);
    let values = [
        (&first as _, Type::UUID),
        (&last as _, Type::UUID),
        (&limit as _, Type::INT8),
    ];
    let rows = snapshot.query(IDS, &values).await?;
    Ok(rows.iter().map(|row| id_of(row.get(0))).collect())
}

const HAS_SUMS: &str = "SELECT EXISTS (SELECT 1 FROM tower_activity.bucket WHERE scope = $1 AND scope_id = \
     (SELECT id FROM tower_activity.text WHERE value = $2))";

/// Returns true if there are sums of a subject.
pub(super) async fn has_sums(
    snapshot: &Snapshot<'_>,
    scope: i16,
    text: &str,
) -> Result<bool, Failed> {
    if text.contains('\0') {
        return Ok(false);
    }
    let values = [(&scope as _, Type::INT2), (&text as _, Type::TEXT)];
    Ok(snapshot.query(HAS_SUMS, &values).await?[0].get(0))
}
