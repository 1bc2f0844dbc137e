//! `activity stats`: counts, durations and failures as a time series or a ranking.

use std::io::{self, BufWriter, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tower_activity::{
    query::{
        ActivityReader, EventTypes, Figures, Metrics, MetricsQuery, Period, Point, Ranking, Step,
        Unknown, Window, Zone,
    },
    store::{Dimension, Subject},
};

use crate::{
    args::{By, Stats, WindowArgs},
    failure::Failure,
    print::{
        self, human, json, safe,
        status::{BOLD, DIM, named, styled},
        table::{Align, Cell, Column, Shrink, Table},
    },
    source,
};

/// Maximum number of rows of a ranking by default; `--json` has all of them.
const MAX_ROWS: usize = 50;

pub(crate) fn run(store: &str, args: &Stats) -> Result<(), Failure> {
    let mut reader = source::open(store)?;
    let now = reader.present()?;
    let (query, zone, at) = query(args.window, now);
    let when = describe_window(args.window.window.ending_at(at, zone), zone);
    match args.by.map(dimension) {
        None => history(&mut reader, args, query, zone, &when),
        Some(Some(by)) => ranking(&reader.ranking(by, &query)?, by, args, zone, &when),
        Some(None) => types(&reader.event_types(&query)?, args, zone, &when),
    }
}

/// Returns the query of a window, its time zone and its end.
pub(crate) fn query(args: WindowArgs, now: DateTime<Utc>) -> (MetricsQuery, Zone, DateTime<Utc>) {
    let zone = source::zone(args.tz);
    let at = args.at.map_or(now, |date| zone.start_of_day(date));
    let query = MetricsQuery::new(args.window, now).zone(zone).at(at);
    (query, zone, at)
}

/// Returns the dimension of a ranking of activities; `None` for one of events.
pub(crate) fn dimension(by: By) -> Option<Dimension> {
    match by {
        By::Project => Some(Dimension::Project),
        By::Agent => Some(Dimension::Agent),
        By::Name => Some(Dimension::Name),
        By::Brand => Some(Dimension::Brand),
        By::Type => None,
    }
}

fn history(
    reader: &mut ActivityReader,
    args: &Stats,
    query: MetricsQuery,
    zone: Zone,
    when: &str,
) -> Result<(), Failure> {
    let by_day = args.window.window != Window::Day && !args.json;
    let step = if by_day { Step::Day } else { Step::Hour };
    let subject = subject(args);
    let metrics = reader.metrics(&query.step(step).subject(subject.clone()))?;
    if args.json {
        return Ok(json::line(&mut io::stdout().lock(), &metrics)?);
    }
    let mut text = format!(
        "{}, {when}\n\n",
        styled(BOLD, &safe::line(&subject.to_string()))
    );
    match &metrics.unknown {
        Some(unknown) => text.push_str(&format!("{}\n", describe_unknown(unknown, zone))),
        None => text.push_str(&summary(&metrics.current)),
    }
    let is_known = |point: &Point| point.figures.count.is_some();
    if metrics.current.count != Some(0) && metrics.history.iter().any(is_known) {
        text.push('\n');
        text.push_str(&steps(&metrics, step, zone).render(print::width()));
    }
    Ok(print::text(&text)?)
}

fn subject(args: &Stats) -> Subject {
    let named = [
        (Dimension::Project, &args.subject.project),
        (Dimension::Agent, &args.subject.agent),
        (Dimension::Name, &args.subject.name),
        (Dimension::Brand, &args.subject.brand),
    ];
    let mut named = named.into_iter();
    let one = named.find_map(|(dimension, id)| Some((dimension, id.as_ref()?)));
    one.map_or(Subject::Overall, |(dimension, id)| {
        Subject::One(dimension, id.into())
    })
}

/// Formats a window: `2026-02-18 (UTC)`, `2026-02-12 to 2026-02-18 (Asia/Kathmandu)`.
pub(crate) fn describe_window(window: Period, zone: Zone) -> String {
    let first = zone.date(window.start);
    let last = zone.date(window.end - chrono::TimeDelta::seconds(1));
    match first == last {
        true => format!("{first} ({zone})"),
        false => format!("{first} to {last} ({zone})"),
    }
}

/// Formats what is not known: `unknown before 2026-02-18 09:15: records were deleted by retention`.
pub(crate) fn describe_unknown(unknown: &Unknown, zone: Zone) -> String {
    let until = zone.clock(unknown.until).format("%Y-%m-%d %H:%M");
    format!("unknown before {until}: {}", unknown.reason)
}

/// A space where no line is broken: within a number and its unit.
const GLUE: &str = "\u{a0}";

fn summary(figures: &Figures) -> String {
    let fact = |name: &str, value: String| {
        let value = print::wrapped_after(12, &value, 12).replace(GLUE, " ");
        format!("{} {value}\n", styled(DIM, &format!("{name:<11}")))
    };
    let mut text = fact(
        "activities",
        format!(
            "{} ({} failed, {} cancelled)",
            known(figures.count),
            known(figures.failed),
            known(figures.cancelled),
        ),
    );
    let durations = [
        ("mean", figures.mean_ns),
        ("p50", figures.p50_ns),
        ("p95", figures.p95_ns),
        ("p99", figures.p99_ns),
        ("longest", figures.max_ns),
    ];
    let durations = durations
        .into_iter()
        .filter_map(|(name, ns)| Some((name, ns?)));
    let durations: Vec<_> = durations
        .map(|(name, ns)| format!("{name} {}", human::duration(ns)).replace(' ', GLUE))
        .collect();
    if !durations.is_empty() {
        text.push_str(&fact("durations", durations.join(", ")));
    }
    if figures.active_agents != Some(0) {
        let agents = format!("{} active", known(figures.active_agents));
        text.push_str(&fact("agents", agents));
        let rate = figures
            .turns_per_hour
            .map(|rate| format!("{rate:.1} per hour"));
        let gap = figures
            .mean_turn_ns
            .map(|ns| format!("mean gap {}", human::duration(ns)));
        let more: Vec<_> = [rate, gap].into_iter().flatten().collect();
        let turns = match more.join(", ") {
            more if more.is_empty() => known(figures.turns),
            more => format!("{} ({more})", known(figures.turns)),
        };
        text.push_str(&fact("turns", turns));
    }
    text
}

fn steps(metrics: &Metrics, step: Step, zone: Zone) -> Table {
    let (title, format) = match step {
        Step::Day => ("DAY", "%a %d %b"),
        _ => ("HOUR", "%H:%M"),
    };
    let mut table = table(title);
    let counts = metrics.history.iter();
    let counts = counts.filter_map(|point| point.figures.count);
    let max = counts.max().unwrap_or_default();
    for point in &metrics.history {
        let start = zone.clock(point.period.start).format(format).to_string();
        table.row(row(&start, &point.figures, max));
    }
    table
}

fn ranking(
    ranking: &Ranking,
    by: Dimension,
    args: &Stats,
    zone: Zone,
    when: &str,
) -> Result<(), Failure> {
    warn_of_unknown(ranking.unknown.as_ref(), zone);
    let ranking = ranking.ranking.as_slice();
    let limit = limit(args);
    if args.json {
        return lines(&ranking[..limit.min(ranking.len())]);
    }
    let title = match by {
        Dimension::Project => "PROJECT",
        Dimension::Agent => "AGENT",
        Dimension::Brand => "BRAND",
        _ => "NAME",
    };
    let mut table = table(title);
    let max = ranking.first().and_then(|first| first.figures.count);
    let max = max.unwrap_or_default();
    for one in ranking.iter().take(limit) {
        table.row(row(&named(&one.id), &one.figures, max));
    }
    print_ranking(
        &table,
        [limit, ranking.len()],
        &format!("no activity with a known {}", by.as_str()),
        when,
    )
}

fn types(types: &EventTypes, args: &Stats, zone: Zone, when: &str) -> Result<(), Failure> {
    use Shrink::{Drop, Hide, Never, Truncate};

    warn_of_unknown(types.unknown.as_ref(), zone);
    let types = types.types.as_slice();
    let limit = limit(args);
    if args.json {
        return lines(&types[..limit.min(types.len())]);
    }
    let mut table = Table::new(vec![
        Column::new("TYPE", Align::Left, Truncate(12)),
        Column::new("COUNT", Align::Right, Never),
        Column::new("EVENTS", Align::Right, Never),
        Column::new("", Align::Left, Hide(8)),
        Column::new("FAILED", Align::Right, Never),
        Column::new("RUNNING", Align::Right, Drop),
        Column::new("CANCELLED", Align::Right, Drop),
        Column::new("SKIPPED", Align::Right, Drop),
        Column::new("ABANDONED", Align::Right, Drop),
    ]);
    let max = types.first().map_or(0, |first| first.events);
    for one in types.iter().take(limit) {
        table.row(vec![
            Cell::new(&named(&one.event_type)).style(BOLD),
            Cell::new(&human::count(one.count)),
            Cell::new(&human::count(one.events)),
            Cell::bar(one.events, max),
            Cell::new(&non_zero(one.failed)),
            Cell::new(&non_zero(one.running)),
            Cell::new(&non_zero(one.cancelled)),
            Cell::new(&non_zero(one.skipped)),
            Cell::new(&non_zero(one.abandoned)),
        ]);
    }
    print_ranking(&table, [limit, types.len()], "no events", when)
}

/// Says on stderr which part of a window is not covered.
pub(crate) fn warn_of_unknown(unknown: Option<&Unknown>, zone: Zone) {
    if let Some(unknown) = unknown {
        print::note(&describe_unknown(unknown, zone));
    }
}

/// Prints objects as JSON Lines.
pub(crate) fn lines(objects: &[impl Serialize]) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    for object in objects {
        json::line(&mut out, object)?;
    }
    Ok(out.flush()?)
}

