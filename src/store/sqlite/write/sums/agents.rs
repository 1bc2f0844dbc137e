//! Stores the sums of agents.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    ops::{Range, RangeInclusive},
};

use rusqlite::{Connection, Row, params};

use super::{buckets, turn_buckets};
use crate::{
    record::{Kind, Status},
    store::{
        codes::Code,
        sqlite::columns::unsigned,
        sums::{
            AgentQuarter, AgentQuarters, AgentRow, AgentRows, AgentSums, Buckets, Neighbours,
            Nesting, Span, TurnBuckets,
        },
    },
};

const ROWS: &str = "SELECT agent, project, started_at, status, duration_ns, \
     kind = (SELECT id FROM text WHERE value = ?3), root IS NULL \
     FROM activity NOT INDEXED WHERE seq > ?1 AND seq <= ?2 AND agent IS NOT NULL AND started_at >= ?4";
const RECORDS_TURNS: &str = "SELECT EXISTS (SELECT 1 FROM turning_agent WHERE agent = ?1)";
const SET_RECORDS_TURNS: &str = "INSERT OR IGNORE INTO turning_agent (agent) VALUES (?1)";
const SCOPES: &str = "SELECT DISTINCT scope_id FROM agent_stretch WHERE agent = ?1";
const SCOPES_IN_QUARTER: &str =
    "SELECT scope_id FROM agent_stretch WHERE agent = ?1 AND quarter = ?2";

const RANGE: &str = "SELECT quarter, active, turns, first_turn, last_turn, roots, first_root, last_root \
     FROM agent_stretch WHERE agent = ?1 AND quarter BETWEEN ?3 AND ?4 AND scope_id = ?2";
/// The same with the last quarter before the range, and the first after it.
const AND_ACTIVE: &str = "SELECT quarter, active, turns, first_turn, last_turn, roots, first_root, last_root \
     FROM agent_stretch WHERE agent = ?1 AND scope_id = ?2 AND quarter BETWEEN \
     coalesce((SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter < ?3 AND scope_id = ?2 \
               ORDER BY quarter DESC LIMIT 1), ?3) AND \
     coalesce((SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter > ?4 AND scope_id = ?2 \
               ORDER BY quarter LIMIT 1), ?4)";
const AND_TURNS: &str = "SELECT quarter, active, turns, first_turn, last_turn, roots, first_root, last_root \
     FROM agent_stretch WHERE agent = ?1 AND scope_id = ?2 AND quarter BETWEEN \
     coalesce((SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter < ?3 AND scope_id = ?2 AND turns > 0 \
               ORDER BY quarter DESC LIMIT 1), ?3) AND \
     coalesce((SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter > ?4 AND scope_id = ?2 AND turns > 0 \
               ORDER BY quarter LIMIT 1), ?4)";
const AND_ROOTS: &str = "SELECT quarter, active, turns, first_turn, last_turn, roots, first_root, last_root \
     FROM agent_stretch WHERE agent = ?1 AND scope_id = ?2 AND quarter BETWEEN \
     coalesce((SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter < ?3 AND scope_id = ?2 AND roots > 0 \
               ORDER BY quarter DESC LIMIT 1), ?3) AND \
     coalesce((SELECT quarter FROM agent_stretch WHERE agent = ?1 AND quarter > ?4 AND scope_id = ?2 AND roots > 0 \
               ORDER BY quarter LIMIT 1), ?4)";
const REPLACE: &str = "INSERT OR REPLACE INTO agent_stretch \
     (agent, scope_id, quarter, active, turns, first_turn, last_turn, roots, first_root, last_root) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const DELETE: &str =
    "DELETE FROM agent_stretch WHERE agent = ?1 AND scope_id = ?2 AND quarter = ?3";

/// What is computed from the stored rows without changing them.
struct Computed<'a> {
    stored: &'a Connection,
    turns: RefCell<TurnBuckets>,
    /// False if an agent that records turns is not stored as one.
    are_known: Cell<bool>,
}

