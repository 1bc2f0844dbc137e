//! The pace of all agents, or of a project's, in one quarter of an hour: what can be added up to any span of time.
//!
//! How many agents were active in a span, and how far apart their turns were, is no sum of quarters: an agent that is active
//! in two of them is one agent, and there is a pause between the two. So each quarter says of its agents how many quarters
//! ago they were active before, and took their last turn: those that did within the span are counted there already.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{ALL, stretch::Span};
use crate::{
    record::{read_number, write_number},
    store::{
        After, Pace,
        meaning::{QUARTERS, first_of_hour},
        sqlite::columns::unsigned,
    },
};

const READ: &str =
    "SELECT quarter, turns, within_us, after FROM pace WHERE scope_id = ?1 AND quarter = ?2";
const READ_RANGE: &str = "SELECT quarter, turns, within_us, after FROM pace \
     WHERE scope_id = ?1 AND quarter >= ?2 AND quarter < ?3";
const READ_HOURS: &str = "SELECT quarter, turns, within_us, after FROM hour \
     WHERE ?1 = 0 AND quarter >= ?2 AND quarter < ?3";
const REPLACE: &str = "INSERT OR REPLACE INTO pace (scope_id, quarter, turns, within_us, after) \
     VALUES (?1, ?2, ?3, ?4, ?5)";
const DELETE: &str = "DELETE FROM pace WHERE scope_id = ?1 AND quarter = ?2";
const DELETE_RANGE: &str =
    "DELETE FROM pace WHERE scope_id = ?1 AND quarter >= ?2 AND quarter < ?3";

/// One quarter. What is taken away is less than nothing.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    pub(crate) turns: i64,
    pub(crate) within_us: i64,
    /// By how many quarters ago: agents that were active, agents that took turns, the pauses between these.
    after: BTreeMap<i64, [i64; 3]>,
}

/// What is to be added, by scope and quarter.
#[derive(Debug, Default)]
pub(crate) struct Paces(HashMap<(i64, i64), Sum>);

/// The quarters of one agent that follow one another.
pub(super) type Chain = BTreeMap<i64, Span>;

/// One of them: which quarter, how many quarters after the last, how long after its last start.
struct Link {
    quarter: i64,
    distance: i64,
    gap_us: i64,
    span: Span,
}

/// The links of a chain from a quarter on; what is before that only tells how far away it is.
fn links(chain: &Chain, from: i64) -> impl Iterator<Item = Link> {
    let mut before: Option<(i64, Span)> = None;
    chain.iter().filter_map(move |(quarter, span)| {
        let last = before.replace((*quarter, *span));
        (*quarter >= from).then(|| Link {
            quarter: *quarter,
            distance: last.map_or(0, |last| quarter - last.0),
            gap_us: last.map_or(0, |last| span.first_us - last.1.last_us),
            span: *span,
        })
    })
}

impl Paces {
    /// Adds (1) or takes away (-1) what an agent's active quarters count for.
    pub(super) fn add_active(&mut self, scope: i64, sign: i64, chain: &Chain, from: i64) {
        for link in links(chain, from) {
            let sum = self.0.entry((scope, link.quarter)).or_default();
            sum.after.entry(link.distance).or_default()[0] += sign;
        }
    }

    /// Adds (1) or takes away (-1) what an agent's turns count for.
    pub(super) fn add_turns(&mut self, scope: i64, sign: i64, chain: &Chain, from: i64) {
        for link in links(chain, from) {
            let sum = self.0.entry((scope, link.quarter)).or_default();
            sum.turns += sign * link.span.count;
            sum.within_us += sign * (link.span.last_us - link.span.first_us);
            let after = sum.after.entry(link.distance).or_default();
            after[1] += sign;
            after[2] += sign * link.gap_us;
        }
    }

    /// Adds them to what is stored. Returns the quarters of the pace of all agents.
    pub(super) fn write(self, connection: &Connection) -> rusqlite::Result<BTreeSet<i64>> {
        let mut read = connection.prepare_cached(READ)?;
        let mut replace = connection.prepare_cached(REPLACE)?;
        let mut delete = connection.prepare_cached(DELETE)?;
        let mut quarters = BTreeSet::new();
        for ((scope, quarter), mut sum) in self.0 {
            if scope == ALL {
                quarters.insert(quarter);
            }
            let stored = read.query_row([scope, quarter], Sum::read).optional()?;
            if let Some((_, stored)) = stored {
                sum.add(&stored);
            }
            if sum.is_nothing() {
                delete.execute([scope, quarter])?;
            } else {
                let (turns, within_us, after) = (sum.turns, sum.within_us, sum.to_bytes());
                replace.execute(params![scope, quarter, turns, within_us, after])?;
            }
        }
        Ok(quarters)
    }

