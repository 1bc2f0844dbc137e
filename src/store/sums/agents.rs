//! Sums and turns of agents, computed in commit order in the background, so that inserts do not pay for them.
//!
//! Each agent has sums and an [`AgentQuarter`] per quarter hour in which it was active; all agents together, and those of each
//! project, have [turn buckets](super::turns). Additions, prunes and rebuilds are all [`Change`]s of agent quarters: a change
//! subtracts what the quarter and its neighbours counted for, and adds what they count for now. The store keeps the rows
//! ([`AgentRows`]).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::{Range, RangeInclusive},
};

use super::{
    agent_quarter::{ALL, AgentQuarter, AgentQuarters, Nesting},
    quarter::quarter_of,
    turns::{QuarterSpans, TurnBuckets, active, turns},
};
use crate::record::{Status, Sums};

/// The rows of agents in a store. Agents and projects are identified by dictionary ids, quarter hours by number.
pub(crate) trait AgentRows {
    /// The error of the database.
    type Error;

    /// Returns true if the agent ever recorded an activity of kind `turn`.
    fn records_turns(&self, agent: i64) -> Result<bool, Self::Error>;

    /// Marks the agent as one that records activities of kind `turn`.
    fn set_records_turns(&self, agent: i64) -> Result<(), Self::Error>;

    /// Returns the scopes in which the agent was active, ever or in one quarter hour.
    fn scopes(&self, agent: i64, quarter: Option<i64>) -> Result<Vec<i64>, Self::Error>;

    /// Returns the agent's quarter hours in a range.
    fn agent_quarters(
        &self,
        agent: i64,
        scope: i64,
        quarters: RangeInclusive<i64>,
    ) -> Result<AgentQuarters, Self::Error>;

    /// Returns the agent's quarter hours in a range and their neighbours, which the turn buckets depend on.
    fn with_neighbours(
        &self,
        agent: i64,
        scope: i64,
        quarters: RangeInclusive<i64>,
        of: Neighbours,
    ) -> Result<AgentQuarters, Self::Error>;

    /// Replaces the row of a quarter hour, or deletes it if `quarter` has no activities.
    fn put(
        &self,
        agent: i64,
        scope: i64,
        number: i64,
        quarter: &AgentQuarter,
    ) -> Result<(), Self::Error>;

    /// Adds increments to the stored turn buckets. Returns the changed quarter hours of scope [`ALL`].
    fn add_turn_buckets(&self, buckets: TurnBuckets) -> Result<BTreeSet<i64>, Self::Error>;

    /// Deletes the turn buckets of a scope in a range.
    fn delete_turn_buckets(&self, scope: i64, quarters: &Range<i64>) -> Result<(), Self::Error>;
}

/// Which quarter hours count as neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neighbours {
    /// Those with activities.
    Active,
    /// Those with activities of kind `turn`.
    Turns,
    /// Those with root activities.
    Roots,
}

impl Neighbours {
    /// Returns the neighbours that an agent's turns depend on.
    fn of_turns(records_turns: bool) -> Self {
        if records_turns {
            Neighbours::Turns
        } else {
            Neighbours::Roots
        }
    }
}

/// The columns of an activity row that agents' sums are computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgentRow {
    pub(crate) agent: i64,
    pub(crate) project: Option<i64>,
    pub(crate) started_at_us: i64,
    pub(crate) status: Status,
    pub(crate) duration_ns: Option<u64>,
    pub(crate) nesting: Nesting,
}

/// The sums of some activities, to be added to the stored ones.
#[derive(Debug, Default)]
pub(crate) struct AgentSums {
    /// By agent and quarter hour.
    pub(crate) sums: HashMap<(i64, i64), Sums>,
    /// By agent and scope.
    pub(crate) quarters: BTreeMap<i64, BTreeMap<i64, AgentQuarters>>,
}

/// A pending update of one agent: old and new value per (scope, quarter hour).
struct Change {
    agent: i64,
    /// Whether the agent records activities of kind `turn`, before and after this change.
    records_turns: (bool, bool),
    scopes: BTreeMap<i64, BTreeMap<i64, (AgentQuarter, AgentQuarter)>>,
}

impl Nesting {
    /// `is_turn` is `None` if the dictionary has no `turn` yet, that is, if the store has no turns.
    pub(crate) fn new(is_turn: Option<bool>, is_root: bool) -> Self {
        match (is_turn, is_root) {
            (Some(true), _) => Nesting::Turn,
            (_, true) => Nesting::Root,
            (_, false) => Nesting::Nested,
        }
    }
}

