//! Compares the tables, indexes, triggers and views of a file with those of its schema version.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::migrate::reference_schema;

const VERSION: &str = "PRAGMA user_version";
const OBJECTS: &str = "SELECT name, type, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
const COLUMNS: &str = "SELECT name || ' ' || type FROM pragma_table_xinfo(?1) ORDER BY cid";
/// Full-text tables: their statements are SQLite's own, and may change with its version.
const SEARCH: [&str; 2] = ["activity_search", "event_search"];

/// A table, index, trigger or view.
#[derive(Debug)]
struct Object {
    kind: String,
    table: String,
    /// A table's columns, else the statement with its white space normalized.
    shape: String,
    /// The statement as stored.
    sql: String,
}

/// Lists the objects of the schema that are missing or altered.
pub(crate) fn problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let (actual, expected) = actual_and_expected(connection)?;
    let mut problems = Vec::new();
    for (name, object) in &expected {
        let kind = &object.kind;
        match actual.get(name) {
            None => problems.push(format!("the {kind} {name} is missing")),
            Some(found) if !found.matches(object) => {
                problems.push(format!("the {kind} {name} was altered"));
            }
            Some(_) => {}
        }
    }
    for (view, _) in expected.iter().filter(|(_, it)| it.kind == "view") {
        if actual.contains_key(view)
            && let Err(cause) = read_row(connection, view)
        {
            problems.push(format!("the view {view} cannot be read: {cause}"));
        }
    }
    Ok(problems)
}

/// Lists the objects that are not part of the schema.
pub(crate) fn foreign_objects(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let (actual, expected) = actual_and_expected(connection)?;
    let added = actual
        .iter()
        .filter(|(name, _)| !expected.contains_key(*name));
    Ok(added
        .map(|(name, object)| match object.kind.as_str() {
            "index" | "trigger" => format!("{} {name} on {}", object.kind, object.table),
            kind => format!("{kind} {name}"),
        })
        .collect())
}

/// Recreates indexes, triggers and views that are missing or altered. Returns their names.
pub(crate) fn restore(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let (actual, expected) = actual_and_expected(connection)?;
    let mut restored = Vec::new();
    for (name, object) in expected {
        if object.kind == "table"
            || actual
                .get(&name)
                .is_some_and(|found| found.matches(&object))
        {
            continue;
        }
        // Names and statements come from the schema, not from the file.
        if let Some(found) = actual.get(&name) {
            connection.execute_batch(&format!("DROP {} {name}", found.kind))?;
        }
        connection.execute_batch(&object.sql)?;
        restored.push(name);
    }
    Ok(restored)
}

impl Object {
    fn matches(&self, other: &Object) -> bool {
        (&self.kind, &self.table, &self.shape) == (&other.kind, &other.table, &other.shape)
    }
}

type Objects = BTreeMap<String, Object>;

/// Returns the objects of the file, and those of its schema version.
fn actual_and_expected(connection: &Connection) -> rusqlite::Result<(Objects, Objects)> {
    let version = connection.query_row(VERSION, (), |row| row.get(0))?;
    Ok((objects(connection)?, objects(&reference_schema(version)?)?))
}

fn objects(connection: &Connection) -> rusqlite::Result<Objects> {
    let mut statement = connection.prepare(OBJECTS)?;
    let mut rows = statement.query(())?;
    let mut objects = Objects::new();
    while let Some(row) = rows.next()? {
        let (name, kind, table): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let sql: String = row.get(3)?;
        let is_search = SEARCH.iter().any(|search| name.starts_with(search));
        let shape = match kind.as_str() {
            "table" if is_search => String::new(),
            "table" => columns(connection, &name)?,
            _ => sql.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let object = Object {
            kind,
            table,
            shape,
            sql,
        };
        objects.insert(name, object);
    }
    Ok(objects)
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<String> {
    let mut statement = connection.prepare_cached(COLUMNS)?;
    let columns = statement.query_map([table], |row| row.get(0))?;
    Ok(columns
        .collect::<rusqlite::Result<Vec<String>>>()?
        .join(", "))
}

/// Reads a row of a view, whose name must come from the schema: the tables that it selects from may be gone.
fn read_row(connection: &Connection, view: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {view} LIMIT 1"))?;
    statement.query(())?.next().map(drop)
}
