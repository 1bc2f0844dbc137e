//! The store, the filter and the time zone that the arguments name.

use std::{
    env::{self, VarError},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use tower_activity::{
    Error,
    query::{ActivityReader, FilterError, Zone},
    record::Filter,
    store::{self, Maintenance, Store},
};

use crate::failure::Failure;

/// Returns the store to use: that of `--store`, else of `ACTIVITY_STORE`, else `activity.db`.
pub(crate) fn store(option: Option<&str>) -> Result<String, Failure> {
    if let Some(store) = option {
        if password(store).is_some() {
            anstream::eprintln!(
                "warning: every user of this machine can see the password in the list of processes: use the variable PGPASSWORD, \
                 or the file ~/.pgpass"
            );
        }
        return Ok(store.to_owned());
    }
    match env::var("ACTIVITY_STORE") {
        Ok(store) => Ok(store),
        Err(VarError::NotPresent) => Ok(String::from("activity.db")),
        Err(VarError::NotUnicode(store)) => {
            let what = format!("cannot use ACTIVITY_STORE={store:?}: it is not UTF-8");
            Err(Failure::Usage(what))
        }
    }
}

/// Returns true for the address of a database.
pub(crate) fn is_address(store: &str) -> bool {
    store.contains("://")
}

/// Returns the path or address without a password, to be printed.
pub(crate) fn shown(store: &str) -> String {
    match password(store) {
        Some(password) => store.replacen(&format!(":{password}@"), "@", 1),
        None => store.to_owned(),
    }
}

/// Returns the password in an address.
fn password(store: &str) -> Option<&str> {
    let (_, rest) = store.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let (_, password) = authority.rsplit_once('@')?.0.split_once(':')?;
    Some(password).filter(|password| !password.is_empty())
}

/// Returns the path of a file, for what is done with a file only. Refuses addresses, without repeating a password in them.
pub(crate) fn path(store: &str) -> Result<&str, Failure> {
    if let Some((scheme, _)) = store.split_once("://") {
        return Err(Failure::Usage(format!(
            "this command needs a SQLite file, not a {scheme} database: name one with `--store FILE`"
        )));
    }
    Ok(store)
}

/// Returns the store with this path or address, without opening it.
pub(crate) fn at(store: &str) -> Result<Arc<dyn Store>, Failure> {
    store::open(store).map_err(|error| Failure::Usage(error.to_string()))
}

/// Opens a store for reading.
pub(crate) fn open(store: &str) -> Result<ActivityReader, Failure> {
    ActivityReader::from_store(&*at(store)?).map_err(with_hint)
}

/// Opens a store for maintenance.
pub(crate) fn maintenance(store: &str) -> Result<Box<dyn Maintenance>, Failure> {
    at(store)?.maintenance().map_err(with_hint)
}

fn with_hint(error: Error) -> Failure {
    match error.is_not_found() {
        true => Failure::NoStore(error),
        false => error.into(),
    }
}

/// Parses the arguments, joined by spaces, as one filter, in the time zone that was given, or the system's.
pub(crate) fn filter(args: &[String], tz: Option<Zone>) -> Result<Filter, Failure> {
    let text = args.join(" ");
    Ok(Filter::parse_in_zone(&text, Utc::now(), zone(tz))?)
}

/// Returns the time zone that was given, or the system's.
pub(crate) fn zone(given: Option<Zone>) -> Zone {
    let variable = std::env::var("TZ").ok();
    let variable = variable.map(|name| name.trim_start_matches(':').to_owned());
    // If neither is the name of a zone, days begin at midnight UTC; the output names the zone.
    let names = [variable, iana_time_zone::get_timezone().ok()];
    let system = || {
        names
            .into_iter()
            .flatten()
            .find_map(|name| name.parse().ok())
    };
    given.or_else(system).unwrap_or_default()
}

/// Parses an age or a date that an option names, like the filter `until:`.
pub(crate) fn instant(
    option: &str,
    text: &str,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Failure> {
    // Without the excerpt of the filter: the user did not write `until:`.
    let usage = |error: FilterError| {
        let help = error.help().map(|help| format!(" · {help}"));
        let message = error.message();
        Failure::Usage(format!("{option}: {message}{}", help.unwrap_or_default()))
    };
    let mut filter = Filter::parse(&format!("until:{text}"), now).map_err(usage)?;
    match filter.until.take() {
        Some(at) if filter.is_empty() => Ok(at),
        _ => Err(Failure::Usage(format!(
            "{text:?} is not an age: write 30d, 12h or a date"
        ))),
    }
}