impl AgentSums {
    pub(crate) fn add(&mut self, row: AgentRow) {
        let quarter = quarter_of(row.started_at_us);
        let sums = self.sums.entry((row.agent, quarter)).or_default();
        sums.add(row.status, row.duration_ns);
        let one = AgentQuarter::new(row.started_at_us, row.nesting);
        let scopes = self.quarters.entry(row.agent).or_default();
        for scope in [ALL].into_iter().chain(row.project) {
            let quarters = scopes.entry(scope).or_default();
            quarters.entry(quarter).or_default().add(&one);
        }
    }

    /// Adds the quarter hours to the stored ones. Returns the changed quarter hours of scope [`ALL`].
    pub(crate) fn store<R: AgentRows>(&self, rows: &R) -> Result<BTreeSet<i64>, R::Error> {
        store(rows, &self.changes(rows, added)?)
    }

    /// Replaces the stored quarter hours by these, and updates the turn buckets of them and of their neighbours. Returns the
    /// changed quarter hours of scope [`ALL`].
    #[cfg(feature = "postgres")]
    pub(crate) fn replace<R: AgentRows>(&self, rows: &R) -> Result<BTreeSet<i64>, R::Error> {
        store(rows, &self.changes(rows, |_, new| *new)?)
    }

    /// Returns the increments of the turn buckets, without storing them.
    pub(crate) fn turn_buckets<R: AgentRows>(&self, rows: &R) -> Result<TurnBuckets, R::Error> {
        turn_buckets(rows, &self.changes(rows, added)?)
    }

    fn changes<R: AgentRows>(
        &self,
        rows: &R,
        change_one: fn(AgentQuarter, &AgentQuarter) -> AgentQuarter,
    ) -> Result<Vec<Change>, R::Error> {
        let mut changes = Vec::new();
        for (agent, scopes) in &self.quarters {
            let mut change = Change::new(rows, *agent)?;
            for (scope, quarters) in scopes {
                let mut both = BTreeMap::new();
                for (quarter, with) in quarters {
                    let old = one(rows, *agent, *scope, *quarter)?;
                    let new = change_one(old, with);
                    change.records_turns.1 |= new.turns.count > 0;
                    both.insert(*quarter, (old, new));
                }
                change.scopes.insert(*scope, both);
            }
            changes.push(change);
        }
        Ok(changes)
    }

    /// Replaces the rows of these quarter hours. Returns the changed quarter hours of scope [`ALL`].
    pub(crate) fn rebuild<R: AgentRows>(
        &self,
        rows: &R,
        quarters: &Range<i64>,
    ) -> Result<BTreeSet<i64>, R::Error> {
        for (agent, scopes) in &self.quarters {
            for (scope, quarters) in scopes {
                for (number, quarter) in quarters {
                    rows.put(*agent, *scope, *number, quarter)?;
                    if quarter.turns.count > 0 {
                        rows.set_records_turns(*agent)?;
                    }
                }
            }
        }
        let scopes = self.quarters.values().flat_map(BTreeMap::keys);
        for scope in scopes.collect::<BTreeSet<_>>() {
            rows.delete_turn_buckets(*scope, quarters)?;
        }
        let mut buckets = TurnBuckets::default();
        let (first, last) = (quarters.start, quarters.end - 1);
        let up_to_last = |mut quarters: QuarterSpans| {
            quarters.retain(|quarter, _| *quarter <= last);
            quarters
        };
        for (agent, scopes) in &self.quarters {
            let records_turns = rows.records_turns(*agent)?;
            for scope in scopes.keys() {
                let old = rows.with_neighbours(*agent, *scope, first..=last, Neighbours::Active)?;
                buckets.add_active(*scope, 1, &up_to_last(active(&old)), first);
                let of = Neighbours::of_turns(records_turns);
                let old = rows.with_neighbours(*agent, *scope, first..=last, of)?;
                buckets.add_turns(*scope, 1, &up_to_last(turns(&old, records_turns)), first);
            }
        }
        rows.add_turn_buckets(buckets)
    }
}

fn added(mut to: AgentQuarter, more: &AgentQuarter) -> AgentQuarter {
    to.add(more);
    to
}

/// Deletes quarter hours of agents. Returns the changed quarter hours of scope [`ALL`].
pub(crate) fn delete_quarters<R: AgentRows>(
    rows: &R,
    quarters: &BTreeSet<(i64, i64)>,
) -> Result<BTreeSet<i64>, R::Error> {
    let mut changes = BTreeMap::<i64, Change>::new();
    for (agent, quarter) in quarters {
        let change = match changes.remove(agent) {
            Some(change) => change,
            None => Change::new(rows, *agent)?,
        };
        let change = changes.entry(*agent).or_insert(change);
        for scope in rows.scopes(*agent, Some(*quarter))? {
            let old = one(rows, *agent, scope, *quarter)?;
            let both = change.scopes.entry(scope).or_default();
            both.insert(*quarter, (old, AgentQuarter::default()));
        }
    }
    let changes: Vec<_> = changes.into_values().collect();
    store(rows, &changes)
}

