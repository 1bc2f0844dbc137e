//! The tables of webhooks: only the owner of the schema may read them, because they hold secrets.

use std::sync::Arc;

use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use super::{
    address::Address,
    connection::{Connection, Failed, Parameter, query},
    role::Role,
    schema,
};
use crate::{
    error::{Error, Result},
    store::sealed::{Cell, Tables},
};

/// Statements name the tables as in a file.
const BEGIN: &str = "SET LOCAL search_path = tower_activity, pg_catalog, pg_temp; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10s'";

/// Runs statements on the tables, on a connection that is opened when it is needed.
#[derive(Debug)]
pub(super) struct WebhookTables {
    address: Arc<Address>,
    connection: Option<Connection>,
}

impl WebhookTables {
    pub(super) fn new(address: Arc<Address>) -> Self {
        WebhookTables {
            address,
            connection: None,
        }
    }

    fn connect(&self) -> Result<Connection> {
        let mut connection = Connection::open(self.address.clone(), Role::Webhooks)?;
        connection.transaction("SET TRANSACTION READ ONLY", async |transaction| {
            schema::check_current(transaction).await
        })?;
        Ok(connection)
    }
}

impl Tables for WebhookTables {
    fn run(&mut self, sql: &str, values: &[Cell]) -> Result<Vec<Vec<Cell>>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let sql = sql.replace('?', "$");
        let values: Vec<Parameter<'_>> = values.iter().map(parameter).collect();
        let rows = connection.transaction(BEGIN, async |transaction| {
            let rows = query(transaction, &sql, &values).await?;
            let rows: Result<Vec<_>> = rows.iter().map(cells).collect();
            Ok::<_, Failed>(rows?)
        })?;
        self.connection = Some(connection);
        Ok(rows)
    }
}

fn parameter(cell: &Cell) -> Parameter<'_> {
    match cell {
        Cell::Integer(value) => (value as &(dyn ToSql + Sync), Type::INT8),
        Cell::Text(value) => (value as &(dyn ToSql + Sync), Type::TEXT),
    }
}

fn cells(row: &Row) -> Result<Vec<Cell>> {
    let cell = |n: usize| match row.columns()[n].type_() {
        &Type::INT8 => row.try_get(n).map(Cell::Integer),
        _ => row.try_get(n).map(Cell::Text),
    };
    let cells: std::result::Result<_, tokio_postgres::Error> = (0..row.len()).map(cell).collect();
    cells.map_err(|cause| Error::store("could not read a row of the webhooks").with_source(cause))
}
