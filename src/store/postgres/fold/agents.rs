//! Adds to the quarter hours and turns of agents: loads what changes and its neighbours, and stores what has changed.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    convert::Infallible,
    ops::{Range, RangeInclusive},
};

use tokio_postgres::{GenericClient, Row, Transaction, types::Type};

use super::buckets::{first_of_day, whole_days};
use crate::store::{
    postgres::{
        columns::{Columns, MAX_COUNT, MAX_SUM},
        connection::{Failed, Parameter, query},
    },
    sums::{
        ALL, AgentQuarter, AgentQuarters, AgentRows, AgentSums, Neighbours, Span, TurnBuckets,
        TurnSums,
    },
};

/// The columns of a quarter hour, in the order in which [`read`] takes them.
pub(in crate::store::postgres) const COLUMNS: &str =
    "q.quarter, q.active, q.turns, q.first_turn, q.last_turn, q.roots, q.first_root, q.last_root";
const TURNING: &str =
    "SELECT agent FROM tower_activity.turning_agent WHERE agent = ANY($1::bigint[])";
const ALL_OF: &str = ", q.agent, q.scope_id FROM tower_activity.agent_quarter AS q WHERE q.agent = ANY($1::bigint[])";
/// The quarter hours in ranges, and next to each range the nearest one in which the agent was active, and the nearest one with turns,
/// which may be the same.
const IN_RANGES: &str = ", q.agent, q.scope_id FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[]) \
       AS k (agent, scope_id, first, last, records_turns) CROSS JOIN LATERAL ( \
       (SELECT * FROM tower_activity.agent_quarter AS o WHERE o.agent = k.agent AND o.scope_id = k.scope_id \
          AND o.quarter BETWEEN k.first AND k.last) \
       UNION ALL (SELECT * FROM tower_activity.agent_quarter AS o WHERE o.agent = k.agent AND o.scope_id = k.scope_id \
          AND o.quarter < k.first ORDER BY o.quarter DESC LIMIT 1) \
       UNION ALL (SELECT * FROM tower_activity.agent_quarter AS o WHERE o.agent = k.agent AND o.scope_id = k.scope_id \
          AND o.quarter > k.last ORDER BY o.quarter LIMIT 1) \
       UNION ALL (SELECT * FROM tower_activity.agent_quarter AS o WHERE o.agent = k.agent AND o.scope_id = k.scope_id \
          AND o.quarter < k.first AND CASE WHEN k.records_turns THEN o.turns ELSE o.roots END > 0 \
          ORDER BY o.quarter DESC LIMIT 1) \
       UNION ALL (SELECT * FROM tower_activity.agent_quarter AS o WHERE o.agent = k.agent AND o.scope_id = k.scope_id \
          AND o.quarter > k.last AND CASE WHEN k.records_turns THEN o.turns ELSE o.roots END > 0 \
          ORDER BY o.quarter LIMIT 1)) AS q";
const SET_TURNING: &str = "INSERT INTO tower_activity.turning_agent (agent) SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING";
const OLD_TURNS: &str = "SELECT t.scope_id, t.quarter, t.turns, t.within_us, t.after \
     FROM unnest($1::bigint[], $2::bigint[]) AS k (scope_id, quarter) \
     JOIN tower_activity.turn_bucket AS t ON t.scope_id = k.scope_id AND t.quarter = k.quarter";
/// An agent that was active in a project was also active overall, whose rows have an index.
const IN_QUARTERS: &str = "SELECT q.agent, q.scope_id, q.quarter FROM tower_activity.agent_quarter AS q \
     WHERE q.quarter >= $1 AND q.quarter < $2 AND q.agent IN (SELECT o.agent FROM tower_activity.agent_quarter AS o \
       WHERE o.scope_id = 0 AND o.quarter >= $1 AND o.quarter < $2)";
const DELETE_QUARTERS: &str = "DELETE FROM tower_activity.agent_quarter AS q USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) \
       AS k (agent, scope_id, quarter) \
     WHERE q.agent = k.agent AND q.scope_id = k.scope_id AND q.quarter = k.quarter";
const DELETE_TURNS_IN: &str =
    "DELETE FROM tower_activity.turn_bucket WHERE quarter >= $1 AND quarter < $2";
const DELETE_DAYS: &str =
    "DELETE FROM tower_activity.agent_day WHERE quarter >= $1 AND quarter < $2";
