//! The rows of a file as JSON Lines, read with plain SQLite, for reviewers and tests to compare.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use rusqlite::{Connection, types::ValueRef};
use serde_json::{Map, Value, json};

/// FTS5's own tables, which are derived and internal to SQLite.
const INDEX: [&str; 2] = ["activity_search", "event_search"];

/// Every row of every table, one per line, in order of tables and primary keys. NULLs are left out, blobs are
/// `{"hex": "…"}`.
pub fn dump(path: &Path) -> Vec<String> {
    let store = Connection::open(path).unwrap();
    let names = names(&store);
    let names = names
        .iter()
        .filter(|name| !INDEX.iter().any(|index| name.starts_with(index)));
    names.flat_map(|name| rows(&store, name)).collect()
}

/// A hash of the rows of each table, which is faster than their text.
pub fn fingerprints(path: &Path) -> BTreeMap<String, u64> {
    let store = Connection::open(path).unwrap();
    let fingerprint = |name: String| {
        let mut hasher = DefaultHasher::new();
        // Each file has a random id.
        let except_id = if name == "mark" {
            "WHERE name <> 'file'"
        } else {
            ""
        };
        let sql = format!("SELECT * FROM \"{name}\" {except_id}");
        let mut statement = store.prepare(&sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query(()).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for at in 0..columns {
                match row.get_ref(at).unwrap() {
                    ValueRef::Null => hasher.write_u8(0),
                    ValueRef::Integer(number) => hasher.write_i64(number),
                    ValueRef::Real(number) => hasher.write_u64(number.to_bits()),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.hash(&mut hasher),
                }
            }
        }
        (name, hasher.finish())
    };
    names(&store).into_iter().map(fingerprint).collect()
}

/// The number of rows of each table, including those of the search index.
pub fn counts(path: &Path) -> Vec<(String, i64)> {
    let store = Connection::open(path).unwrap();
    let count = |name: String| {
        let sql = format!("SELECT count(*) FROM \"{name}\"");
        let count = store.query_row(&sql, (), |row| row.get(0)).unwrap();
        (name, count)
    };
    names(&store).into_iter().map(count).collect()
}

/// The columns of tables that are NULL in every row, as `table.column`.
pub fn empty_columns(path: &Path) -> Vec<String> {
    let store = Connection::open(path).unwrap();
    let mut empty = Vec::new();
    let stored = |name: &String| !INDEX.contains(&name.as_str());
    for table in names(&store).into_iter().filter(stored) {
        for column in columns(&store, &table, "") {
            let sql = format!("SELECT count(\"{column}\") FROM \"{table}\"");
            let filled: i64 = store.query_row(&sql, (), |row| row.get(0)).unwrap();
            if filled == 0 {
                empty.push(format!("{table}.{column}"));
            }
        }
    }
    empty
}

/// The errors of SQLite's integrity check.
pub fn integrity_errors(path: &Path) -> Vec<String> {
    let store = Connection::open(path).unwrap();
    let mut statement = store.prepare("PRAGMA integrity_check").unwrap();
    let lines = statement.query_map((), |row| row.get(0)).unwrap();
    let lines: Vec<String> = lines.map(Result::unwrap).collect();
    lines.into_iter().filter(|line| line != "ok").collect()
}

/// The schema version, read with plain SQLite.
pub fn version(path: &Path) -> i64 {
    let store = Connection::open(path).unwrap();
    let version = store.query_row("PRAGMA user_version", (), |row| row.get(0));
    version.unwrap()
}

/// The schema's tables, indexes, views and triggers, as SQL.
pub fn schema(path: &Path) -> Vec<String> {
    let store = Connection::open(path).unwrap();
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name";
    let mut statement = store.prepare(sql).unwrap();
    let lines = statement.query_map((), |row| row.get(0)).unwrap();
    lines.map(Result::unwrap).collect()
}

/// The ids of instances that did not shut down.
pub fn killed(path: &Path) -> Vec<String> {
    let store = Connection::open(path).unwrap();
    let sql = "SELECT lower(hex(uuid)) FROM instance WHERE stopped_at IS NULL";
    let mut statement = store.prepare(sql).unwrap();
    let ids = statement
        .query_map((), |row| row.get::<_, String>(0))
        .unwrap();
    let id = |hex: String| {
        let parts = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        parts.join("-")
    };
    ids.map(|hex| id(hex.unwrap())).collect()
}

fn names(store: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut statement = store.prepare(sql).unwrap();
    let names = statement.query_map((), |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

fn columns(store: &Connection, table: &str, condition: &str) -> Vec<String> {
    let sql = format!("SELECT name FROM pragma_table_info(?1) {condition}");
    let mut statement = store.prepare(&sql).unwrap();
    let names = statement.query_map([table], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

fn rows(store: &Connection, table: &str) -> Vec<String> {
    let order = columns(store, table, "WHERE pk > 0 ORDER BY pk").join(", ");
    let sql = format!("SELECT * FROM \"{table}\" ORDER BY {order}");
    let mut statement = store.prepare(&sql).unwrap();
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let line = |row: &rusqlite::Row<'_>| {
        let mut cells = Map::new();
        for (at, name) in columns.iter().enumerate() {
            let cell = match row.get_ref(at)? {
                ValueRef::Null => continue,
                ValueRef::Integer(number) => json!(number),
                ValueRef::Real(number) => json!(number),
                ValueRef::Text(text) => json!(std::str::from_utf8(text).unwrap()),
                ValueRef::Blob(bytes) => json!({"hex": hex(bytes)}),
            };
            cells.insert(name.clone(), cell);
        }
        Ok(visible(&json!({ table: Value::Object(cells) })))
    };
    let lines = statement.query_map((), line).unwrap();
    lines.map(Result::unwrap).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// JSON in which invisible and bidirectional control characters are escaped, so that reviewers see them.
pub fn visible(value: &Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line
}
