//! The sums and turns of each project, agent, name or brand.

use std::{collections::HashMap, ops::Range};

use rusqlite::{Connection, params};

use super::{
    coverage::{Coverage, in_quarters, snapshot},
    failed,
    metrics::{agent_quarters_of, for_each_row, stored, text_value, uncounted},
    scan,
};
use crate::{
    error::Result,
    record::{Filter, Has, Sums, Text},
    store::{
        Dimension, SampleTotals, Total, Turns,
        codes::Code,
        during,
        sqlite::write::sums::{buckets::sums, turn_buckets},
        sums::{ALL, AgentSums, Span, TurnBuckets},
    },
};

const TOTALS: &str = "SELECT scope_id, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch FROM bucket \
     WHERE scope = ?1 AND quarter >= ?2 AND quarter < ?3";

/// The most activities that are scanned for the turns of a ranking whose sums are kept.
const TURN_SCAN: usize = 200_000;

/// Adds up the sums and the turns of each text of a dimension.
///
/// Turns of names and brands are not kept: all activities are scanned for them. So they are if a part of the sums was deleted,
/// as an agent may be active on both sides of the edge.
pub(super) fn totals(
    connection: &Connection,
    by: Dimension,
    quarters: Range<i64>,
    limit: usize,
) -> Result<Vec<Total>> {
    let view = snapshot(connection)?;
    let coverage = Coverage::read(&view, &quarters, limit)?;
    let all = Filter::default();
    if !coverage.is_kept() {
        return match coverage.can_scan_all(&view, limit)? {
            true => scanned(&view, by, all, &quarters),
            false => {
                let kept = kept_sums(&view, by, &coverage.kept())?;
                let kept = with_texts(&view, kept, |_| None)?;
                let older = scanned(&view, by, all, &coverage.scanned())?;
                Ok(merged(kept, older))
            }
        };
    }
    let kept = kept_sums(&view, by, &quarters)?;
    match by {
        Dimension::Agent => {
            let turns = turns_of_agents(&view, kept.keys().copied(), &quarters)?;
            with_texts(&view, kept, |id| turns.get(&id).copied())
        }
        Dimension::Project => {
            let turns = turns_of_projects(&view, kept.keys().copied(), &quarters)?;
            with_texts(&view, kept, |id| turns.get(&id).copied())
        }
        Dimension::Name | Dimension::Brand => {
            let totals = with_texts(&view, kept, |_| None)?;
            match coverage.can_scan_all(&view, limit.min(TURN_SCAN))? {
                true => turns_of_others(&view, by, totals, &quarters),
                false => Ok(totals),
            }
        }
    }
}

/// Reads the kept sums by dictionary id.
fn kept_sums(
    view: &Connection,
    by: Dimension,
    quarters: &Range<i64>,
) -> Result<HashMap<i64, Sums>> {
    let mut totals = HashMap::<i64, Sums>::new();
    let values = params![stored(by).scope.code(), quarters.start, quarters.end];
    for_each_row(view, TOTALS, values, "read the sums", |row| {
        let (id, sums) = sums(row)?;
        totals.entry(id).or_default().merge(&sums);
        Ok(())
    })?;
    if by == Dimension::Agent {
        for ((agent, quarter), sums) in uncounted(view)?.sums {
            if quarters.contains(&quarter) {
                totals.entry(agent).or_default().merge(&sums);
            }
        }
    }
    Ok(totals)
}

fn with_texts(
    view: &Connection,
    totals: HashMap<i64, Sums>,
    turns: impl Fn(i64) -> Option<Turns>,
) -> Result<Vec<Total>> {
    let totals = totals.into_iter();
    totals
        .map(|(id, sums)| Ok(Total::new(text_value(view, id)?, sums, turns(id))))
        .collect()
}

/// Adds up activities one by one.
fn scanned(
    view: &Connection,
    by: Dimension,
    filter: Filter,
    quarters: &Range<i64>,
) -> Result<Vec<Total>> {
    let mut samples = SampleTotals::new(by);
    if !quarters.is_empty() {
        let filter = during(filter, in_quarters(quarters));
        scan::scan(view, &filter, &mut |one| samples.add(&one))?;
    }
    Ok(samples.finish())
}

/// Adds up the sums of two times. Turns of both together are not known.
fn merged(totals: Vec<Total>, more: Vec<Total>) -> Vec<Total> {
    let mut all: HashMap<Text, Total> = HashMap::new();
    for one in totals.into_iter().chain(more) {
        let new = || Total::new(one.id.clone(), Sums::default(), None);
        all.entry(one.id.clone())
            .or_insert_with(new)
            .sums
            .merge(&one.sums);
    }
    all.into_values().collect()
}

fn turns_of_agents(
    view: &Connection,
    agents: impl Iterator<Item = i64>,
    quarters: &Range<i64>,
) -> Result<HashMap<i64, Turns>> {
    let tail = uncounted(view)?;
    let turns = |agent: i64| {
        let more = tail.quarters.get(&agent);
        let more = more.and_then(|scopes| scopes.get(&ALL));
        let (agent_quarters, records_turns) = agent_quarters_of(view, agent, more, quarters)?;
        let mut span = Span::default();
        for sums in agent_quarters.values() {
            span.add(sums.turns_of(records_turns));
        }
        let mut turns = Turns::default();
        turns.add_agent(&span);
        Ok((agent, turns))
    };
    agents.map(turns).collect()
}

fn turns_of_projects(
    view: &Connection,
    projects: impl Iterator<Item = i64>,
    quarters: &Range<i64>,
) -> Result<HashMap<i64, Turns>> {
    let attempt = || failed("read the turns of agents");
    let tail: AgentSums = uncounted(view)?;
    let mut tails = HashMap::<i64, TurnBuckets>::new();
    for (key, sums) in tail.turn_buckets(view).map_err(attempt())?.0 {
        let buckets = tails.entry(key.0).or_default();
        buckets.0.insert(key, sums);
    }
    let range = in_quarters(quarters);
    let turns = |project: i64| {
        let tail = tails.remove(&project).unwrap_or_default();
        let stats = turn_buckets::read_with(tail, view, project, quarters.clone());
        let stats = stats.map_err(attempt())?;
        Ok((project, Turns::in_span(&stats, range.clone())))
    };
    projects.map(turns).collect()
}

/// Adds the turns of names or brands, from the activities that have an agent.
fn turns_of_others(
    view: &Connection,
    by: Dimension,
    mut totals: Vec<Total>,
    quarters: &Range<i64>,
) -> Result<Vec<Total>> {
    let mut of_agents = Filter::default();
    of_agents.has.any_of.push(Has::Agent);
    let found = scanned(view, by, of_agents, quarters)?.into_iter();
    let mut turns: HashMap<Text, Turns> =
        found.filter_map(|one| Some((one.id, one.turns?))).collect();
    for total in &mut totals {
        // Without an activity that has an agent there are no turns.
        total.turns = Some(turns.remove(&total.id).unwrap_or_default());
    }
    Ok(totals)
}
