//! Metrics of a filter without sums of its own: what is beyond the reader's scan limit is unknown, and never too small.

use std::time::Duration;

use chrono::TimeDelta;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::{Grouping, MetricsQuery, Step, UnknownReason, Window},
    record::Filter,
    store::{Dimension, Subject},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Records an activity of each of two actors in each of six hours.
fn log() -> (ActivityLog, MetricsQuery) {
    let (log, clock) = ActivityLog::test();
    for n in 0..6_u32 {
        for actor in ["ann", "bob"] {
            let call = Describe::tool("search").actor(actor);
            log.start(call.project(["acme", "zoo"][n as usize % 2]))
                .end(Outcome::success());
            clock.advance(Duration::from_secs(1));
        }
        clock.advance(HOUR);
    }
    log.flush().wait().unwrap();
    (
        log,
        MetricsQuery::new(Window::Day, clock.now()).step(Step::Hour),
    )
}

fn of(actor: &str) -> Filter {
    Filter::for_actor(actor)
}

#[test]
fn hours_beyond_the_limit_are_unknown() {
    let (log, query) = log();
    let query = query.filter(of("ann"));
    let mut reader = log.reader().unwrap();
    let mut check = |limit, unknown_until: Option<i64>, counts: [Option<u64>; 6]| {
        reader.options().scan_limit = Some(limit);
        let metrics = reader.metrics(&query).unwrap();
        let until = unknown_until.map(|hours| metrics.window.start + TimeDelta::hours(hours));
        let found = metrics.unknown.map(|unknown| unknown.until);
        // A quarter of an hour after the last one that is too much.
        assert_eq!(
            found,
            until.map(|until| until + TimeDelta::minutes(15)),
            "{limit}"
        );
        let reason = metrics.unknown.map(|unknown| unknown.reason);
        assert_eq!(reason, until.map(|_| UnknownReason::ScanLimit));
        let history = metrics.history.iter().map(|point| point.figures.count);
        assert_eq!(history.take(6).collect::<Vec<_>>(), counts, "{limit}");
        assert_eq!(metrics.current.count.is_some(), until.is_none());
        assert_eq!(metrics.durations.is_some(), until.is_none());

        let ranking = reader.ranking(Dimension::Project, &query).unwrap();
        let ranked = ranking.ranking.iter().filter_map(|one| one.figures.count);
        assert_eq!(
            ranked.sum::<u64>(),
            counts.into_iter().flatten().sum::<u64>()
        );
        assert_eq!(ranking.unknown, metrics.unknown);
        assert_eq!(ranking.counted.start, found.unwrap_or(metrics.window.start));
    };
    check(12, None, [Some(1); 6]);
    check(
        11,
        Some(0),
        [None, Some(1), Some(1), Some(1), Some(1), Some(1)],
    );
    check(5, Some(3), [None, None, None, None, Some(1), Some(1)]);
}

#[test]
fn a_scope_with_sums_has_no_limit() {
    let (log, query) = log();
    let mut reader = log.reader().unwrap();
    reader.options().scan_limit = Some(1);
    let acme = query.clone().filter(Filter::for_project("acme"));
    assert_eq!(reader.metrics(&acme).unwrap().current.count, Some(6));
    let name = Subject::One(Dimension::Name, "search".into());
    let named = query.clone().filter(name.filter()).without_turns();
    assert_eq!(reader.metrics(&named).unwrap().current.count, Some(12));
    // Others, which the caller may not see, do not count for the limit.
    reader.options().scan_limit = Some(6);
    let allowed = query
        .filter(of("ann"))
        .restricted_to(Filter::for_project("acme"));
    let metrics = reader.metrics(&allowed).unwrap();
    assert_eq!((metrics.current.count, metrics.unknown), (Some(3), None));
}

#[test]
fn a_ranking_of_actors_covers_the_newest_activities() {
    let (log, query) = log();
    let mut reader = log.reader().unwrap();
    let mut check = |limit, counts: &[(&str, u64)]| {
        reader.options().scan_limit = Some(limit);
        let ranking = reader.ranking_by(&Grouping::Actor, &query).unwrap();
        let found = ranking.ranking.iter();
        let found: Vec<_> = found
            .map(|one| (one.id.as_str(), one.figures.count.unwrap()))
            .collect();
        assert_eq!(found, counts, "{limit}");
        let unknown = ranking.unknown;
        assert_eq!(unknown.is_some(), limit < 12, "{limit}");
        assert!(unknown.is_none_or(|unknown| unknown.until == ranking.counted.start));
        let mut filter = Filter::default();
        (filter.since, filter.until) = (Some(ranking.counted.start), Some(ranking.counted.end));
        let listed = reader.page(&filter, None, 100).unwrap().records.len() as u64;
        assert_eq!(
            listed,
            counts.iter().map(|one| one.1).sum::<u64>(),
            "{limit}"
        );
    };
    check(12, &[("ann", 6), ("bob", 6)]);
    check(100, &[("ann", 6), ("bob", 6)]);
    // Only whole quarter hours are scanned.
    check(5, &[("ann", 2), ("bob", 2)]);
    check(1, &[]);
}
