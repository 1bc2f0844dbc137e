//! What is known of agents, added up in the order of commits: the insert pays nothing for it.
//!
//! Of each agent there are sums and a [`Stretch`] for every quarter of an hour in which it was active, of all agents and of
//! those of each project a [pace](pace). A change of a stretch takes away from the pace what it counted for, and what its
//! neighbours did, and adds what they count for now: additions, prunes and rebuilds are all such changes.

mod pace;
mod stretch;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use rusqlite::{Connection, Row, params};

use self::{
    pace::Chain,
    stretch::{ACTIVE, ROOTS, TURNS, around},
};
pub(crate) use self::{
    pace::{Paces, of_hour},
    stretch::{Nesting, Span, Stretch, Stretches, range},
};
use super::bucket::Buckets;
use crate::{
    record::{Kind, Status, Sums},
    store::{
        meaning::{Code, quarter_of},
        sqlite::columns::unsigned,
    },
};

/// The scope of all agents; any other is the number of a project.
pub(crate) const ALL: i64 = 0;

const ROWS: &str = "SELECT agent, project, started_at, status, duration_ns, \
     kind = (SELECT id FROM text WHERE value = ?3), root IS NULL \
     FROM activity NOT INDEXED WHERE seq > ?1 AND seq <= ?2 AND agent IS NOT NULL AND started_at >= ?4";
const SAYS: &str = "SELECT EXISTS (SELECT 1 FROM turning_agent WHERE agent = ?1)";
const SAY: &str = "INSERT OR IGNORE INTO turning_agent (agent) VALUES (?1)";
const SCOPES: &str = "SELECT DISTINCT scope_id FROM agent_stretch WHERE agent = ?1";
const SCOPES_THEN: &str = "SELECT scope_id FROM agent_stretch WHERE agent = ?1 AND quarter = ?2";

/// An activity as the sums of agents see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgentRow {
    pub(crate) agent: i64,
    pub(crate) project: Option<i64>,
    pub(crate) started_at_us: i64,
    pub(crate) status: Status,
    pub(crate) duration_ns: Option<u64>,
    pub(crate) nesting: Nesting,
}

/// What some activities add.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    /// By agent and quarter.
    pub(crate) sums: HashMap<(i64, i64), Sums>,
    /// By agent and scope.
    pub(crate) stretches: BTreeMap<i64, BTreeMap<i64, Stretches>>,
}

/// What becomes of an agent's quarters, by scope: what they were and what they are.
struct Change {
    agent: i64,
    /// Whether it said, and says, what its turns are.
    says: (bool, bool),
    scopes: BTreeMap<i64, BTreeMap<i64, (Stretch, Stretch)>>,
}

impl Agents {
    pub(crate) fn add(&mut self, row: AgentRow) {
        let quarter = quarter_of(row.started_at_us);
        let sums = self.sums.entry((row.agent, quarter)).or_default();
        sums.add(row.status, row.duration_ns);
        let stretch = Stretch::of(row.started_at_us, row.nesting);
        let scopes = self.stretches.entry(row.agent).or_default();
        for scope in [ALL].into_iter().chain(row.project) {
            let quarters = scopes.entry(scope).or_default();
            quarters.entry(quarter).or_default().add(&stretch);
        }
    }

    /// What was committed after the first and up to the second place, and started from this microsecond on.
    pub(crate) fn committed(
        connection: &Connection,
        after: i64,
        up_to: i64,
        from_us: i64,
    ) -> rusqlite::Result<Self> {
        let mut agents = Agents::default();
        let mut statement = connection.prepare_cached(ROWS)?;
        let mut rows = statement.query(params![after, up_to, Kind::Turn.as_str(), from_us])?;
        while let Some(row) = rows.next()? {
            agents.add(AgentRow::read(row)?);
        }
        Ok(agents)
    }

    /// Adds all of it to what is stored. Returns the quarters that have changed for all agents together.
    pub(crate) fn fold(self, connection: &Connection) -> rusqlite::Result<BTreeSet<i64>> {
        let changes = self.changes(connection)?;
        let mut quarters = store(connection, &changes)?;
        let mut buckets = Buckets::default();
        buckets.add_agents(self.sums);
        quarters.append(&mut buckets.fold(connection)?);
        Ok(quarters)
    }

    /// What it adds to the pace.
    pub(crate) fn paces(&self, connection: &Connection) -> rusqlite::Result<Paces> {
        paces(connection, &self.changes(connection)?)
    }

