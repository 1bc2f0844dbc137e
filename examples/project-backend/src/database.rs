//! A project's database: SQLite, whose authorizer reports which tables a query touches.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{
    Connection,
    hooks::{AuthAction, AuthContext, Authorization},
};

use crate::Result;

/// A project's database.
#[derive(Debug)]
pub(crate) struct Database {
    connection: Connection,
    touched: Arc<Mutex<Touched>>,
}

/// The tables that queries touched, each once.
#[derive(Debug, Default)]
struct Touched {
    tables: BTreeSet<String>,
    created: BTreeSet<String>,
}

/// The results of queries.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) rows: usize,
    /// Every table they touched, each once.
    pub(crate) tables: BTreeSet<String>,
    /// The tables that they created.
    pub(crate) created: BTreeSet<String>,
}

impl Database {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut connection = Connection::open(path)?;
        let touched: Arc<Mutex<Touched>> = Arc::default();
        let seen = Arc::clone(&touched);
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            allowed(
                context.action,
                &mut seen.lock().unwrap_or_else(PoisonError::into_inner),
            )
        }))?;
        Ok(Database {
            connection,
            touched,
        })
    }

    /// Runs all of them, or none.
    pub(crate) fn run(&mut self, queries: &[&str]) -> Result<Ran> {
        *self.touched() = Touched::default();
        let transaction = self.connection.transaction()?;
        let mut rows = 0;
        for query in queries {
            let mut statement = transaction.prepare(query)?;
            let mut answer = statement.query([])?;
            while answer.next()?.is_some() {
                rows += 1;
            }
        }
        transaction.commit()?;
        let touched = std::mem::take(&mut *self.touched());
        Ok(Ran {
            rows,
            tables: touched.tables,
            created: touched.created,
        })
    }

    /// Fails if a query is invalid.
    pub(crate) fn understands(&self, query: &str) -> Result<()> {
        self.connection.prepare(query)?;
        Ok(())
    }

    /// Returns its schema as SQL.
    pub(crate) fn schema(&self) -> Result<String> {
        const TABLES: &str = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";

        let mut statement = self.connection.prepare(TABLES)?;
        let tables = statement.query_map([], |row| Ok(row.get::<_, String>(0)? + ";\n"))?;
        Ok(tables.collect::<rusqlite::Result<_>>()?)
    }

    fn touched(&self) -> std::sync::MutexGuard<'_, Touched> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes the table that a query touches. Queries that would leave the database are denied.
fn allowed(action: AuthAction<'_>, touched: &mut Touched) -> Authorization {
    let table = match action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } | AuthAction::Pragma { .. } => {
            return Authorization::Deny;
        }
        AuthAction::CreateTable { table_name } => {
            touched.created.insert(table_name.to_owned());
            table_name
        }
        AuthAction::Read { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
        | AuthAction::DropTable { table_name } => table_name,
        _ => return Authorization::Allow,
    };
    if !table.is_empty() && !table.starts_with("sqlite_") {
        touched.tables.insert(table.to_owned());
    }
    Authorization::Allow
}