/// Returns the maximum number of rows of a ranking.
fn limit(args: &Stats) -> usize {
    match args.limit {
        Some(limit) => limit.get(),
        None if args.json => usize::MAX,
        None => MAX_ROWS,
    }
}

/// Prints a ranking of so many of all rows, or a message if it is empty.
fn print_ranking(
    table: &Table,
    [limit, total]: [usize; 2],
    empty: &str,
    when: &str,
) -> Result<(), Failure> {
    if total == 0 {
        print::note(&format!("{empty}, {when}"));
        return Ok(());
    }
    let text = format!("{}\n\n{}", styled(DIM, when), table.render(print::width()));
    print::text(&text)?;
    if total > limit {
        let more = human::count((total - limit) as u64);
        let more = format!("… and {more} more: use --limit or --json");
        print::note(&styled(DIM, &more));
    }
    Ok(())
}

fn table(first: &'static str) -> Table {
    use Shrink::{Drop, Hide, Never, Truncate};

    Table::new(vec![
        Column::new(first, Align::Left, Truncate(12)),
        Column::new("CALLS", Align::Right, Never),
        Column::new("", Align::Left, Hide(8)),
        Column::new("FAILED", Align::Right, Never),
        Column::new("MEAN", Align::Right, Drop),
        Column::new("P95", Align::Right, Drop),
        Column::new("TURNS", Align::Right, Drop),
        Column::new("TURN GAP", Align::Right, Drop),
    ])
}

fn row(first: &str, figures: &Figures, max: u64) -> Vec<Cell> {
    let duration = |ns: Option<u64>| Cell::new(&ns.map(human::duration).unwrap_or_default());
    let failures = figures.failed.map_or_else(unknown, non_zero);
    let turns = figures.turns.map_or_else(unknown, non_zero);
    vec![
        Cell::new(first).style(BOLD),
        Cell::new(&known(figures.count)),
        Cell::bar(figures.count.unwrap_or_default(), max),
        Cell::new(&failures),
        duration(figures.mean_ns),
        duration(figures.p95_ns),
        Cell::new(&turns),
        duration(figures.mean_turn_ns),
    ]
}

/// Formats a count; a dash if it is not known.
fn known(count: Option<u64>) -> String {
    count.map_or_else(unknown, human::count)
}

fn unknown() -> String {
    String::from("–")
}

/// Formats a count; empty for 0.
fn non_zero(count: u64) -> String {
    match count {
        0 => String::new(),
        count => human::count(count),
    }
}
