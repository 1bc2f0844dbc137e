//! What `activity list` and `activity events` have alike: newest first, page by page.

use std::io::{self, BufWriter, Write};

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

/// A record that a terminal lists.
pub(crate) trait Listed: Record {
    /// What one is called.
    const ONE: &'static str;
    /// The command that lists all of them.
    const COMMAND: &'static str;
    /// What is said where there is none, and how one gets there.
    const NONE: &'static str;

    /// How many are on record.
    fn total(health: &Health) -> u64;

    fn table(records: &[Self], now: DateTime<Utc>) -> Table;
}

pub(crate) fn run<R: Listed>(store: &str, args: &List) -> Result<(), Failure> {
    let filter = source::filter(&args.filter)?;
    let cursor: Option<Cursor<R>> = args.cursor.as_deref().map(str::parse).transpose()?;
    let mut reader = source::open(store)?;
    if args.json {
        let mut out = BufWriter::new(io::stdout().lock());
        pages(&mut reader, &filter, cursor, args, |page: Vec<R>| {
            page.iter().try_for_each(|one| json::line(&mut out, one))
        })?;
        return Ok(out.flush()?);
    }
    let mut records = Vec::new();
    let next = pages(&mut reader, &filter, cursor, args, |page: Vec<R>| {
        records.extend(page);
        Ok(())
    })?;
    if records.is_empty() {
        anstream::eprint!("{}", nothing::<R>(&mut reader, &filter, args)?);
        return Ok(());
    }
    let mut text = R::table(&records, reader.present()?).render(print::width());
    if let Some(next) = next {
        let more = format!("more: --cursor {next}");
        text.push_str(&format!("{}\n", status::styled(status::DIM, &more)));
    }
    Ok(print::text(&text)?)
}

/// Reads page by page up to the limit. Gives the place where more would be.
fn pages<R: Listed>(
    reader: &mut ActivityReader,
    filter: &Filter,
    mut cursor: Option<Cursor<R>>,
    args: &List,
    mut each: impl FnMut(Vec<R>) -> io::Result<()>,
) -> Result<Option<Cursor<R>>, Failure> {
    let mut left = args.limit.get();
    while left > 0 {
        let page = reader.list(filter, cursor, left)?;
        left = left.saturating_sub(page.records.len());
        each(page.records)?;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(cursor)
}

/// What an empty list says: whether there is anything at all, and what was asked for.
fn nothing<R: Listed>(
    reader: &mut ActivityReader,
    filter: &Filter,
    args: &List,
) -> Result<String, Failure> {
    let newest = reader.list::<R>(&Filter::default(), None, 1)?.records;
    let Some(newest) = newest.first() else {
        return Ok(format!("{}\n", R::NONE));
    };
    if args.cursor.is_some() {
        return Ok(String::from("the list ends here\n"));
    }
    let total = human::many(R::total(&reader.health()?), "is", "are");
    let ago = human::ago(newest.at(), Utc::now());
    let asked = safe::line(&filter.to_string());
    Ok(format!(
        "no {} matches {}\n{total} on record, the newest from {ago}: `{}` shows them\n",
        R::ONE,
        status::styled(status::BOLD, &asked),
        R::COMMAND,
    ))
}
