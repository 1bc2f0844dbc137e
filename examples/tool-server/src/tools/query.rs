//! Queries a SQLite database, without changing it.

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use serde_json::{Map, Value};

use crate::root::Root;

/// The most rows that one query gives back.
const MAX_ROWS: usize = 200;

/// Runs one statement that only reads, and gives its rows as objects.
pub(crate) fn query(root: &Root, database: &str, sql: &str) -> Result<Vec<Value>, String> {
    let failed = |error: rusqlite::Error| format!("cannot query {database:?}: {error}");
    let path = root.file(database)?;
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
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

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => format!("<{} bytes>", bytes.len()).into(),
    }
}