/// A sum of bigint is numeric.
const ADD_UP_DAYS: &str = "INSERT INTO tower_activity.agent_day (agent, quarter, scope_id, active, turns, first_turn, last_turn, \
       roots, first_root, last_root) \
     SELECT agent, floor(quarter / 96.0)::bigint * 96, scope_id, least(sum(active), 1e15)::bigint, least(sum(turns), 1e15)::bigint, \
       min(first_turn), max(last_turn), least(sum(roots), 1e15)::bigint, min(first_root), max(last_root) \
     FROM tower_activity.agent_quarter WHERE quarter >= $1 AND quarter < $2 GROUP BY 1, 2, 3";
const DELETE_TURNS: &str = "DELETE FROM tower_activity.turn_bucket AS t USING unnest($1::bigint[], $2::bigint[]) AS k (scope_id, quarter) \
     WHERE t.scope_id = k.scope_id AND t.quarter = k.quarter";

/// The loaded rows of some agents, and what is to be stored of them.
#[derive(Default)]
struct Loaded {
    turning: RefCell<HashSet<i64>>,
    /// By agent and scope. Of an agent that begins to record turns all, of others those that a change depends on.
    quarters: RefCell<HashMap<i64, BTreeMap<i64, AgentQuarters>>>,
    new_turning: RefCell<Vec<i64>>,
    put: RefCell<BTreeMap<(i64, i64, i64), AgentQuarter>>,
    turns: RefCell<TurnBuckets>,
}

/// Adds the quarter hours of agents to the stored ones, and updates the turns of all agents.
pub(super) async fn fold(transaction: &Transaction<'_>, agents: &AgentSums) -> Result<(), Failed> {
    if agents.quarters.is_empty() {
        return Ok(());
    }
    let loaded = Loaded::load(transaction, agents).await?;
    let stored = agents.store(&loaded);
    stored.unwrap_or_else(|never| match never {});
    loaded.store(transaction).await?;
    add_days(transaction, agents).await
}

/// Computes the turns in quarter hours from those of agents. `None` if an agent that records turns is not known as one.
pub(in crate::store::postgres) async fn turns(
    client: &impl GenericClient,
    agents: &AgentSums,
    quarters: &Range<i64>,
) -> Result<Option<TurnBuckets>, Failed> {
    let loaded = Loaded::load(client, agents).await?;
    let computed = agents.rebuild(&loaded, quarters);
    computed.unwrap_or_else(|never| match never {});
    let is_known = loaded.new_turning.into_inner().is_empty();
    Ok(is_known.then(|| loaded.turns.into_inner()))
}

