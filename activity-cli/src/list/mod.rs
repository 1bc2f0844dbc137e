//! `activity list` and `activity events`: lists, newest first, page by page.

mod activities;
mod events;
pub(crate) mod fields;
mod longest;
mod roots;

use std::io::{self, BufWriter, Write};

use chrono::Utc;
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

pub(crate) fn activities(store: &str, args: &List) -> Result<(), Failure> {
    let asked = source::filter(&args.filter, args.list.tz)?;
    // A program that reads JSON gets everything that matches.
    let filter = match args.all || args.list.json {
        true => asked.clone(),
        false => roots::at_top_level(asked.clone()),
    };
    let at_top_level = filter != asked;
    let mut list = Lister::new(store, &args.list, filter)?;
    let counts = at_top_level || args.list.json || list.chosen.iter().any(is_inside);
    let rows = |reader: &mut ActivityReader, records: Vec<ActivityRecord>| {
        let counted = match counts {
            true => roots::descendants(reader, &records)?,
            false => Vec::new(),
        };
        let counted = counted.into_iter().chain(std::iter::repeat(None));
        let rows = records.into_iter().zip(counted);
        let rows = rows.map(|(record, descendants)| Row {
            record,
            descendants,
        });
        Ok(rows.collect())
    };
    let found = match args.sort {
        Sort::Started => list.pages(rows)?,
        Sort::Duration => {
            let records = longest::read(&mut list.reader, &list.filter, args.list.limit.get())?;
            let rows = rows(&mut list.reader, records)?;
            list.print(&rows, None)?
        }
    };
    if found == 0 && !args.list.json {
        let more = match at_top_level {
            true => list.any(&asked)?,
            false => false,
        };
        list.explain(&asked)?;
        if more {
            anstream::eprintln!("activities inside of others match: --all lists them");
        }
    }
    Ok(())
}

fn is_inside(chosen: &Chosen<ActivityRecord>) -> bool {
    matches!(chosen, Chosen::Field(field) if field.name == "inside")
}

pub(crate) fn events(store: &str, args: &Events) -> Result<(), Failure> {
    let asked = source::filter(&args.filter, args.list.tz)?;
    let filter = EventRecord::list_filter(asked);
    let mut list = Lister::<EventRecord>::new(store, &args.list, filter.clone())?;
    let found = list.pages(|_, records| {
        let rows = records.into_iter().map(|record| Row {
            record,
            descendants: None,
        });
        Ok(rows.collect())
    })?;
    if found == 0 && !args.list.json {
        list.explain(&filter)?;
    }
    Ok(())
}

/// Reads and prints a list.
struct Lister<'a, R: ListedRecord> {
    reader: ActivityReader,
    args: &'a Listing,
    filter: Filter,
    chosen: Vec<Chosen<R>>,
}

impl<'a, R: ListedRecord> Lister<'a, R> {
    fn new(store: &str, args: &'a Listing, filter: Filter) -> Result<Self, Failure> {
        Ok(Lister {
            chosen: fields::chosen(&args.fields)?,
            reader: source::open(store)?,
            args,
            filter,
        })
    }

    /// Reads up to the limit, page by page, and prints it: objects at once, a table at the end. Returns the number of records.
    fn pages(
        &mut self,
        rows_of: impl Fn(&mut ActivityReader, Vec<R>) -> Result<Vec<Row<R>>, Failure>,
    ) -> Result<usize, Failure> {
        let mut cursor: Option<Cursor<R>> =
            self.args.cursor.as_deref().map(str::parse).transpose()?;
        let mut remaining = self.args.limit.get();
        let (mut rows, mut printed) = (Vec::new(), 0);
        while remaining > 0 {
            let page = self.reader.list(&self.filter, cursor, remaining)?;
            remaining = remaining.saturating_sub(page.records.len());
            rows.extend(rows_of(&mut self.reader, page.records)?);
            if self.args.json {
                printed += self.print(&rows, None)?;
                rows.clear();
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        match self.args.json {
            true => Ok(printed),
            false => self.print(&rows, cursor),
        }
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
            return Ok(rows.len());
        }
        if rows.is_empty() {
            return Ok(0);
        }
        let context = Context {
            now: self.reader.present()?,
            zone: source::zone(self.args.tz),
            id_width: R::id_width(&mut self.reader, rows)?,
        };
        let table = fields::table(rows, &self.chosen, &context);
        print::text(&table.render(print::width()))?;
        if let Some(next) = next {
            let more = status::styled(status::DIM, &format!("more: --cursor {next}"));
            anstream::eprintln!("{more}");
        }
        Ok(rows.len())
    }

    fn any(&mut self, filter: &Filter) -> Result<bool, Failure> {
        let found = self.reader.list::<R>(filter, None, 1)?;
        Ok(!found.records.is_empty())
    }

    /// Explains an empty list on stderr: an empty store, the end of the list, or a filter without a match.
    fn explain(&mut self, asked: &Filter) -> Result<(), Failure> {
        let newest = self.reader.list::<R>(&Filter::default(), None, 1)?.records;
        let Some(newest) = newest.first() else {
            anstream::eprintln!("{}", R::EMPTY);
            return Ok(());
        };
        if self.args.cursor.is_some() {
            anstream::eprintln!("end of list");
            return Ok(());
        }
        let total = human::count(R::total(&self.reader.health()?));
        let ago = human::ago(newest.at(), Utc::now());
        let shown = match asked.is_empty() {
            true => String::from("is:root"),
            false => safe::line(&asked.to_string()),
        };
        let future = match asked.since {
            Some(since) if since > Utc::now() => " (`since` is in the future)",
            _ => "",
        };
        anstream::eprintln!(
            "no {} matches {}{future}\n{total} stored, the newest {ago}: `{}` lists them",
            R::NOUN,
            status::styled(status::BOLD, &shown),
            R::COMMAND,
        );
        Ok(())
    }
}
