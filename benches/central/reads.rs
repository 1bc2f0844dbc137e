//! The reads. Each runs many times with different parameters.

use std::time::Instant;

use benches::{
    Failure,
    central::{FREQUENT, MIDDLING, RARE},
    fill::{AGENTS, PROJECTS},
    milliseconds, quantile,
};
use chrono::{DateTime, TimeDelta, Utc};
use tower_activity::{
    query::{ActivityReader, MetricsQuery, Window},
    record::{ActivityId, ActivityRecord, Filter},
    store::{Cursor, Dimension, Position, Subject},
};

/// What the store has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Data {
    pub(crate) end: DateTime<Utc>,
    pub(crate) days: i64,
    pub(crate) logs: usize,
}

/// The times of a read.
pub(crate) struct Answer {
    pub(crate) name: &'static str,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Runs a read with the parameters of this number. Returns the number of results.
type Ask = fn(&mut ActivityReader, Data, usize) -> Result<usize, Failure>;

/// A read, and the milliseconds that 99 of 100 runs should take.
pub(crate) struct Read {
    pub(crate) name: &'static str,
    what: &'static str,
    goal_ms: f64,
    pub(crate) ask: Ask,
}

macro_rules! read {
    ($name:literal, $what:literal, $goal:literal, $ask:expr) => {
        Read {
            name: $name,
            what: $what,
            goal_ms: $goal,
            ask: $ask,
        }
    };
}

pub(crate) const READS: [Read; 27] = [
    read!("newest_page", "newest 50", 50.0, |reader, data, _| page(
        reader, data, "", None
    )),
    read!(
        "project_page",
        "newest 50 of a project",
        50.0,
        |reader, data, n| { page(reader, data, &format!("project:={}", project(n)), None) }
    ),
    read!(
        "projects_page",
        "newest 50 of three projects",
        50.0,
        |reader, data, n| {
            let of = [n, n + 1, n + 2].map(project).join(",");
            page(reader, data, &format!("project:{of}"), None)
        }
    ),
    read!("roots_page", "newest 50 roots", 50.0, |reader, data, _| {
        page(reader, data, "is:root", None)
    }),
    read!(
        "deep_page",
        "50 deep in history",
        50.0,
        |reader, data, n| page(reader, data, "", deep(data, n))
    ),
    read!(
        "deep_project_page",
        "50 of a project, deep in history",
        50.0,
        |reader, data, n| {
            page(
                reader,
                data,
                &format!("project:={}", project(n)),
                deep(data, n),
            )
        }
    ),
    read!(
        "deep_roots_page",
        "50 roots deep in history",
        50.0,
        |reader, data, n| page(reader, data, "is:root", deep(data, n))
    ),
    read!(
        "failed_page",
        "newest 50 that failed",
        50.0,
        |reader, data, _| page(reader, data, "status:failed", None)
    ),
    read!(
        "project_failed_page",
        "newest 50 of a project that failed",
        250.0,
        |reader, data, n| {
            page(
                reader,
                data,
                &format!("project:={} status:failed", project(n)),
                None,
            )
        }
    ),
    read!(
        "frequent_word",
        "newest 50 with a word in 4 of 100",
        250.0,
        |reader, data, _| { page(reader, data, FREQUENT, None) }
    ),
    read!(
        "middling_word",
        "newest 50 with a word in 3 of 1,000",
        250.0,
        |reader, data, _| { page(reader, data, MIDDLING, None) }
    ),
    read!(
        "rare_word",
        "newest 50 with a word in one of a million",
        50.0,
        |reader, data, _| { page(reader, data, RARE, None) }
    ),
    read!(
        "absent_word",
        "newest 50 with a word that is nowhere",
        50.0,
        |reader, data, n| { page(reader, data, &format!("absent{n}"), None).map(|none| none + 1) }
    ),
    read!(
        "project_word",
        "newest 50 of a project with a word in 3 of 1,000",
        250.0,
        |reader, data, n| {
            page(
                reader,
                data,
                &format!("project:={} {MIDDLING}", project(n)),
                None,
            )
        }
    ),
    read!(
        "session_page",
        "newest 50 of a session",
        50.0,
        |reader, data, n| { page(reader, data, &format!("session:s-{}", n * 13), None) }
    ),
    read!(
        "agent_page",
        "newest 50 of an agent",
        250.0,
        |reader, data, n| { page(reader, data, &format!("agent:={}", agent(n)), None) }
    ),
    read!("tree", "one tree", 50.0, |reader, data, n| {
        let cursor = deep(data, n);
        let filter = Filter::parse("is:root", data.end)?;
        let root = reader.page(&filter, cursor, 1)?;
        let root = root.records.first().ok_or("no root was found")?;
        Ok(reader.details(root.id)?.map_or(0, |found| found.tree.len()))
    }),
    read!(
        "month_overall",
        "a month by the hour, overall",
        50.0,
        |reader, data, _| month(reader, data, Subject::Overall)
    ),
    read!(
        "month_project",
        "a month by the hour, a project",
        50.0,
        |reader, data, n| {
            month(
                reader,
                data,
                Subject::One(Dimension::Project, project(n).into()),
            )
        }
    ),
    read!(
        "month_agent",
        "a month by the hour, an agent",
        50.0,
        |reader, data, n| {
            month(
                reader,
                data,
                Subject::One(Dimension::Agent, agent(n).into()),
            )
        }
    ),
    read!(
        "ranking_names",
        "names of a month, ranked",
        250.0,
        |reader, data, _| rank(reader, data, Dimension::Name)
    ),
    read!(
        "ranking_projects",
        "projects of a month, ranked",
        250.0,
        |reader, data, _| rank(reader, data, Dimension::Project)
    ),
    read!(
        "ranking_agents",
        "agents of a month, ranked",
        250.0,
        |reader, data, _| rank(reader, data, Dimension::Agent)
    ),
    read!(
        "errors_day",
        "groups of errors of a day",
        50.0,
        |reader, data, _| errors(reader, data, Window::Day)
    ),
    read!(
        "errors_week",
        "groups of errors of a week",
        50.0,
        |reader, data, _| errors(reader, data, Window::Week)
    ),
    read!(
        "follow",
        "100 commits after a place",
        50.0,
        |reader, data, n| {
            let newest = reader.newest::<ActivityRecord>()?;
            // Whole batches: behind the last place of one there is nothing else in it.
            let batches = ((1 + n as i64 % 50) * data.logs as i64 / 50).max(1);
            let from = newest.seq() - batches * (1 << 20);
            let position = Position::<ActivityRecord>::new(newest.log(), from.max(0));
            Ok(reader
                .after(position, &Filter::default(), 100)?
                .records
                .len())
        }
    ),
    read!(
        "follow_newest",
        "a follower that has seen everything",
        50.0,
        |reader, _, _| {
            let newest = reader.newest::<ActivityRecord>()?;
            Ok(1 + reader.after(newest, &Filter::default(), 100)?.records.len())
        }
    ),
];

/// Runs the named reads, or all, a number of times each, and prints their times.
pub(crate) fn measure(
    reader: &mut ActivityReader,
    data: Data,
    times: usize,
    named: &[String],
) -> Result<Vec<Answer>, Failure> {
    let mut answers = Vec::new();
    for Read {
        name,
        what,
        goal_ms,
        ask,
    } in READS.iter().filter(|read| read.is_named(named))
    {
        // Warm-up.
        let mut found = 0;
        for n in 0..times.min(20) {
            found += ask(reader, data, n)?;
        }
        let mut took = Vec::new();
        for n in 0..times {
            let start = Instant::now();
            found += ask(reader, data, n)?;
            took.push(start.elapsed());
        }
        if found == 0 {
            return Err(format!("{what}: nothing was found").into());
        }
        took.sort_unstable();
        let answer = Answer {
            name,
            p50_ms: milliseconds(quantile(&took, 0.5)),
            p99_ms: milliseconds(quantile(&took, 0.99)),
        };
        let missed = if answer.p99_ms > *goal_ms {
            " missed"
        } else {
            ""
        };
        println!(
            "  {what:<48} {:>10.1} {:>10.1} {goal_ms:>10}{missed}",
            answer.p50_ms, answer.p99_ms
        );
        answers.push(answer);
    }
    Ok(answers)
}

impl Read {
    pub(crate) fn is_named(&self, named: &[String]) -> bool {
        named.is_empty() || named.iter().any(|one| one == self.name)
    }
}

fn page(
    reader: &mut ActivityReader,
    data: Data,
    filter: &str,
    cursor: Option<Cursor<ActivityRecord>>,
) -> Result<usize, Failure> {
    let filter = Filter::parse(filter, data.end)?;
    Ok(reader.page(&filter, cursor, 50)?.records.len())
}

/// A place in the past, but not at its beginning.
fn deep(data: Data, n: usize) -> Option<Cursor<ActivityRecord>> {
    let hours = 1 + n as i64 * 29 % (data.days * 23);
    Some(Cursor::after(ActivityId::lower_bound(
        data.end - TimeDelta::hours(hours),
    )))
}

fn month(reader: &mut ActivityReader, data: Data, subject: Subject) -> Result<usize, Failure> {
    let query = MetricsQuery::new(Window::Month, data.end).subject(subject);
    let current = reader.metrics(&query)?.current;
    Ok(current.count.unwrap_or_default() as usize)
}

fn rank(reader: &mut ActivityReader, data: Data, by: Dimension) -> Result<usize, Failure> {
    let query = MetricsQuery::new(Window::Month, data.end);
    Ok(reader.ranking(by, &query)?.ranking.len())
}

fn errors(reader: &mut ActivityReader, data: Data, window: Window) -> Result<usize, Failure> {
    let query = MetricsQuery::new(window, data.end);
    Ok(reader.errors(&query, 50)?.groups.len())
}

// Steps coprime to the counts, so that successive reads do not hit neighbouring rows.
fn project(n: usize) -> String {
    format!("project-{}", n * 7 % PROJECTS)
}

fn agent(n: usize) -> String {
    format!("agent-{}", n * 7 % AGENTS)
}
