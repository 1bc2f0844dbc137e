//! The store, the filter and the time zone that the arguments name.

use std::{
    env::{self, VarError},
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use tower_activity::{
    Error,
    query::{ActivityReader, FilterError, Zone},
    record::Filter,
    store::{
        self, Maintenance, Store,
        postgres::{password_in, without_password},
    },
};

use crate::{
    failure::Failure,
    print::{self, safe},
    secrets,
};

/// The store of commands without another default.
pub(crate) const DEFAULT: &str = "activity.db";

/// Returns the store that is named by `--store`, else by `ACTIVITY_STORE`.
pub(crate) fn named(option: Option<&str>) -> Result<Option<String>, Failure> {
    if let Some(store) = option {
        warn_of_password(store);
        refuse_mistyped(store)?;
        return Ok(Some(store.to_owned()));
    }
    match env::var("ACTIVITY_STORE") {
        // As if it were not set: programs that start servers may set it for all of them.
        Ok(store) if store.trim().is_empty() => Ok(None),
        Ok(store) => refuse_mistyped(&store).map(|()| Some(store)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(store)) => {
            let what = format!("cannot use ACTIVITY_STORE={store:?}: it is not UTF-8");
            Err(Failure::Usage(what))
        }
    }
}

/// Refuses what is meant as an address and would be the name of a file, with the password in it: the other form that programs of
/// PostgreSQL accept, and one whose slashes are mistyped.
fn refuse_mistyped(store: &str) -> Result<(), Failure> {
    let is_scheme = |scheme: &str| {
        let rest = store.strip_prefix(scheme);
        rest.is_some_and(|rest| rest.starts_with(':') || rest.starts_with("//"))
    };
    if is_address(store) || Path::new(store).exists() {
        return Ok(());
    }
    if ["postgres", "postgresql", "clickhouse"]
        .into_iter()
        .any(is_scheme)
    {
        return Err(Failure::Usage(String::from(
            "the store is neither an address such as postgres://user@host:5432/database nor a path: write a file that has such a \
             name as ./NAME",
        )));
    }
    let is_keyword = |word: &str| {
        let names = [
            "host=",
            "hostaddr=",
            "dbname=",
            "user=",
            "password=",
            "service=",
        ];
        names.iter().any(|name| word.starts_with(name))
    };
    match store.split_whitespace().any(is_keyword) {
        false => Ok(()),
        true => Err(Failure::Usage(String::from(
            "the store is a list of keywords (host=…): write the address of a database as postgres://user@host:5432/database, or the path \
             of a file that has such a name as ./NAME",
        ))),
    }
}

/// Returns the directory of our own files in the user's data directory; `None` for a user without one.
pub(crate) fn data_directory() -> Option<PathBuf> {
    Some(dirs::data_dir()?.join("tower-activity"))
}

/// Returns the default store of proxies, which all proxies of a user share; `None` for a user without a data directory.
pub(crate) fn of_proxies() -> Option<PathBuf> {
    Some(data_directory()?.join("activity-proxy.db"))
}

/// Returns a hint at the store of the user's proxies, for those who look for its records in the default store of other commands.
pub(crate) fn hint_at_proxies(store: &str) -> Option<String> {
    let path = of_proxies().filter(|path| store == DEFAULT && path.exists())?;
    Some(format!(
        "`activity proxy` records in another store: --store {}",
        quoted(&path)
    ))
}

/// Returns a path as an argument in a shell.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.display().to_string().replace('\'', r"'\''");
    format!("'{}'", safe::line(&path))
}

/// Returns the file that a proxy records in, of the store that is named: of an address its default, with a warning. `None` for a
/// user without a data directory.
pub(crate) fn file_of_proxy(named: Option<&str>) -> Option<PathBuf> {
    let file = named.filter(|store| !is_address(store)).map(PathBuf::from);
    let path = file.clone().or_else(of_proxies);
    if let (Some(_), None, Some(path)) = (named, file, &path) {
        print::on_stderr(&format!(
            "activity: calls are recorded in {}: ACTIVITY_STORE is an address, and a proxy needs a file",
            path.display()
        ));
    }
    path
}

/// Returns true for the address of a database.
pub(crate) fn is_address(store: &str) -> bool {
    store.contains("://")
}

/// Returns the path or address without a password, to be printed.
pub(crate) fn shown(store: &str) -> String {
    if !is_address(store) {
        return store.to_owned();
    }
    without_password(store)
}

/// Warns of a password in an address that is an argument.
pub(crate) fn warn_of_password(address: &str) {
    if password_in(address).is_some_and(secrets::is_argument) {
        let instead = match address.split_once("://") {
            Some(("clickhouse", _)) => "the variable CLICKHOUSE_PASSWORD",
            _ => "the variable PGPASSWORD, or ~/.pgpass",
        };
        print::on_stderr(&format!(
            "warning: every user of this machine can see the password in the list of processes: use {instead}"
        ));
    }
}

/// Returns the path of a file, for what is done with a file only. Refuses addresses, without repeating a password in them.
pub(crate) fn path(store: &str) -> Result<&str, Failure> {
    path_or(store, "name one with `--store FILE`")
}

/// The same, with what to do instead.
pub(crate) fn path_or<'a>(store: &'a str, instead: &str) -> Result<&'a str, Failure> {
    match store.split_once("://") {
        None => Ok(store),
        Some((scheme, _)) => Err(Failure::Usage(format!(
            "this command needs a SQLite file, not a {scheme} database: {instead}"
        ))),
    }
}

/// Returns the store with this path or address, without opening it.
pub(crate) fn at(store: &str) -> Result<Arc<dyn Store>, Failure> {
    store::open(store).map_err(|error| Failure::Usage(error.to_string()))
}

/// Opens a store for reading.
pub(crate) fn open(store: &str) -> Result<ActivityReader, Failure> {
    ActivityReader::from_store(&*at(store)?).map_err(|error| with_hint(store, error))
}

/// Opens a store for maintenance.
pub(crate) fn maintenance(store: &str) -> Result<Box<dyn Maintenance>, Failure> {
    at(store)?
        .maintenance()
        .map_err(|error| with_hint(store, error))
}

/// Returns the failure to open a store.
pub(crate) fn with_hint(store: &str, error: Error) -> Failure {
    match error.is_not_found() {
        true => Failure::NoStore(error, hint_at_proxies(store)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_neither_an_address_nor_a_file() {
        for keywords in ["host=127.0.0.1 password=x", "dbname=ops", "  service=a"] {
            assert!(refuse_mistyped(keywords).is_err(), "{keywords}");
        }
        for other in ["activity.db", "./host=a", "postgres://h/x?host=/run"] {
            assert!(refuse_mistyped(other).is_ok(), "{other}");
        }
    }
}
