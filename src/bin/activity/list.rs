//! `activity list`: newest first.

use std::io::{self, BufWriter, Write};

use chrono::{DateTime, Utc};
use tower_activity::{
    ActivityRecord,
    query::ActivityReader,
    record::{Filter, Text},
    store::Cursor,
};

use crate::{
    args::List,
    failure::Failure,
    print::{
        self, human, json, safe, status,
        table::{Align, Cell, Column, Narrow, Table},
    },
    source,
};

/// So much of an id tells activities apart that did not start within the same quarter of a microsecond.
const SHORT_ID: usize = 18;

pub(crate) fn run(store: &str, args: &List) -> Result<(), Failure> {
    let filter = source::filter(&args.filter)?;
    let mut reader = source::open(store)?;
    if args.json {
        return lines(&mut reader, &filter, args);
    }
    let mut activities = Vec::new();
    let next = pages(&mut reader, &filter, args, |page| {
        activities.extend(page);
        Ok(())
    })?;
    if activities.is_empty() {
        anstream::eprint!("{}", nothing(&mut reader, &filter, args)?);
        return Ok(());
    }
    let now = reader.present()?;
    let mut text = table(&activities, now).render(print::width());
    if let Some(next) = next {
        let more = format!("more: --cursor {next}");
        text.push_str(&format!("{}\n", status::styled(status::DIM, &more)));
    }
    Ok(print::text(&text)?)
}

fn lines(reader: &mut ActivityReader, filter: &Filter, args: &List) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    pages(reader, filter, args, |page| {
        page.iter()
            .try_for_each(|activity| json::line(&mut out, activity))
    })?;
    Ok(out.flush()?)
}

/// Reads page by page up to the limit. Gives the place where more would be.
fn pages(
    reader: &mut ActivityReader,
    filter: &Filter,
    args: &List,
    mut each: impl FnMut(Vec<ActivityRecord>) -> io::Result<()>,
) -> Result<Option<Cursor>, Failure> {
    let mut cursor = args.cursor;
    let mut left = args.limit.get();
    while left > 0 {
        let page = reader.page(filter, cursor, left)?;
        left = left.saturating_sub(page.activities.len());
        each(page.activities)?;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(cursor)
}

/// What an empty list says: whether there is anything at all, and what was asked for.
fn nothing(reader: &mut ActivityReader, filter: &Filter, args: &List) -> Result<String, Failure> {
    let newest = reader.page(&Filter::default(), None, 1)?.activities;
    let Some(newest) = newest.first() else {
        return Ok(String::from(
            "no activity is on record yet: calls appear here as soon as a service runs under an ActivityLayer\n",
        ));
    };
    if args.cursor.is_some() {
        return Ok(String::from("the list ends here\n"));
    }
    let health = reader.health()?;
    let all = health.activities + health.running + health.abandoned;
    let total = human::many(all, "is", "are");
    let ago = human::ago(newest.started_at, Utc::now());
    let asked = safe::line(&filter.to_string());
    Ok(format!(
        "no activity matches {}\n{total} on record, the newest from {ago}: `activity list` shows them\n",
        status::styled(status::BOLD, &asked),
    ))
}

fn table(activities: &[ActivityRecord], now: DateTime<Utc>) -> Table {
    use Narrow::{Cut, Leaves, Stays};

    let mut table = Table::new(vec![
        Column::new("ID", Align::Left, Stays),
        Column::new("STATUS", Align::Left, Stays),
        Column::new("STARTED", Align::Right, Stays),
        Column::new("DURATION", Align::Right, Stays),
        Column::new("KIND", Align::Left, Leaves(8)),
        Column::new("NAME", Align::Left, Cut(16)),
        Column::new("PROJECT", Align::Left, Leaves(8)),
        Column::new("BRAND", Align::Left, Leaves(8)),
        Column::new("ACTOR", Align::Left, Leaves(8)),
        Column::new("ERROR", Align::Left, Cut(12)),
    ]);
    let text = |text: &Option<Text>| Cell::new(text.as_deref().unwrap_or_default());
    let ids = activities.iter().map(|activity| activity.id.to_string());
    let ids: Vec<String> = ids.collect();
    let digits = shown_digits(&ids);
    for (activity, id) in activities.iter().zip(&ids) {
        let style = status::style(activity.status);
        table.row(vec![
            Cell::new(&id[..digits]).style(status::DIM),
            Cell::new(&format!(
                "{} {}",
                status::sign(activity.status),
                activity.status
            ))
            .style(style),
            Cell::new(&human::when(activity.started_at, activity.ahead, now)),
            Cell::new(&status::took(activity, now)),
            Cell::new(activity.kind.as_str()),
            Cell::new(&activity.name).style(status::BOLD),
            text(&activity.scope.project),
            text(&activity.scope.brand),
            text(&activity.scope.actor),
            Cell::new(&status::error(activity)).style(style),
        ]);
    }
    table
}

/// How much of the ids is shown, so that no two on this page look alike.
pub(crate) fn shown_digits(ids: &[String]) -> usize {
    // Sorted, so those with the longest common beginning are neighbours.
    let common = ids.windows(2).map(|pair| {
        let same = pair[0].bytes().zip(pair[1].bytes());
        same.take_while(|(a, b)| a == b).count()
    });
    common
        .max()
        .map_or(SHORT_ID, |common| SHORT_ID.max(common + 1))
}