    /// What is stored of some quarters, with these added.
    pub(crate) fn on_top_of(
        self,
        connection: &Connection,
        scope: i64,
        quarters: Range<i64>,
    ) -> rusqlite::Result<Vec<Pace>> {
        self.added_to(connection, READ_RANGE, scope, quarters)
    }

    /// What is stored of all agents in these hours, with these added.
    pub(crate) fn on_top_of_hours(
        self,
        connection: &Connection,
        quarters: Range<i64>,
    ) -> rusqlite::Result<Vec<Pace>> {
        let mut hours = Paces::default();
        for ((scope, quarter), sum) in &self.0 {
            let hour = hours
                .0
                .entry((*scope, first_of_hour(*quarter)))
                .or_default();
            hour.add_by_hour(*quarter, sum);
        }
        hours.added_to(connection, READ_HOURS, ALL, quarters)
    }

    fn added_to(
        mut self,
        connection: &Connection,
        sql: &str,
        scope: i64,
        quarters: Range<i64>,
    ) -> rusqlite::Result<Vec<Pace>> {
        self.0
            .retain(|(of, quarter), _| *of == scope && quarters.contains(quarter));
        let mut paces = Vec::new();
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([scope, quarters.start, quarters.end])?;
        while let Some(row) = rows.next()? {
            let (quarter, mut sum) = Sum::read(row)?;
            if let Some(more) = self.0.remove(&(scope, quarter)) {
                sum.add(&more);
            }
            paces.push(sum.into_pace(quarter));
        }
        paces.extend(self.into_paces());
        paces.sort_by_key(|pace| pace.quarter);
        Ok(paces)
    }

    pub(crate) fn into_paces(self) -> Vec<Pace> {
        let paces = self.0.into_iter();
        let mut paces: Vec<_> = paces
            .map(|((_, quarter), sum)| sum.into_pace(quarter))
            .collect();
        paces.sort_by_key(|pace| pace.quarter);
        paces
    }
}

/// The pace of all agents in an hour, from what is stored of its quarters.
pub(crate) fn of_hour(connection: &Connection, first: i64) -> rusqlite::Result<Sum> {
    let mut hour = Sum::default();
    let mut statement = connection.prepare_cached(READ_RANGE)?;
    let mut rows = statement.query([ALL, first, first + QUARTERS])?;
    while let Some(row) = rows.next()? {
        let (quarter, sum) = Sum::read(row)?;
        hour.add_by_hour(quarter, &sum);
    }
    Ok(hour)
}

/// Forgets what is stored of some quarters.
pub(super) fn delete(
    connection: &Connection,
    scope: i64,
    quarters: &Range<i64>,
) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached(DELETE_RANGE)?;
    delete
        .execute([scope, quarters.start, quarters.end])
        .map(drop)
}

impl Sum {
    fn add(&mut self, other: &Sum) {
        self.turns += other.turns;
        self.within_us += other.within_us;
        for (distance, more) in &other.after {
            let after = self.after.entry(*distance).or_default();
            (0..3).for_each(|at| after[at] += more[at]);
        }
    }

    /// Adds what a quarter says of the hour that it belongs to: whoever was active before in the same hour does not come
    /// back to it, and its pause is one within.
    fn add_by_hour(&mut self, quarter: i64, other: &Sum) {
        self.turns += other.turns;
        self.within_us += other.within_us;
        for (distance, more) in &other.after {
            let hours = match distance {
                0 => 0,
                _ => first_of_hour(quarter) - first_of_hour(quarter - distance),
            };
            if *distance > 0 && hours == 0 {
                self.within_us += more[2];
                continue;
            }
            let after = self.after.entry(hours).or_default();
            (0..3).for_each(|at| after[at] += more[at]);
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.turns == 0 && self.after.values().all(|after| *after == [0; 3])
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.after.len() * 6);
        for (distance, after) in &self.after {
            if *after == [0; 3] {
                continue;
            }
            for number in [*distance].iter().chain(after) {
                write_number(&mut bytes, number.max(&0).cast_unsigned());
            }
        }
        bytes
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Sum)> {
        let mut sum = Sum {
            turns: row.get(1)?,
            within_us: row.get(2)?,
            ..Sum::default()
        };
        let mut bytes = row.get_ref(3)?.as_blob()?;
        let mut next = || read_number(&mut bytes).map(|number| i64::try_from(number).unwrap_or(0));
        while let (Some(distance), Some(active), Some(turning), Some(gap_us)) =
            (next(), next(), next(), next())
        {
            sum.after.insert(distance, [active, turning, gap_us]);
        }
        Ok((row.get(0)?, sum))
    }

    fn into_pace(self, quarter: i64) -> Pace {
        let after = self.after.into_iter().map(|(quarters, after)| After {
            quarters,
            active: unsigned(after[0]),
            turning: unsigned(after[1]),
            gap_us: unsigned(after[2]),
        });
        Pace {
            quarter,
            turns: unsigned(self.turns),
            within_us: unsigned(self.within_us),
            after: after.collect(),
        }
    }
}