    fn changes(&self, connection: &Connection) -> rusqlite::Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (agent, scopes) in &self.stretches {
            let mut change = Change::of(connection, *agent)?;
            for (scope, quarters) in scopes {
                let mut both = BTreeMap::new();
                for (quarter, more) in quarters {
                    let old = range(connection, *agent, *scope, (*quarter, *quarter))?;
                    let old = old.get(quarter).copied().unwrap_or_default();
                    let mut new = old;
                    new.add(more);
                    change.says.1 |= new.turns.count > 0;
                    both.insert(*quarter, (old, new));
                }
                change.scopes.insert(*scope, both);
            }
            changes.push(change);
        }
        Ok(changes)
    }
}

impl AgentRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let code: i64 = row.get(3)?;
        let status = Status::from_code(code);
        let duration_ns: Option<i64> = row.get(4)?;
        Ok(AgentRow {
            agent: row.get(0)?,
            project: row.get(1)?,
            started_at_us: row.get(2)?,
            status: status.ok_or(rusqlite::Error::IntegralValueOutOfRange(3, code))?,
            duration_ns: duration_ns.map(unsigned),
            nesting: Nesting::of(row.get(5)?, row.get(6)?),
        })
    }
}

impl Nesting {
    /// No text is the kind's where there is no turn at all.
    pub(crate) fn of(is_turn: Option<bool>, is_root: bool) -> Self {
        match (is_turn, is_root) {
            (Some(true), _) => Nesting::Turn,
            (_, true) => Nesting::Root,
            (_, false) => Nesting::Nested,
        }
    }
}

/// Whether an agent has ever taken a turn that says so.
pub(crate) fn says(connection: &Connection, agent: i64) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(SAYS)?;
    statement.query_row([agent], |row| row.get(0))
}

/// Forgets these quarters of agents. Returns those that have changed for all agents together.
pub(crate) fn forget(
    connection: &Connection,
    quarters: &BTreeSet<(i64, i64)>,
) -> rusqlite::Result<BTreeSet<i64>> {
    let mut changes = BTreeMap::<i64, Change>::new();
    let mut scopes = connection.prepare_cached(SCOPES_THEN)?;
    for (agent, quarter) in quarters {
        let change = match changes.remove(agent) {
            Some(change) => change,
            None => Change::of(connection, *agent)?,
        };
        let change = changes.entry(*agent).or_insert(change);
        let mut rows = scopes.query([agent, quarter])?;
        while let Some(row) = rows.next()? {
            let scope = row.get(0)?;
            let old = range(connection, *agent, scope, (*quarter, *quarter))?;
            let old = old.get(quarter).copied().unwrap_or_default();
            let both = change.scopes.entry(scope).or_default();
            both.insert(*quarter, (old, Stretch::default()));
        }
    }
    let changes: Vec<_> = changes.into_values().collect();
    store(connection, &changes)
}

/// Puts what agents did in these quarters in place of what is stored of them, whatever that is. Returns those that
/// have changed for all agents together.
pub(crate) fn rebuild(
    connection: &Connection,
    quarters: &Range<i64>,
    agents: Agents,
) -> rusqlite::Result<BTreeSet<i64>> {
    for (agent, scopes) in &agents.stretches {
        for (scope, stretches) in scopes {
            for (quarter, stretch) in stretches {
                stretch.write(connection, *agent, *scope, *quarter)?;
                if stretch.turns.count > 0 {
                    connection.prepare_cached(SAY)?.execute([agent])?;
                }
            }
        }
    }
    let scopes = agents.stretches.values().flat_map(BTreeMap::keys);
    for scope in scopes.collect::<BTreeSet<_>>() {
        pace::delete(connection, *scope, quarters)?;
    }
    let mut paces = Paces::default();
    let last = quarters.end - 1;
    for (agent, scopes) in &agents.stretches {
        let says = says(connection, *agent)?;
        let neighbours = if says { TURNS } else { ROOTS };
        for scope in scopes.keys() {
            let within = |mut chain: Chain| {
                chain.retain(|quarter, _| *quarter <= last);
                chain
            };
            let (first, asked) = (quarters.start, (quarters.start, last));
            let old = around(connection, *agent, *scope, asked, ACTIVE)?;
            paces.add_active(*scope, 1, &within(active(&old)), first);
            let old = around(connection, *agent, *scope, asked, neighbours)?;
            paces.add_turns(*scope, 1, &within(turns(&old, says)), first);
        }
    }
    let mut changed = paces.write(connection)?;
    let mut buckets = Buckets::default();
    buckets.add_agents(agents.sums);
    changed.append(&mut buckets.fold(connection)?);
    Ok(changed)
}