impl AgentRows for Computed<'_> {
    type Error = rusqlite::Error;

    fn records_turns(&self, agent: i64) -> rusqlite::Result<bool> {
        self.stored.records_turns(agent)
    }

    fn set_records_turns(&self, agent: i64) -> rusqlite::Result<()> {
        let is_known = self.stored.records_turns(agent)?;
        self.are_known.set(self.are_known.get() && is_known);
        Ok(())
    }

    fn scopes(&self, agent: i64, quarter: Option<i64>) -> rusqlite::Result<Vec<i64>> {
        self.stored.scopes(agent, quarter)
    }

    fn agent_quarters(
        &self,
        agent: i64,
        scope: i64,
        quarters: RangeInclusive<i64>,
    ) -> rusqlite::Result<AgentQuarters> {
        self.stored.agent_quarters(agent, scope, quarters)
    }

    fn with_neighbours(
        &self,
        agent: i64,
        scope: i64,
        quarters: RangeInclusive<i64>,
        of: Neighbours,
    ) -> rusqlite::Result<AgentQuarters> {
        self.stored.with_neighbours(agent, scope, quarters, of)
    }

    fn put(&self, _: i64, _: i64, _: i64, _: &AgentQuarter) -> rusqlite::Result<()> {
        Ok(())
    }

    fn add_turn_buckets(&self, buckets: TurnBuckets) -> rusqlite::Result<BTreeSet<i64>> {
        self.turns.replace(buckets);
        Ok(BTreeSet::new())
    }

    fn delete_turn_buckets(&self, _: i64, _: &Range<i64>) -> rusqlite::Result<()> {
        Ok(())
    }
}

/// Returns true if the tables have these quarter hours of agents, and the turns of all agents in that quarter hour.
pub(crate) fn equals(
    connection: &Connection,
    agents: &AgentSums,
    quarter: i64,
    first: i64,
) -> rusqlite::Result<bool> {
    for (agent, scopes) in &agents.quarters {
        for (scope, expected) in scopes {
            let found = connection.agent_quarters(*agent, *scope, quarter..=quarter)?;
            if found.get(&quarter) != expected.get(&quarter) {
                return Ok(false);
            }
        }
    }
    let computed = Computed {
        stored: connection,
        turns: RefCell::default(),
        are_known: Cell::new(true),
    };
    agents.rebuild(&computed, &(quarter..quarter + 1))?;
    let turns = computed.turns.into_inner();
    Ok(computed.are_known.get() && turn_buckets::equals(connection, turns, quarter, first)?)
}

impl AgentRows for Connection {
    type Error = rusqlite::Error;

    fn records_turns(&self, agent: i64) -> rusqlite::Result<bool> {
        let mut statement = self.prepare_cached(RECORDS_TURNS)?;
        statement.query_row([agent], |row| row.get(0))
    }

    fn set_records_turns(&self, agent: i64) -> rusqlite::Result<()> {
        self.prepare_cached(SET_RECORDS_TURNS)?
            .execute([agent])
            .map(drop)
    }

    fn scopes(&self, agent: i64, quarter: Option<i64>) -> rusqlite::Result<Vec<i64>> {
        let scope = |row: &Row<'_>| row.get(0);
        match quarter {
            None => {
                let mut statement = self.prepare_cached(SCOPES)?;
                statement.query_map([agent], scope)?.collect()
            }
            Some(quarter) => {
                let mut statement = self.prepare_cached(SCOPES_IN_QUARTER)?;
                statement.query_map([agent, quarter], scope)?.collect()
            }
        }
    }

    fn agent_quarters(
        &self,
        agent: i64,
        scope: i64,
        quarters: RangeInclusive<i64>,
    ) -> rusqlite::Result<AgentQuarters> {
        let mut statement = self.prepare_cached(RANGE)?;
        let values = [agent, scope, *quarters.start(), *quarters.end()];
        statement.query_map(values, read)?.collect()
    }

    fn with_neighbours(
        &self,
        agent: i64,
        scope: i64,
        quarters: RangeInclusive<i64>,
        of: Neighbours,
    ) -> rusqlite::Result<AgentQuarters> {
        let mut statement = self.prepare_cached(match of {
            Neighbours::Active => AND_ACTIVE,
            Neighbours::Turns => AND_TURNS,
            Neighbours::Roots => AND_ROOTS,
        })?;
        let values = [agent, scope, *quarters.start(), *quarters.end()];
        statement.query_map(values, read)?.collect()
    }

