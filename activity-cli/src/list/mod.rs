//! `activity list` and `activity events`: lists, newest first, page by page.

mod activities;
mod events;
pub(crate) mod fields;
mod longest;
mod roots;

use std::io::{self, BufWriter, Write};

use chrono::{TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use tower_activity::{
    query::ActivityReader,
    record::{ActivityRecord, EventRecord, Filter},
    store::{Cursor, Health, Record},
};

use self::fields::{Chosen, Context, Field, Row, Selection};
use crate::{
    args::{Events, List, Listing, Sort},
    failure::Failure,
    print::{self, human, json, safe, status},
    source,
    top_level::TopLevel,
};

/// A record that can be listed.
pub(crate) trait ListedRecord: Record + Serialize {
    /// Singular noun.
    const NOUN: &'static str;
    /// The command that lists all of them.
    const COMMAND: &'static str;
    /// Message for an empty store.
    const EMPTY: &'static str;
    /// The key of the JSON object that has the attributes.
    const ATTRIBUTES: &'static str;
    /// The fields that can be chosen.
    const FIELDS: &'static [Field<Self>];
    /// The names of the fields that are columns by default.
    const COLUMNS: &'static [&'static str];

    /// Returns the filter of the list for the filter that was given.
    fn list_filter(filter: Filter) -> Filter {
        filter
    }

    /// Returns how many are stored.
    fn total(health: &Health) -> u64;

    fn attributes(&self) -> Option<&Map<String, Value>>;

    /// Returns how many characters of the IDs to show.
    fn id_width(reader: &mut ActivityReader, rows: &[Row<Self>]) -> tower_activity::Result<usize>;
}

/// Records of a list, and the cursor of those that follow.
type Page<R> = (Vec<R>, Option<Cursor<R>>);

pub(crate) fn activities(store: &str, args: &List) -> Result<(), Failure> {
    let asked = source::filter(&args.filter, args.list.tz)?;
    // A program that reads JSON gets everything that matches.
    let at_top_level = !args.all && !args.list.json && roots::is_shared(&asked);
    let mut top_level = at_top_level.then(|| TopLevel::new(asked.clone()));
    let mut list = Lister::new(store, &args.list, &args.fields, asked)?;
    let counts = at_top_level || args.list.json || list.chosen.iter().any(is_inside);
    let rows = |reader: &mut ActivityReader, records: Vec<ActivityRecord>| {
        let mut counted = match counts {
            true => roots::descendants(reader, &records)?,
            false => vec![None; records.len()],
        };
        let mut rows = Vec::new();
        for (record, counted) in records.into_iter().zip(&mut counted) {
            let descendants = match at_top_level && record.parent.is_some() {
                true => roots::descendants_inside(reader, &record)?,
                false => counted.take(),
            };
            rows.push(Row {
                record,
                descendants,
            });
        }
        Ok(rows)
    };
    let found = match args.sort {
        Sort::Started => list.pages(
            |list, cursor, limit| match &mut top_level {
                Some(top_level) => Ok(top_level.page(&mut list.reader, cursor, limit)?),
                None => list.page(cursor, limit),
            },
            rows,
        )?,
        Sort::Duration => {
            let limit = args.list.limit.get();
            let longest = longest::read(&mut list.reader, &list.filter, &mut top_level, limit)?;
            let rows = rows(&mut list.reader, longest.records)?;
            let printed = list.print(&rows, None)?;
            if longest.total > printed as u64 {
                let total = human::count(longest.total);
                hint(&format!(
                    "the {printed} longest of {total}: --limit lists more"
                ));
            }
            printed
        }
    };
    let checked_back_to = top_level.and_then(|top_level| top_level.checked_back_to);
    if let Some(at) = checked_back_to {
        // The end of its second, so that nothing is left out.
        let until = source::zone(args.list.tz).clock(at + TimeDelta::seconds(1));
        let until = until.format("until:%Y-%m-%dT%H:%M:%S");
        hint(&format!(
            "not all activities inside others were checked: {until} lists older ones, --all lists all"
        ));
    }
    if found == 0 && checked_back_to.is_none() && !args.list.json {
        list.explain(args.sort == Sort::Duration)?;
    }
    Ok(())
}

fn is_inside(chosen: &Chosen<ActivityRecord>) -> bool {
    matches!(chosen, Chosen::Field(field) if field.name == "inside")
}

pub(crate) fn events(store: &str, args: &Events) -> Result<(), Failure> {
    let asked = source::filter(&args.filter, args.list.tz)?;
    let filter = EventRecord::list_filter(asked);
    let mut list = Lister::<EventRecord>::new(store, &args.list, &args.fields, filter)?;
    let found = list.pages(Lister::page, |_, records| {
        let rows = records.into_iter().map(|record| Row {
            record,
            descendants: None,
        });
        Ok(rows.collect())
    })?;
    if found == 0 && !args.list.json {
        list.explain(false)?;
    }
    Ok(())
}

