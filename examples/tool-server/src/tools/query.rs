//! Queries a SQLite database, read-only.

use rusqlite::{Connection, OpenFlags, limits::Limit, types::ValueRef};
use serde_json::{Map, Value};

use crate::root::Root;

/// The maximum number of rows of one query.
const MAX_ROWS: usize = 200;
/// The maximum number of characters of one text.
const MAX_TEXT: usize = 4_000;
/// The number of steps of SQLite's virtual machine between two checks for cancellation: less than a millisecond.
const STEPS: i32 = 10_000;
/// The number of checks after which a query is aborted: some tens of seconds of work.
const MAX_CHECKS: u32 = 100_000;

/// Runs one read-only statement and returns its rows as objects. `cancelled` is called repeatedly.
pub(crate) fn query(
    root: &Root,
    database: &str,
    sql: &str,
    cancelled: impl Fn() -> bool + Send + 'static,
) -> Result<Vec<Value>, String> {
    let failed = |error: rusqlite::Error| format!("cannot query {database:?}: {error}");
    let path = root.file(database)?;
    let connection = connect(&path, cancelled).map_err(failed)?;
    let mut statement = connection.prepare(sql).map_err(failed)?;
    if !statement.readonly() {
        return Err("only statements that read are allowed".into());
    }
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        if found.len() == MAX_ROWS {
            break;
        }
        let mut object = Map::new();
        for (index, name) in names.iter().enumerate() {
            object.insert(name.clone(), json(row.get_ref(index).map_err(failed)?));
        }
        found.push(object.into());
    }
    Ok(found)
}

fn connect(
    path: &std::path::Path,
    cancelled: impl Fn() -> bool + Send + 'static,
) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // ATTACH counts as reading, and VACUUM INTO attaches: both would access files outside of the folder.
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    let mut checks = 0;
    let stop = move || {
        checks += 1;
        checks > MAX_CHECKS || cancelled()
    };
    connection.progress_handler(STEPS, Some(stop))?;
    Ok(connection)
}

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            text.chars().take(MAX_TEXT).collect::<String>().into()
        }
        ValueRef::Blob(bytes) => format!("<{} bytes>", bytes.len()).into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn no_statement_writes_or_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let (shop, other) = (root.join("shop.db"), folder.path().join("other.db"));
        for file in [&shop, &other] {
            let made = Connection::open(file).unwrap();
            made.execute_batch("CREATE TABLE item (name); INSERT INTO item VALUES ('tea');")
                .unwrap();
        }
        let root = Root::new(&root).unwrap();
        let ask = |sql: &str| query(&root, "shop.db", sql, || false);
        let copy = folder.path().join("copy.db");
        for sql in [
            "DELETE FROM item",
            "SELECT 1; DELETE FROM item",
            "PRAGMA user_version = 7",
            &format!("ATTACH '{}' AS other", other.display()),
            &format!("VACUUM INTO '{}'", copy.display()),
        ] {
            assert!(ask(sql).is_err(), "{sql}");
        }
        assert!(!copy.exists());
        assert_eq!(ask("SELECT * FROM item").unwrap().len(), 1);
    }
}
