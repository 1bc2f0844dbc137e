//! What is known of agents, added up in the order of commits: the insert pays nothing for it.
//!
//! Of each agent there are sums and a [`AgentQuarter`] for every quarter of an hour in which it was active, of all agents and of
//! those of each project a [pace](super::turns). A change of a stretch takes away from the pace what it counted for, and what
//! its neighbours did, and adds what they count for now: additions, prunes and rebuilds are all such changes. A store keeps
//! the rows ([`AgentRows`]).

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

/// The rows that a store keeps of agents. Agents and projects are told by their numbers, and so are quarters of an hour.
pub(crate) trait AgentRows {
    /// Why a row could not be read or written.
    type Error;

    /// Whether an agent has ever taken a turn that says so.
    fn records_turns(&self, agent: i64) -> Result<bool, Self::Error>;

    /// Remembers that it has.
    fn set_records_turns(&self, agent: i64) -> Result<(), Self::Error>;

    /// The scopes in which an agent was active, ever or in one quarter.
    fn scopes(&self, agent: i64, quarter: Option<i64>) -> Result<Vec<i64>, Self::Error>;

    /// The stretches of an agent in these quarters.
    fn agent_quarters(
        &self,
        agent: i64,
        scope: i64,
        quarters: RangeInclusive<i64>,
    ) -> Result<AgentQuarters, Self::Error>;

    /// The last quarter before these of which something is there, and the first after them.
    fn neighbours(
        &self,
        agent: i64,
        scope: i64,
        quarters: &RangeInclusive<i64>,
        of: Neighbours,
    ) -> Result<(Option<i64>, Option<i64>), Self::Error>;

    /// Puts a stretch in place of the one that is there; one without activities is deleted.
    fn put(
        &self,
        agent: i64,
        scope: i64,
        quarter: i64,
        stretch: &AgentQuarter,
    ) -> Result<(), Self::Error>;

    /// Adds to the pace that is there. Returns the quarters of the pace of all agents.
    fn add_turn_buckets(&self, buckets: TurnBuckets) -> Result<BTreeSet<i64>, Self::Error>;

    /// Forgets the pace of these quarters.
    fn delete_turn_buckets(&self, scope: i64, quarters: &Range<i64>) -> Result<(), Self::Error>;

    /// The stretches of these quarters, with their neighbours: what they count for depends on them.
    fn around(
        &self,
        agent: i64,
        scope: i64,
        quarters: RangeInclusive<i64>,
        of: Neighbours,
    ) -> Result<AgentQuarters, Self::Error> {
        let (before, after) = self.neighbours(agent, scope, &quarters, of)?;
        let (first, last) = quarters.into_inner();
        let quarters = before.unwrap_or(first)..=after.unwrap_or(last);
        self.agent_quarters(agent, scope, quarters)
    }
}

/// Which quarters of an agent follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neighbours {
    /// Those in which it was active.
    Active,
    /// Those in which it took turns that say so.
    Turns,
    /// Those in which it did something without a parent.
    Roots,
}

impl Neighbours {
    /// Those of an agent that says what its turns are, or does not.
    fn of_turns(records_turns: bool) -> Self {
        if records_turns {
            Neighbours::Turns
        } else {
            Neighbours::Roots
        }
    }
}

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
pub(crate) struct AgentSums {
    /// By agent and quarter.
    pub(crate) sums: HashMap<(i64, i64), Sums>,
    /// By agent and scope.
    pub(crate) stretches: BTreeMap<i64, BTreeMap<i64, AgentQuarters>>,
}

/// What becomes of an agent's quarters, by scope: what they were and what they are.
struct Change {
    agent: i64,
    /// Whether it said, and records_turns, what its turns are.
    records_turns: (bool, bool),
    scopes: BTreeMap<i64, BTreeMap<i64, (AgentQuarter, AgentQuarter)>>,
}

impl Nesting {
    /// No text is the kind's where there is no turn at all.
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
        let stretch = AgentQuarter::new(row.started_at_us, row.nesting);
        let scopes = self.stretches.entry(row.agent).or_default();
        for scope in [ALL].into_iter().chain(row.project) {
            let quarters = scopes.entry(scope).or_default();
            quarters.entry(quarter).or_default().add(&stretch);
        }
    }

    /// Adds the stretches to those that are kept. Returns the quarters that have changed for all agents together.
    pub(crate) fn store<R: AgentRows>(&self, rows: &R) -> Result<BTreeSet<i64>, R::Error> {
        store(rows, &self.changes(rows)?)
    }

    /// What they add to the pace.
    pub(crate) fn turn_buckets<R: AgentRows>(&self, rows: &R) -> Result<TurnBuckets, R::Error> {
        turn_buckets(rows, &self.changes(rows)?)
    }

    fn changes<R: AgentRows>(&self, rows: &R) -> Result<Vec<Change>, R::Error> {
        let mut changes = Vec::new();
        for (agent, scopes) in &self.stretches {
            let mut change = Change::of(rows, *agent)?;
            for (scope, quarters) in scopes {
                let mut both = BTreeMap::new();
                for (quarter, more) in quarters {
                    let old = one(rows, *agent, *scope, *quarter)?;
                    let mut new = old;
                    new.add(more);
                    change.records_turns.1 |= new.turns.count > 0;
                    both.insert(*quarter, (old, new));
                }
                change.scopes.insert(*scope, both);
            }
            changes.push(change);
        }
        Ok(changes)
    }

    /// Puts what agents did in these quarters in place of what is kept of them, whatever that is. Returns those that have
    /// changed for all agents together.
    pub(crate) fn rebuild<R: AgentRows>(
        &self,
        rows: &R,
        quarters: &Range<i64>,
    ) -> Result<BTreeSet<i64>, R::Error> {
        for (agent, scopes) in &self.stretches {
            for (scope, stretches) in scopes {
                for (quarter, stretch) in stretches {
                    rows.put(*agent, *scope, *quarter, stretch)?;
                    if stretch.turns.count > 0 {
                        rows.set_records_turns(*agent)?;
                    }
                }
            }
        }
        let scopes = self.stretches.values().flat_map(BTreeMap::keys);
        for scope in scopes.collect::<BTreeSet<_>>() {
            rows.delete_turn_buckets(*scope, quarters)?;
        }
        let mut buckets = TurnBuckets::default();
        let (first, last) = (quarters.start, quarters.end - 1);
        let within = |mut chain: QuarterSpans| {
            chain.retain(|quarter, _| *quarter <= last);
            chain
        };
        for (agent, scopes) in &self.stretches {
            let records_turns = rows.records_turns(*agent)?;
            for scope in scopes.keys() {
                let old = rows.around(*agent, *scope, first..=last, Neighbours::Active)?;
                buckets.add_active(*scope, 1, &within(active(&old)), first);
                let of = Neighbours::of_turns(records_turns);
                let old = rows.around(*agent, *scope, first..=last, of)?;
                buckets.add_turns(*scope, 1, &within(turns(&old, records_turns)), first);
            }
        }
        rows.add_turn_buckets(buckets)
    }
}

