//! Runs SQL from standard input on the database given as argument, with another version of SQLite.
//!
//! A line is a statement, whose rows are printed as `a|b|c`, or one of three commands of the `sqlite3` shell: `.print TEXT`, `.backup FILE`,
//! `.timeout MILLISECONDS`. The first error ends it, with exit code 1.

use std::{
    error::Error,
    io::{BufRead, Write, stdin, stdout},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use rusqlite::{Connection, MAIN_DB, types::ValueRef};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("no database was named")?;
    let connection = Connection::open(path)?;
    for line in stdin().lock().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some((".print", text)) => println!("{text}"),
            Some((".timeout", ms)) => {
                connection.busy_timeout(Duration::from_millis(ms.parse()?))?
            }
            Some((".backup", file)) => connection.backup(MAIN_DB, Path::new(file), None)?,
            _ => print(&connection, &line)?,
        }
        stdout().flush()?;
    }
    Ok(())
}

fn print(connection: &Connection, sql: &str) -> Result<(), Box<dyn Error>> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|at| Ok(text(row.get_ref(at)?)));
        let values: Vec<String> = values.collect::<rusqlite::Result<_>>()?;
        println!("{}", values.join("|"));
    }
    Ok(())
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    }
}