/// The pace of one agent, or of several that are looked at by themselves.
pub(crate) fn add_alone(paces: &mut Paces, stretches: &Stretches, says: bool) {
    paces.add_active(ALL, 1, &active(stretches), i64::MIN);
    paces.add_turns(ALL, 1, &turns(stretches, says), i64::MIN);
}

/// Stores some changes. Returns the quarters that have changed for all agents together.
fn store(connection: &Connection, changes: &[Change]) -> rusqlite::Result<BTreeSet<i64>> {
    // What they counted for is seen only before they are changed.
    let quarters = paces(connection, changes)?.write(connection)?;
    for change in changes {
        for (scope, quarters) in &change.scopes {
            for (quarter, (_, new)) in quarters {
                new.write(connection, change.agent, *scope, *quarter)?;
            }
        }
        if change.says == (false, true) {
            connection.prepare_cached(SAY)?.execute([change.agent])?;
        }
    }
    Ok(quarters)
}

fn paces(connection: &Connection, changes: &[Change]) -> rusqlite::Result<Paces> {
    let mut paces = Paces::default();
    for change in changes {
        change.count(connection, &mut paces)?;
    }
    Ok(paces)
}

impl Change {
    fn of(connection: &Connection, agent: i64) -> rusqlite::Result<Self> {
        let says = says(connection, agent)?;
        Ok(Change {
            agent,
            says: (says, says),
            scopes: BTreeMap::new(),
        })
    }

    /// Takes away what the quarters counted for, and adds what they count for now.
    fn count(&self, connection: &Connection, paces: &mut Paces) -> rusqlite::Result<()> {
        for (scope, quarters) in &self.scopes {
            let (Some((first, _)), Some((last, _))) =
                (quarters.first_key_value(), quarters.last_key_value())
            else {
                continue;
            };
            let asked = (*first, *last);
            if quarters
                .values()
                .any(|(old, new)| (old.active == 0) != (new.active == 0))
            {
                let old = around(connection, self.agent, *scope, asked, ACTIVE)?;
                paces.add_active(*scope, -1, &active(&old), *first);
                paces.add_active(*scope, 1, &active(&changed(old, quarters)), *first);
            }
            let says = self.says.0;
            let differ = |(old, new): &(Stretch, Stretch)| old.turns_of(says) != new.turns_of(says);
            if self.says.0 == self.says.1 && quarters.values().any(differ) {
                let neighbours = if says { TURNS } else { ROOTS };
                let old = around(connection, self.agent, *scope, asked, neighbours)?;
                paces.add_turns(*scope, -1, &turns(&old, says), *first);
                paces.add_turns(*scope, 1, &turns(&changed(old, quarters), says), *first);
            }
        }
        if self.says.0 != self.says.1 {
            self.count_anew(connection, paces)?;
        }
        Ok(())
    }

    /// The same where an agent has said for the first time what its turns are: none of what seemed to be one is.
    fn count_anew(&self, connection: &Connection, paces: &mut Paces) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(SCOPES)?;
        let stored = statement.query_map([self.agent], |row| row.get(0))?;
        let mut scopes: BTreeSet<i64> = self.scopes.keys().copied().collect();
        for scope in stored {
            scopes.insert(scope?);
        }
        let nothing = BTreeMap::new();
        for scope in scopes {
            let old = range(connection, self.agent, scope, (i64::MIN, i64::MAX))?;
            paces.add_turns(scope, -1, &turns(&old, self.says.0), i64::MIN);
            let new = changed(old, self.scopes.get(&scope).unwrap_or(&nothing));
            paces.add_turns(scope, 1, &turns(&new, self.says.1), i64::MIN);
        }
        Ok(())
    }
}

fn changed(mut stretches: Stretches, by: &BTreeMap<i64, (Stretch, Stretch)>) -> Stretches {
    stretches.extend(by.iter().map(|(quarter, (_, new))| (*quarter, *new)));
    stretches
}

fn active(stretches: &Stretches) -> Chain {
    let active = stretches.iter().filter(|(_, stretch)| stretch.active > 0);
    active
        .map(|(quarter, stretch)| (*quarter, stretch.turns_of(true)))
        .collect()
}

fn turns(stretches: &Stretches, says: bool) -> Chain {
    let turns = stretches
        .iter()
        .map(|(quarter, stretch)| (*quarter, stretch.turns_of(says)));
    turns.filter(|(_, span)| span.count > 0).collect()
}