/// Replaces the stored quarter hours of agents in a range, and the turns of all agents.
pub(in crate::store::postgres) async fn rebuild(
    transaction: &Transaction<'_>,
    agents: &mut AgentSums,
    quarters: &Range<i64>,
) -> Result<(), Failed> {
    let range: [Parameter<'_>; 2] = [(&quarters.start, Type::INT8), (&quarters.end, Type::INT8)];
    for row in query(transaction, IN_QUARTERS, &range).await? {
        // One without activities is deleted.
        let scopes = agents.quarters.entry(row.get(0)).or_default();
        let quarters = scopes.entry(row.get(1)).or_default();
        quarters.entry(row.get(2)).or_default();
    }
    // Also updates the next quarter hour of each agent behind the range.
    let loaded = Loaded::load(transaction, agents).await?;
    let replaced = agents.replace(&loaded);
    replaced.unwrap_or_else(|never| match never {});
    loaded.store(transaction).await?;
    // Those in the range are computed anew, not from what was stored.
    query(transaction, DELETE_TURNS_IN, &range).await?;
    let loaded = Loaded::load(transaction, agents).await?;
    let rebuilt = agents.rebuild(&loaded, quarters);
    rebuilt.unwrap_or_else(|never| match never {});
    loaded.store(transaction).await?;
    let days = whole_days(quarters);
    let days: [Parameter<'_>; 2] = [(&days.start, Type::INT8), (&days.end, Type::INT8)];
    query(transaction, DELETE_DAYS, &days).await?;
    query(transaction, ADD_UP_DAYS, &days).await?;
    Ok(())
}

impl Loaded {
    async fn load(transaction: &impl GenericClient, agents: &AgentSums) -> Result<Self, Failed> {
        let loaded = Loaded::default();
        let ids: Vec<i64> = agents.quarters.keys().copied().collect();
        let turning = query(transaction, TURNING, &[(&ids, Type::INT8_ARRAY)]).await?;
        let turning: HashSet<i64> = turning.iter().map(|row| row.get(0)).collect();
        let takes_turns = |scopes: &BTreeMap<i64, AgentQuarters>| {
            let mut quarters = scopes.values().flat_map(BTreeMap::values);
            quarters.any(|quarter| quarter.turns.count > 0)
        };
        let (mut begin, mut ranges) = (Vec::new(), Vec::new());
        for (agent, scopes) in &agents.quarters {
            let records_turns = turning.contains(agent);
            if !records_turns && takes_turns(scopes) {
                begin.push(*agent);
                continue;
            }
            for (scope, quarters) in scopes {
                if let (Some((first, _)), Some((last, _))) =
                    (quarters.first_key_value(), quarters.last_key_value())
                {
                    ranges.push((*agent, *scope, *first, *last, records_turns));
                }
            }
        }
        loaded.turning.replace(turning);
        if !begin.is_empty() {
            let sql = ["SELECT ", COLUMNS, ALL_OF].concat();
            let rows = query(transaction, &sql, &[(&begin, Type::INT8_ARRAY)]).await?;
            loaded.add(&rows);
        }
        if !ranges.is_empty() {
            let each = || ranges.iter().copied();
            let columns = Columns::default()
                .add("agent", each().map(|one| one.0))
                .add("scope_id", each().map(|one| one.1))
                .add("first", each().map(|one| one.2))
                .add("last", each().map(|one| one.3))
                .add("records_turns", each().map(|one| one.4));
            let sql = ["SELECT ", COLUMNS, IN_RANGES].concat();
            loaded.add(&query(transaction, &sql, &columns.parameters()).await?);
        }
        Ok(loaded)
    }

    fn add(&self, rows: &[Row]) {
        let mut agents = self.quarters.borrow_mut();
        for row in rows {
            let (number, quarter) = read(row);
            let scopes = agents.entry(row.get(8)).or_default();
            scopes
                .entry(row.get(9))
                .or_default()
                .insert(number, quarter);
        }
    }

    fn of(&self, agent: i64, scope: i64) -> AgentQuarters {
        let agents = self.quarters.borrow();
        let scopes = agents.get(&agent);
        scopes
            .and_then(|scopes| scopes.get(&scope))
            .cloned()
            .unwrap_or_default()
    }

    async fn store(self, transaction: &Transaction<'_>) -> Result<(), Failed> {
        let turning = self.new_turning.into_inner();
        if !turning.is_empty() {
            query(transaction, SET_TURNING, &[(&turning, Type::INT8_ARRAY)]).await?;
        }
        let mut put = self.put.into_inner();
        let empty: Vec<_> = put.extract_if(.., |_, one| one.active == 0).collect();
        if !empty.is_empty() {
            let keys = || empty.iter().map(|(key, _)| *key);
            let keys = Columns::default()
                .add("agent", keys().map(|key| key.0))
                .add("scope_id", keys().map(|key| key.1))
                .add("quarter", keys().map(|key| key.2));
            query(transaction, DELETE_QUARTERS, &keys.parameters()).await?;
        }
        put_quarters(transaction, &put).await?;
        add_turns(transaction, self.turns.into_inner()).await
    }
}

impl AgentRows for Loaded {
    type Error = Infallible;

    fn records_turns(&self, agent: i64) -> Result<bool, Infallible> {
        Ok(self.turning.borrow().contains(&agent))
    }

    fn set_records_turns(&self, agent: i64) -> Result<(), Infallible> {
        if self.turning.borrow_mut().insert(agent) {
            self.new_turning.borrow_mut().push(agent);
        }
        Ok(())
    }

    fn scopes(&self, agent: i64, quarter: Option<i64>) -> Result<Vec<i64>, Infallible> {
        let agents = self.quarters.borrow();
        let scopes = agents.get(&agent).into_iter().flatten();
        let scopes = scopes
            .filter(|(_, quarters)| quarter.is_none_or(|quarter| quarters.contains_key(&quarter)));
        Ok(scopes.map(|(scope, _)| *scope).collect())
    }

    fn agent_quarters(
        &self,
        agent: i64,
        scope: i64,
        quarters: RangeInclusive<i64>,
    ) -> Result<AgentQuarters, Infallible> {
        let mut all = self.of(agent, scope);
        all.retain(|number, _| quarters.contains(number));
        Ok(all)
    }

    fn with_neighbours(
        &self,
        agent: i64,
        scope: i64,
        quarters: RangeInclusive<i64>,
        of: Neighbours,
    ) -> Result<AgentQuarters, Infallible> {
        let mut all = self.of(agent, scope);
        let counts = |quarter: &AgentQuarter| match of {
            Neighbours::Active => true,
            Neighbours::Turns => quarter.turns.count > 0,
            Neighbours::Roots => quarter.roots.count > 0,
        };
        let (first, last) = (*quarters.start(), *quarters.end());
        let before = all
            .range(..first)
            .rev()
            .find(|(_, quarter)| counts(quarter));
        let before = before.map_or(first, |(number, _)| *number);
        let mut behind = all.range(last.saturating_add(1)..);
        let behind = behind.find(|(_, quarter)| counts(quarter));
        let behind = behind.map_or(last, |(number, _)| *number);
        all.retain(|number, _| (before..=behind).contains(number));
        Ok(all)
    }

    fn put(
        &self,
        agent: i64,
        scope: i64,
        number: i64,
        quarter: &AgentQuarter,
    ) -> Result<(), Infallible> {
        self.put
            .borrow_mut()
            .insert((agent, scope, number), *quarter);
        Ok(())
    }

    fn add_turn_buckets(&self, buckets: TurnBuckets) -> Result<BTreeSet<i64>, Infallible> {
        let quarters = buckets.0.keys().filter(|(scope, _)| *scope == ALL);
        let quarters = quarters.map(|(_, quarter)| *quarter).collect();
        let mut turns = self.turns.borrow_mut();
        for (key, more) in &buckets.0 {
            turns.0.entry(*key).or_default().add(more);
        }
        Ok(quarters)
    }

    fn delete_turn_buckets(&self, scope: i64, quarters: &Range<i64>) -> Result<(), Infallible> {
        // A rebuild has deleted the stored ones.
        let mut turns = self.turns.borrow_mut();
        turns
            .0
            .retain(|key, _| key.0 != scope || !quarters.contains(&key.1));
        Ok(())
    }
}

/// Returns the columns of agents' quarter hours, or days, by agent, scope and first quarter hour.
fn columns(quarters: &BTreeMap<(i64, i64, i64), AgentQuarter>) -> Columns<'_> {
    let each = || quarters.values();
    let start = |span: Span, us: i64| (span.count > 0).then_some(us);
    Columns::default()
        .add("agent", quarters.keys().map(|key| key.0))
        .add("scope_id", quarters.keys().map(|key| key.1))
        .add("quarter", quarters.keys().map(|key| key.2))
        .add("active", each().map(|one| one.active.min(MAX_COUNT)))
        .add("turns", each().map(|one| one.turns.count.min(MAX_COUNT)))
        .add(
            "first_turn",
            each().map(move |one| start(one.turns, one.turns.first_us)),
        )
        .add(
            "last_turn",
            each().map(move |one| start(one.turns, one.turns.last_us)),
        )
        .add("roots", each().map(|one| one.roots.count.min(MAX_COUNT)))
        .add(
            "first_root",
            each().map(move |one| start(one.roots, one.roots.first_us)),
        )
        .add(
            "last_root",
            each().map(move |one| start(one.roots, one.roots.last_us)),
        )
}

async fn put_quarters(
    transaction: &Transaction<'_>,
    quarters: &BTreeMap<(i64, i64, i64), AgentQuarter>,
) -> Result<(), Failed> {
    let columns = columns(quarters);
    let (names, new) = (columns.names(), columns.rows("new"));
    let sql = format!(
        "INSERT INTO tower_activity.agent_quarter ({names}) SELECT {names} FROM {new} \
         ON CONFLICT (agent, quarter, scope_id) DO UPDATE SET active = excluded.active, turns = excluded.turns, \
           first_turn = excluded.first_turn, last_turn = excluded.last_turn, roots = excluded.roots, \
           first_root = excluded.first_root, last_root = excluded.last_root"
    );
    query(transaction, &sql, &columns.parameters()).await?;
    Ok(())
}

/// Adds to the days of agents.
async fn add_days(transaction: &Transaction<'_>, agents: &AgentSums) -> Result<(), Failed> {
    let mut days = BTreeMap::<_, AgentQuarter>::new();
    for (agent, scopes) in &agents.quarters {
        for (scope, quarters) in scopes {
            for (quarter, more) in quarters {
                let day = days.entry((*agent, *scope, first_of_day(*quarter)));
                day.or_default().add(more);
            }
        }
    }
    let columns = columns(&days);
    let (names, new) = (columns.names(), columns.rows("new"));
    let sql = format!(
        "INSERT INTO tower_activity.agent_day AS d ({names}) SELECT {names} FROM {new} \
         ON CONFLICT (quarter, scope_id, agent) DO UPDATE SET active = least(d.active + excluded.active, {MAX_COUNT}), \
           turns = least(d.turns + excluded.turns, {MAX_COUNT}), first_turn = least(d.first_turn, excluded.first_turn), \
           last_turn = greatest(d.last_turn, excluded.last_turn), roots = least(d.roots + excluded.roots, {MAX_COUNT}), \
           first_root = least(d.first_root, excluded.first_root), last_root = greatest(d.last_root, excluded.last_root)"
    );
    query(transaction, &sql, &columns.parameters()).await?;
    Ok(())
}

async fn add_turns(transaction: &Transaction<'_>, turns: TurnBuckets) -> Result<(), Failed> {
    let mut turns: BTreeMap<(i64, i64), TurnSums> = turns.0.into_iter().collect();
    let (scopes, quarters): (Vec<i64>, Vec<i64>) = turns.keys().copied().unzip();
    let keys: [Parameter<'_>; 2] = [(&scopes, Type::INT8_ARRAY), (&quarters, Type::INT8_ARRAY)];
    for row in query(transaction, OLD_TURNS, &keys).await? {
        let old = TurnSums::from_parts(row.get(2), row.get(3), row.get(4));
        if let Some(sums) = turns.get_mut(&(row.get(0), row.get(1))) {
            sums.add(&old);
        }
    }
    let empty: Vec<_> = turns.extract_if(.., |_, sums| sums.is_nothing()).collect();
    if !empty.is_empty() {
        let (scopes, quarters): (Vec<i64>, Vec<i64>) =
            empty.into_iter().map(|(key, _)| key).unzip();
        let keys: [Parameter<'_>; 2] = [(&scopes, Type::INT8_ARRAY), (&quarters, Type::INT8_ARRAY)];
        query(transaction, DELETE_TURNS, &keys).await?;
    }
    let after: Vec<Vec<u8>> = turns.values().map(TurnSums::to_bytes).collect();
    let columns = Columns::default()
        .add("scope_id", turns.keys().map(|key| key.0))
        .add("quarter", turns.keys().map(|key| key.1))
        .add(
            "turns",
            turns
                .values()
                .map(|sums| sums.turns.clamp(-MAX_SUM, MAX_SUM)),
        )
        .add(
            "within_us",
            turns
                .values()
                .map(|sums| sums.span_us.clamp(-MAX_SUM, MAX_SUM)),
        )
        .add("after", after.iter().map(Vec::as_slice));
    let (names, new) = (columns.names(), columns.rows("new"));
    let sql = format!(
        "INSERT INTO tower_activity.turn_bucket ({names}) SELECT {names} FROM {new} \
         ON CONFLICT (scope_id, quarter) DO UPDATE SET turns = excluded.turns, within_us = excluded.within_us, \
           after = excluded.after"
    );
    query(transaction, &sql, &columns.parameters()).await?;
    Ok(())
}

/// Reads the number of a quarter hour and its row from [`COLUMNS`], the first ones of a row.
pub(in crate::store::postgres) fn read(row: &Row) -> (i64, AgentQuarter) {
    let span = |first: usize| Span {
        count: row.get(first),
        first_us: row.get::<_, Option<i64>>(first + 1).unwrap_or_default(),
        last_us: row.get::<_, Option<i64>>(first + 2).unwrap_or_default(),
    };
    let quarter = AgentQuarter {
        active: row.get(1),
        turns: span(2),
        roots: span(5),
    };
    (row.get(0), quarter)
}
