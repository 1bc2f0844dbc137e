//! The queries. Each runs many times with different parameters.

use std::time::Instant;

use benches::{
    Failure,
    fill::{AGENTS, ATTRIBUTES, DAYS, PROJECTS, SESSIONS, STATIONS, TICKETS},
    quantile,
};
use chrono::{DateTime, TimeDelta, Utc};
use tower_activity::{
    query::{ActivityReader, MetricsQuery, Window},
    record::{ActivityId, ActivityRecord, Filter},
    store::{Cursor, Dimension, Subject},
};

use crate::milliseconds;

/// The times of a query.
pub(crate) struct Answer {
    pub(crate) name: &'static str,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Runs a query, and returns the number of results.
type Ask = fn(&mut ActivityReader, DateTime<Utc>, usize) -> Result<usize, Failure>;

const QUESTIONS: [(&str, &str, Ask); 12] = [
    ("newest_page", "newest 50 of a project", |reader, end, n| {
        page(reader, end, &format!("project:{}", project(n)), None)
    }),
    (
        "deep_page",
        "50 of a project, deep in history",
        |reader, end, n| {
            let at = end - TimeDelta::days(1 + n as i64 * 5 % (DAYS - 2));
            let cursor = Cursor::after(ActivityId::lower_bound(at));
            page(
                reader,
                end,
                &format!("project:{}", project(n)),
                Some(cursor),
            )
        },
    ),
    (
        "month_overall",
        "a month by the hour, overall",
        |reader, end, _| month(reader, end, Subject::Overall),
    ),
    (
        "month_project",
        "a month by the hour, a project",
        |reader, end, n| {
            let subject = Subject::One(Dimension::Project, project(n).into());
            month(reader, end, subject)
        },
    ),
    (
        "month_agent",
        "a month by the hour, an agent",
        |reader, end, n| {
            let subject = Subject::One(Dimension::Agent, agent(n).into());
            month(reader, end, subject)
        },
    ),
    (
        "rare_word",
        "newest 50 with a rare word",
        |reader, end, n| page(reader, end, &format!("ticket{}", ticket(n)), None),
    ),
    (
        "phrase",
        "newest 50 with three words in a row",
        |reader, end, n| {
            let phrase = format!("\"ticket{} was refused\"", ticket(n));
            page(reader, end, &phrase, None)
        },
    ),
    (
        "prefix",
        "newest 50 with the beginning of a word",
        |reader, end, n| page(reader, end, &format!("ticket{}*", 10 + n % 90), None),
    ),
    (
        "cjk_phrase",
        "newest 50 with six characters in a row",
        |reader, end, n| {
            let (from, to) = (STATIONS[n % 4], STATIONS[n / 4 % 4]);
            page(reader, end, &format!("{from}から{to}"), None)
        },
    ),
    (
        "attribute",
        "newest 50 with an attribute",
        |reader, end, n| {
            page(
                reader,
                end,
                &format!("attr.rows:{}", n * 7 % ATTRIBUTES),
                None,
            )
        },
    ),
    ("session", "newest 50 of a session", |reader, end, n| {
        let session = format!("session:s-{}", n * 13 % SESSIONS);
        page(reader, end, &session, None)
    }),
    (
        "agent_failed",
        "newest 50 of an agent that failed",
        |reader, end, n| {
            let failed = format!("agent:{} status:failed", agent(n));
            page(reader, end, &failed, None)
        },
    ),
];

/// Runs the named queries, or all, a number of times each, and prints their times.
pub(crate) fn ask(
    reader: &mut ActivityReader,
    end: DateTime<Utc>,
    times: usize,
    named: &[String],
) -> Result<Vec<Answer>, Failure> {
    let mut answers = Vec::new();
    for (name, what, ask) in QUESTIONS {
        if !named.is_empty() && !named.iter().any(|one| one == name) {
            continue;
        }
        // Warm-up: a program compiles its statements once.
        let mut found = ask(reader, end, times)?;
        let mut took = Vec::new();
        for n in 0..times {
            let start = Instant::now();
            found += ask(reader, end, n)?;
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
        println!(
            "  {what:<40} {:>10.3} {:>10.3}",
            answer.p50_ms, answer.p99_ms
        );
        answers.push(answer);
    }
    Ok(answers)
}

fn page(
    reader: &mut ActivityReader,
    end: DateTime<Utc>,
    filter: &str,
    cursor: Option<Cursor<ActivityRecord>>,
) -> Result<usize, Failure> {
    let filter = Filter::parse(filter, end)?;
    Ok(reader.page(&filter, cursor, 50)?.records.len())
}

/// Metrics with counts, rates, turns and percentiles per hour.
fn month(
    reader: &mut ActivityReader,
    end: DateTime<Utc>,
    subject: Subject,
) -> Result<usize, Failure> {
    let query = MetricsQuery::new(Window::Month, end).subject(subject);
    let current = reader.metrics(&query)?.current;
    Ok(current
        .p95_ns
        .map_or(0, |_| current.count.unwrap_or_default() as usize))
}

// Steps coprime to the counts, so that successive queries do not hit neighbouring rows.
fn project(n: usize) -> String {
    format!("project-{}", n * 7 % PROJECTS)
}

fn agent(n: usize) -> String {
    format!("agent-{}", n * 7 % AGENTS)
}

fn ticket(n: usize) -> usize {
    n * 11 % TICKETS
}