/// Returns one quarter hour; an empty one if it has no row.
fn one<R: AgentRows>(
    rows: &R,
    agent: i64,
    scope: i64,
    quarter: i64,
) -> Result<AgentQuarter, R::Error> {
    let quarters = rows.agent_quarters(agent, scope, quarter..=quarter)?;
    Ok(quarters.get(&quarter).copied().unwrap_or_default())
}

/// Stores some changes. Returns the changed quarter hours of scope [`ALL`].
fn store<R: AgentRows>(rows: &R, changes: &[Change]) -> Result<BTreeSet<i64>, R::Error> {
    // The decrements are computed from the old rows, so this comes first.
    let quarters = rows.add_turn_buckets(turn_buckets(rows, changes)?)?;
    for change in changes {
        for (scope, quarters) in &change.scopes {
            for (quarter, (_, new)) in quarters {
                rows.put(change.agent, *scope, *quarter, new)?;
            }
        }
        if change.records_turns == (false, true) {
            rows.set_records_turns(change.agent)?;
        }
    }
    Ok(quarters)
}

fn turn_buckets<R: AgentRows>(rows: &R, changes: &[Change]) -> Result<TurnBuckets, R::Error> {
    let mut buckets = TurnBuckets::default();
    for change in changes {
        change.count(rows, &mut buckets)?;
    }
    Ok(buckets)
}

impl Change {
    fn new<R: AgentRows>(rows: &R, agent: i64) -> Result<Self, R::Error> {
        let records_turns = rows.records_turns(agent)?;
        Ok(Change {
            agent,
            records_turns: (records_turns, records_turns),
            scopes: BTreeMap::new(),
        })
    }

    /// Subtracts what the quarter hours counted for, and adds what they count for now.
    fn count<R: AgentRows>(&self, rows: &R, buckets: &mut TurnBuckets) -> Result<(), R::Error> {
        for (scope, quarters) in &self.scopes {
            let (Some((first, _)), Some((last, _))) =
                (quarters.first_key_value(), quarters.last_key_value())
            else {
                continue;
            };
            let range = *first..=*last;
            if quarters
                .values()
                .any(|(old, new)| (old.active == 0) != (new.active == 0))
            {
                let old =
                    rows.with_neighbours(self.agent, *scope, range.clone(), Neighbours::Active)?;
                buckets.add_active(*scope, -1, &active(&old), *first);
                buckets.add_active(*scope, 1, &active(&changed(old, quarters)), *first);
            }
            let records_turns = self.records_turns.0;
            let differ = |(old, new): &(AgentQuarter, AgentQuarter)| {
                old.turns_of(records_turns) != new.turns_of(records_turns)
            };
            if self.records_turns.0 == self.records_turns.1 && quarters.values().any(differ) {
                let of = Neighbours::of_turns(records_turns);
                let old = rows.with_neighbours(self.agent, *scope, range, of)?;
                buckets.add_turns(*scope, -1, &turns(&old, records_turns), *first);
                buckets.add_turns(
                    *scope,
                    1,
                    &turns(&changed(old, quarters), records_turns),
                    *first,
                );
            }
        }
        if self.records_turns.0 != self.records_turns.1 {
            self.recount_turns(rows, buckets)?;
        }
        Ok(())
    }

    /// Counts all turns of the agent anew: it recorded its first activity of kind `turn`, so its root activities, which
    /// counted as turns until now, are none.
    fn recount_turns<R: AgentRows>(
        &self,
        rows: &R,
        buckets: &mut TurnBuckets,
    ) -> Result<(), R::Error> {
        let mut scopes: BTreeSet<i64> = self.scopes.keys().copied().collect();
        scopes.extend(rows.scopes(self.agent, None)?);
        let unchanged = BTreeMap::new();
        for scope in scopes {
            let old = rows.agent_quarters(self.agent, scope, i64::MIN..=i64::MAX)?;
            buckets.add_turns(scope, -1, &turns(&old, self.records_turns.0), i64::MIN);
            let new = changed(old, self.scopes.get(&scope).unwrap_or(&unchanged));
            buckets.add_turns(scope, 1, &turns(&new, self.records_turns.1), i64::MIN);
        }
        Ok(())
    }
}

fn changed(
    mut quarters: AgentQuarters,
    by: &BTreeMap<i64, (AgentQuarter, AgentQuarter)>,
) -> AgentQuarters {
    quarters.extend(by.iter().map(|(quarter, (_, new))| (*quarter, *new)));
    quarters
}
