//! Lists of `activity list` and `activity events`: newest first, page by page.

use std::io::{self, BufWriter, IsTerminal, Write};

use chrono::{DateTime, Utc};
use tower_activity::{
    query::ActivityReader,
    record::Filter,
    store::{Cursor, Health, Record},
};

use crate::{
    args::List,
    failure::Failure,
    print::{self, human, json, safe, status, table::Table},
    source,
};

/// A record that can be listed as a table.
pub(crate) trait ListedRecord: Record {
    /// Singular noun.
    const NOUN: &'static str;
    /// The command that lists all of them.
    const COMMAND: &'static str;
    /// Message for an empty store.
    const EMPTY: &'static str;

    /// Returns the filter of the list for the filter that was given.
    fn list_filter(filter: Filter) -> Filter {
        filter
    }

    /// Returns how many are stored.
    fn total(health: &Health) -> u64;

    fn table(records: &[Self], now: DateTime<Utc>) -> Table;
}

pub(crate) fn run<R: ListedRecord>(store: &str, args: &List) -> Result<(), Failure> {
    let filter = R::list_filter(source::filter(&args.filter, args.tz)?);
    let cursor: Option<Cursor<R>> = args.cursor.as_deref().map(str::parse).transpose()?;
    let mut reader = source::open(store)?;
    if args.json {
        let mut out = BufWriter::new(io::stdout().lock());
        read_pages(&mut reader, &filter, cursor, args, |page: Vec<R>| {
            page.iter().try_for_each(|one| json::line(&mut out, one))
        })?;
        return Ok(out.flush()?);
    }
    let mut records = Vec::new();
    let next = read_pages(&mut reader, &filter, cursor, args, |page: Vec<R>| {
        records.extend(page);
        Ok(())
    })?;
    if records.is_empty() {
        anstream::eprint!("{}", empty_message::<R>(&mut reader, &filter, args)?);
        return Ok(());
    }
    let mut text = R::table(&records, reader.present()?).render(print::width());
    let mut hint = None;
    if let Some(next) = next {
        let more = status::styled(status::DIM, &format!("more: --cursor {next}"));
        match io::stdout().is_terminal() {
            true => text.push_str(&format!("{more}\n")),
            // A pipe gets rows only.
            false => hint = Some(more),
        }
    }
    print::text(&text)?;
    if let Some(hint) = hint {
        anstream::eprintln!("{hint}");
    }
    Ok(())
}

/// Reads up to the limit, page by page. Returns the cursor of what follows.
fn read_pages<R: ListedRecord>(
    reader: &mut ActivityReader,
    filter: &Filter,
    mut cursor: Option<Cursor<R>>,
    args: &List,
    mut on_page: impl FnMut(Vec<R>) -> io::Result<()>,
) -> Result<Option<Cursor<R>>, Failure> {
    let mut remaining = args.limit.get();
    while remaining > 0 {
        let page = reader.list(filter, cursor, remaining)?;
        remaining = remaining.saturating_sub(page.records.len());
        on_page(page.records)?;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(cursor)
}

/// Explains an empty list: an empty store, the end of the list, or a filter without a match.
fn empty_message<R: ListedRecord>(
    reader: &mut ActivityReader,
    filter: &Filter,
    args: &List,
) -> Result<String, Failure> {
    let newest = reader.list::<R>(&Filter::default(), None, 1)?.records;
    let Some(newest) = newest.first() else {
        return Ok(format!("{}\n", R::EMPTY));
    };
    if args.cursor.is_some() {
        return Ok(String::from("end of list\n"));
    }
    let total = human::count(R::total(&reader.health()?));
    let ago = human::ago(newest.at(), Utc::now());
    let shown = safe::line(&filter.to_string());
    let future = match filter.since {
        Some(since) if since > Utc::now() => " (`since` is in the future)",
        _ => "",
    };
    Ok(format!(
        "no {} matches {}{future}\n{total} stored, the newest {ago}: `{}` lists them\n",
        R::NOUN,
        status::styled(status::BOLD, &shown),
        R::COMMAND,
    ))
}
