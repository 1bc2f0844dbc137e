//! `activity events`: newest first.

use std::io::{self, BufWriter, Write};

use chrono::{DateTime, Utc};
use tower_activity::{
    EventRecord,
    query::ActivityReader,
    record::{Filter, Text},
    store::Cursor,
};

use crate::{
    args::List,
    failure::Failure,
    list::shown_digits,
    print::{
        self, human, json, safe, status,
        table::{Align, Cell, Column, Narrow, Table},
    },
    source,
};

pub(crate) fn run(store: &str, args: &List) -> Result<(), Failure> {
    let filter = source::filter(&args.filter)?;
    let mut reader = source::open(store)?;
    if args.json {
        let mut out = BufWriter::new(io::stdout().lock());
        pages(&mut reader, &filter, args, |page| {
            page.iter()
                .try_for_each(|event| json::line(&mut out, event))
        })?;
        return Ok(out.flush()?);
    }
    let mut events = Vec::new();
    let next = pages(&mut reader, &filter, args, |page| {
        events.extend(page);
        Ok(())
    })?;
    if events.is_empty() {
        anstream::eprint!("{}", nothing(&mut reader, &filter, args)?);
        return Ok(());
    }
    let mut text = table(&events, reader.present()?).render(print::width());
    if let Some(next) = next {
        let more = format!("more: --cursor {next}");
        text.push_str(&format!("{}\n", status::styled(status::DIM, &more)));
    }
    Ok(print::text(&text)?)
}

/// Reads page by page up to the limit. Gives the place where more would be.
fn pages(
    reader: &mut ActivityReader,
    filter: &Filter,
    args: &List,
    mut each: impl FnMut(Vec<EventRecord>) -> io::Result<()>,
) -> Result<Option<Cursor>, Failure> {
    let mut cursor = args.cursor;
    let mut left = args.limit.get();
    while left > 0 {
        let page = reader.events(filter, cursor, left)?;
        left = left.saturating_sub(page.events.len());
        each(page.events)?;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(cursor)
}

/// What an empty list says: whether there is anything at all, and what was asked for.
fn nothing(reader: &mut ActivityReader, filter: &Filter, args: &List) -> Result<String, Failure> {
    let newest = reader.events(&Filter::default(), None, 1)?.events;
    let Some(newest) = newest.first() else {
        return Ok(String::from(
            "no event is on record yet: `log.event(..)` and `activity event TYPE SUMMARY` record them\n",
        ));
    };
    if args.cursor.is_some() {
        return Ok(String::from("the list ends here\n"));
    }
    let total = human::many(reader.health()?.events, "is", "are");
    let ago = human::ago(newest.at, Utc::now());
    let asked = safe::line(&filter.to_string());
    Ok(format!(
        "no event matches {}\n{total} on record, the newest from {ago}: `activity events` shows them\n",
        status::styled(status::BOLD, &asked),
    ))
}

fn table(events: &[EventRecord], now: DateTime<Utc>) -> Table {
    use Narrow::{Cut, Leaves, Stays};

    let mut table = Table::new(vec![
        Column::new("ID", Align::Left, Stays),
        Column::new("STATUS", Align::Left, Stays),
        Column::new("WHEN", Align::Right, Stays),
        Column::new("TYPE", Align::Left, Cut(16)),
        Column::new("COUNT", Align::Right, Stays),
        Column::new("PROJECT", Align::Left, Leaves(8)),
        Column::new("ACTOR", Align::Left, Leaves(8)),
        Column::new("REFERENCE", Align::Left, Leaves(8)),
        Column::new("SUMMARY", Align::Left, Cut(16)),
    ]);
    let text = |text: &Option<Text>| Cell::new(text.as_deref().unwrap_or_default());
    let ids: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
    let digits = shown_digits(&ids);
    for (event, id) in events.iter().zip(&ids) {
        let style = status::style(event.status);
        let sign = format!("{} {}", status::sign(event.status), event.status);
        // One is what an event tells of where nothing else is said.
        let count = match event.count {
            1 => String::new(),
            count => human::count(count),
        };
        table.row(vec![
            Cell::new(&id[..digits]).style(status::DIM),
            Cell::new(&sign).style(style),
            Cell::new(&human::when(event.at, event.ahead, now)),
            Cell::new(&event.event_type).style(status::BOLD),
            Cell::new(&count),
            text(&event.scope.project),
            text(&event.scope.actor),
            text(&event.reference),
            text(&event.summary),
        ]);
    }
    table
}