/// Prints a hint on stderr.
fn hint(text: &str) {
    print::note(&status::styled(status::DIM, text));
}

/// Reads and prints a list.
struct Lister<'a, R: ListedRecord> {
    store: &'a str,
    reader: ActivityReader,
    args: &'a Listing,
    filter: Filter,
    chosen: Vec<Chosen<R>>,
}

impl<'a, R: ListedRecord> Lister<'a, R> {
    fn new(
        store: &'a str,
        args: &'a Listing,
        fields: &[String],
        filter: Filter,
    ) -> Result<Self, Failure> {
        Ok(Lister {
            chosen: fields::chosen(fields)?,
            reader: source::open(store)?,
            store,
            args,
            filter,
        })
    }

    /// Reads up to the limit, page by page, and prints it: objects at once, a table at the end. Returns the number of records.
    fn pages(
        &mut self,
        mut page: impl FnMut(&mut Self, Option<Cursor<R>>, usize) -> Result<Page<R>, Failure>,
        rows_of: impl Fn(&mut ActivityReader, Vec<R>) -> Result<Vec<Row<R>>, Failure>,
    ) -> Result<usize, Failure> {
        let mut cursor: Option<Cursor<R>> =
            self.args.cursor.as_deref().map(str::parse).transpose()?;
        let mut remaining = self.args.limit.get();
        let (mut rows, mut printed) = (Vec::new(), 0);
        while remaining > 0 {
            let (records, next) = page(self, cursor, remaining)?;
            remaining = remaining.saturating_sub(records.len());
            rows.extend(rows_of(&mut self.reader, records)?);
            cursor = next;
            if self.args.json {
                let last = cursor.filter(|_| remaining == 0);
                printed += self.print(&rows, last)?;
                rows.clear();
            }
            if cursor.is_none() {
                break;
            }
        }
        match self.args.json {
            true => Ok(printed),
            false => self.print(&rows, cursor),
        }
    }

    /// Reads a page of everything that matches.
    fn page(&mut self, cursor: Option<Cursor<R>>, limit: usize) -> Result<Page<R>, Failure> {
        let page = self.reader.list(&self.filter, cursor, limit)?;
        Ok((page.records, page.next))
    }

    /// Prints rows, and the cursor of those that follow. Returns the number of rows.
    fn print(&mut self, rows: &[Row<R>], next: Option<Cursor<R>>) -> Result<usize, Failure> {
        if self.args.json {
            let mut out = BufWriter::new(io::stdout().lock());
            for row in rows {
                match self.chosen.is_empty() {
                    true => json::line(&mut out, row)?,
                    false => {
                        let selection = Selection::new(row, &self.chosen);
                        json::line(&mut out, &selection.map_err(io::Error::from)?)?;
                    }
                }
            }
            out.flush()?;
        } else if !rows.is_empty() {
            self.print_table(rows)?;
        }
        if let Some(next) = next {
            hint(&format!("more: --cursor {next}"));
        }
        Ok(rows.len())
    }

    fn print_table(&mut self, rows: &[Row<R>]) -> Result<(), Failure> {
        let context = Context {
            now: self.reader.present()?,
            zone: source::zone(self.args.tz),
            id_width: R::id_width(&mut self.reader, rows)?,
        };
        let table = fields::table(rows, &self.chosen, &context);
        Ok(print::text(&table.render(print::width()))?)
    }

    /// Explains an empty list on stderr: an empty store, the end of the list, or a filter without a match; if
    /// only records with a duration were listed, that others match.
    fn explain(&mut self, with_duration: bool) -> Result<(), Failure> {
        let newest = self.reader.list::<R>(&Filter::default(), None, 1)?.records;
        let Some(newest) = newest.first() else {
            print::note(R::EMPTY);
            if let Some(other) = source::hint_at_proxies(self.store) {
                print::note(&format!("help: {other}"));
            }
            return Ok(());
        };
        if self.args.cursor.is_some() {
            print::note("end of list");
            return Ok(());
        }
        if with_duration && !self.page(None, 1)?.0.is_empty() {
            print::note(&format!(
                "no {} that matches has a duration: they are running or abandoned",
                R::NOUN
            ));
            return Ok(());
        }
        let total = human::count(R::total(&self.reader.health()?));
        let ago = human::ago(newest.at(), Utc::now());
        let shown = safe::line(&self.filter.to_string());
        let future = match self.filter.since {
            Some(since) if since > Utc::now() => " (`since` is in the future)",
            _ => "",
        };
        print::note(&format!(
            "no {} matches {}{future}\n{total} stored, the newest {ago}: `{}` lists them",
            R::NOUN,
            status::styled(status::BOLD, &shown),
            R::COMMAND
        ));
        Ok(())
    }
}
