//! The tables in which webhooks keep their state: beside a file, or in a central store.

use std::fmt;

use crate::error::Result;

/// A value of a parameter or of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A 64-bit integer, or NULL.
    Integer(Option<i64>),
    /// A text, or NULL.
    Text(Option<String>),
}

/// Runs statements that SQLite and PostgreSQL both understand, on tables of the same columns.
pub trait Tables: fmt::Debug + Send {
    /// Runs one statement in a transaction of its own, with parameters `?1`, `?2`, …, and returns its rows.
    ///
    /// # Errors
    ///
    /// If the tables cannot be read or written; nothing was changed then, or the connection was lost after the commit.
    fn run(&mut self, sql: &str, values: &[Cell]) -> Result<Vec<Vec<Cell>>>;
}

impl Cell {
    /// Returns the integer, if it is one.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Cell::Integer(value) => *value,
            Cell::Text(_) => None,
        }
    }

    /// Returns the text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Cell::Text(value) => value.as_deref(),
            Cell::Integer(_) => None,
        }
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Cell::Integer(Some(value))
    }
}

impl From<Option<i64>> for Cell {
    fn from(value: Option<i64>) -> Self {
        Cell::Integer(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Cell::Text(Some(value.to_owned()))
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Cell::Text(Some(value))
    }
}