/// Forgets these quarters of agents. Returns those that have changed for all agents together.
pub(crate) fn delete_quarters<R: AgentRows>(
    rows: &R,
    quarters: &BTreeSet<(i64, i64)>,
) -> Result<BTreeSet<i64>, R::Error> {
    let mut changes = BTreeMap::<i64, Change>::new();
    for (agent, quarter) in quarters {
        let change = match changes.remove(agent) {
            Some(change) => change,
            None => Change::of(rows, *agent)?,
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

/// The stretch of one quarter; an empty one where there is none.
fn one<R: AgentRows>(
    rows: &R,
    agent: i64,
    scope: i64,
    quarter: i64,
) -> Result<AgentQuarter, R::Error> {
    let stretches = rows.agent_quarters(agent, scope, quarter..=quarter)?;
    Ok(stretches.get(&quarter).copied().unwrap_or_default())
}

/// Stores some changes. Returns the quarters that have changed for all agents together.
fn store<R: AgentRows>(rows: &R, changes: &[Change]) -> Result<BTreeSet<i64>, R::Error> {
    // What they counted for is seen only before they are changed.
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
    fn of<R: AgentRows>(rows: &R, agent: i64) -> Result<Self, R::Error> {
        let records_turns = rows.records_turns(agent)?;
        Ok(Change {
            agent,
            records_turns: (records_turns, records_turns),
            scopes: BTreeMap::new(),
        })
    }

    /// Takes away what the quarters counted for, and adds what they count for now.
    fn count<R: AgentRows>(&self, rows: &R, buckets: &mut TurnBuckets) -> Result<(), R::Error> {
        for (scope, quarters) in &self.scopes {
            let (Some((first, _)), Some((last, _))) =
                (quarters.first_key_value(), quarters.last_key_value())
            else {
                continue;
            };
            let asked = *first..=*last;
            if quarters
                .values()
                .any(|(old, new)| (old.active == 0) != (new.active == 0))
            {
                let old = rows.around(self.agent, *scope, asked.clone(), Neighbours::Active)?;
                buckets.add_active(*scope, -1, &active(&old), *first);
                buckets.add_active(*scope, 1, &active(&changed(old, quarters)), *first);
            }
            let records_turns = self.records_turns.0;
            let differ = |(old, new): &(AgentQuarter, AgentQuarter)| {
                old.turns_of(records_turns) != new.turns_of(records_turns)
            };
            if self.records_turns.0 == self.records_turns.1 && quarters.values().any(differ) {
                let of = Neighbours::of_turns(records_turns);
                let old = rows.around(self.agent, *scope, asked, of)?;
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
            self.count_anew(rows, buckets)?;
        }
        Ok(())
    }

    /// The same where an agent has said for the first time what its turns are: none of what seemed to be one is.
    fn count_anew<R: AgentRows>(
        &self,
        rows: &R,
        buckets: &mut TurnBuckets,
    ) -> Result<(), R::Error> {
        let mut scopes: BTreeSet<i64> = self.scopes.keys().copied().collect();
        scopes.extend(rows.scopes(self.agent, None)?);
        let nothing = BTreeMap::new();
        for scope in scopes {
            let old = rows.agent_quarters(self.agent, scope, i64::MIN..=i64::MAX)?;
            buckets.add_turns(scope, -1, &turns(&old, self.records_turns.0), i64::MIN);
            let new = changed(old, self.scopes.get(&scope).unwrap_or(&nothing));
            buckets.add_turns(scope, 1, &turns(&new, self.records_turns.1), i64::MIN);
        }
        Ok(())
    }
}

fn changed(
    mut stretches: AgentQuarters,
    by: &BTreeMap<i64, (AgentQuarter, AgentQuarter)>,
) -> AgentQuarters {
    stretches.extend(by.iter().map(|(quarter, (_, new))| (*quarter, *new)));
    stretches
}