    fn put(
        &self,
        agent: i64,
        scope: i64,
        quarter: i64,
        row: &AgentQuarter,
    ) -> rusqlite::Result<()> {
        if row.active == 0 {
            let mut delete = self.prepare_cached(DELETE)?;
            return delete.execute([agent, scope, quarter]).map(drop);
        }
        let start = |span: Span, us: i64| (span.count > 0).then_some(us);
        let (turns, roots) = (row.turns, row.roots);
        let mut replace = self.prepare_cached(REPLACE)?;
        let written = replace.execute(params![
            agent,
            scope,
            quarter,
            row.active,
            turns.count,
            start(turns, turns.first_us),
            start(turns, turns.last_us),
            roots.count,
            start(roots, roots.first_us),
            start(roots, roots.last_us),
        ]);
        written.map(drop)
    }

    fn add_turn_buckets(&self, buckets: TurnBuckets) -> rusqlite::Result<BTreeSet<i64>> {
        turn_buckets::add(self, buckets)
    }

    fn delete_turn_buckets(&self, scope: i64, quarters: &Range<i64>) -> rusqlite::Result<()> {
        turn_buckets::delete(self, scope, quarters)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, AgentQuarter)> {
    let span = |first: usize| -> rusqlite::Result<Span> {
        Ok(Span {
            count: row.get(first)?,
            first_us: row.get::<_, Option<i64>>(first + 1)?.unwrap_or_default(),
            last_us: row.get::<_, Option<i64>>(first + 2)?.unwrap_or_default(),
        })
    };
    let agent_quarter = AgentQuarter {
        active: row.get(1)?,
        turns: span(2)?,
        roots: span(5)?,
    };
    Ok((row.get(0)?, agent_quarter))
}

/// Reads the sums of activities with a seq in `after + 1..=up_to` that started at `from_us` or later.
pub(crate) fn read_committed(
    connection: &Connection,
    after: i64,
    up_to: i64,
    from_us: i64,
) -> rusqlite::Result<AgentSums> {
    let mut agents = AgentSums::default();
    let mut statement = connection.prepare_cached(ROWS)?;
    let mut rows = statement.query(params![after, up_to, Kind::Turn.as_str(), from_us])?;
    while let Some(row) = rows.next()? {
        agents.add(agent_row(row)?);
    }
    Ok(agents)
}

/// Adds the sums to the stored ones. Returns the quarters whose sums over all agents have changed.
pub(crate) fn fold(connection: &Connection, agents: AgentSums) -> rusqlite::Result<BTreeSet<i64>> {
    let mut quarters = agents.store(connection)?;
    quarters.append(&mut fold_sums(connection, agents)?);
    Ok(quarters)
}

/// Replaces the stored sums of these quarters. Returns the quarters whose sums over all agents have changed.
pub(crate) fn rebuild(
    connection: &Connection,
    quarters: &Range<i64>,
    agents: AgentSums,
) -> rusqlite::Result<BTreeSet<i64>> {
    let mut changed = agents.rebuild(connection, quarters)?;
    changed.append(&mut fold_sums(connection, agents)?);
    Ok(changed)
}

fn fold_sums(connection: &Connection, agents: AgentSums) -> rusqlite::Result<BTreeSet<i64>> {
    let mut buckets = Buckets::default();
    buckets.add_agents(agents.sums);
    buckets::fold(connection, &mut buckets)
}

fn agent_row(row: &Row<'_>) -> rusqlite::Result<AgentRow> {
    let code: i64 = row.get(3)?;
    let status = Status::from_code(code);
    let duration_ns: Option<i64> = row.get(4)?;
    Ok(AgentRow {
        agent: row.get(0)?,
        project: row.get(1)?,
        started_at_us: row.get(2)?,
        status: status.ok_or(rusqlite::Error::IntegralValueOutOfRange(3, code))?,
        duration_ns: duration_ns.map(unsigned),
        nesting: Nesting::new(row.get(5)?, row.get(6)?),
    })
}
