//! Rankings are read from days and quarter hours, and are those of the activities in any span.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use tower_activity::{
    record::{ActivityRecord, Kind},
    store::{Dimension, Quarter, Reader, Store, postgres::PostgresStore},
};

use super::{Log, activity};
use crate::support::postgres;

const START: &str = "2026-03-01T00:00:00Z";
const DAYS: usize = 4;
const ROWS: u64 = 600;
const SPANS: usize = 40;

/// A ranked text: its activities, failures, active agents, turns, turns that followed another, and the time between them.
type Ranked = BTreeMap<String, (u64, u64, u64, u64, u64, u64)>;

fn rows(random: &mut fastrand::Rng) -> Vec<ActivityRecord> {
    let start: DateTime<Utc> = START.parse().unwrap();
    let rows = (0..ROWS).map(|number| {
        let minute = random.usize(..DAYS * 1_440) as i64;
        let mut one = activity(start + Duration::minutes(minute), number);
        one.scope.project = Some(format!("project-{}", random.usize(..3)).into());
        let agent = random.usize(..6);
        one.scope.agent = Some(format!("agent-{agent}").into()).filter(|_| agent > 0);
        one.name = format!("name-{}", random.usize(..4)).into();
        // Some agents record turns, of others their roots are turns.
        if agent < 3 && random.usize(..2) > 0 {
            one.kind = Kind::Turn;
        }
        one
    });
    rows.collect()
}

fn expected(rows: &[ActivityRecord], by: Dimension, span: &std::ops::Range<Quarter>) -> Ranked {
    let agent_of = |one: &ActivityRecord| one.scope.agent.as_ref().map(ToString::to_string);
    let turns = rows.iter().filter(|one| one.kind == Kind::Turn);
    let with_turns: BTreeSet<_> = turns.filter_map(agent_of).collect();
    let mut groups = BTreeMap::<String, Vec<&ActivityRecord>>::new();
    for one in rows {
        let id = match by {
            Dimension::Agent => agent_of(one),
            Dimension::Project => one.scope.project.as_ref().map(ToString::to_string),
            _ => Some(one.name.to_string()),
        };
        if let Some(id) = id.filter(|_| span.contains(&Quarter::containing(one.started_at))) {
            groups.entry(id).or_default().push(one);
        }
    }
    let ranked = groups.into_iter().map(|(id, group)| {
        let mut agents = BTreeMap::<String, Vec<DateTime<Utc>>>::new();
        for one in &group {
            let Some(agent) = agent_of(one) else { continue };
            let is_turn = one.kind == Kind::Turn || !with_turns.contains(&agent);
            let turns = agents.entry(agent).or_default();
            turns.extend(is_turn.then_some(one.started_at));
        }
        let mut sums = (group.len() as u64, 0, agents.len() as u64, 0, 0, 0);
        for turns in agents.values() {
            sums.3 += turns.len() as u64;
            sums.4 += (turns.len() as u64).saturating_sub(1);
            let (first, last) = (turns.iter().min(), turns.iter().max());
            let gap = last.zip(first).map(|(last, first)| *last - *first);
            sums.5 += gap.map_or(0, |gap| gap.num_microseconds().unwrap() as u64);
        }
        (id, sums)
    });
    let mut ranked: Ranked = ranked.collect();
    if matches!(by, Dimension::Name) {
        // Turns of names are scanned: those of activities that have an agent.
        ranked
            .values_mut()
            .for_each(|sums| (sums.2, sums.3, sums.4, sums.5) = (0, 0, 0, 0));
    }
    ranked
}

#[test]
fn a_ranking_of_any_span_counts_its_activities_once() {
    let seed = std::env::var("ACTIVITY_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("ACTIVITY_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let rows = rows(&mut random);
    for batch in rows.chunks(70) {
        log.send(batch.to_vec(), Vec::new());
        // Days and quarter hours are added to, not written once.
        while log.intake.fold().unwrap() > 0 {}
    }
    let mut reader: Box<dyn Reader> = PostgresStore::new(&url).unwrap().reader().unwrap();
    let start: DateTime<Utc> = START.parse().unwrap();
    let quarter =
        |number: usize| Quarter::containing(start + Duration::minutes(15 * number as i64));
    for _ in 0..SPANS {
        let mut ends = [0; 2].map(|_| match random.usize(..3) {
            // At midnight.
            0 => random.usize(..DAYS + 1) * 96,
            _ => random.usize(..DAYS * 96 + 1),
        });
        ends.sort_unstable();
        let span = quarter(ends[0])..quarter(ends[1]);
        for by in [Dimension::Agent, Dimension::Project, Dimension::Name] {
            let totals = reader.totals(by, span.clone()).unwrap().into_iter();
            let ranked = totals.map(|total| {
                let turns = total.turns.filter(|_| !matches!(by, Dimension::Name));
                let turns = turns.unwrap_or_default();
                let sums = (
                    total.sums.count,
                    total.sums.failed,
                    turns.agents,
                    turns.turns,
                    turns.followed,
                    turns.gap_us,
                );
                (total.id.to_string(), sums)
            });
            assert_eq!(
                ranked.collect::<Ranked>(),
                expected(&rows, by, &span),
                "{by:?} of quarter hours {ends:?}"
            );
        }
    }
}
