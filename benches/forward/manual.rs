//! The rows of a store, inserted into another one manually: a loop of one statement for each batch.

use std::time::{Duration, Instant};

use benches::{Failure, central::BATCH};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{
    Client, NoTls, Row,
    types::{ToSql, Type},
};
use uuid::Uuid;

/// In the order in which they were accepted.
const ROWS: &str = "SELECT * FROM tower_activity.activity ORDER BY batch, seq";

/// Batches of columns, each an array.
pub(crate) struct Manual {
    runtime: Runtime,
    sql: String,
    types: Vec<Type>,
    batches: Vec<Vec<Box<dyn ToSql + Sync>>>,
}

impl Manual {
    /// Reads all rows of the store at this address.
    pub(crate) fn read(url: &str) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let rows = runtime.block_on(async {
            connect(url)
                .await?
                .query(ROWS, &[])
                .await
                .map_err(Failure::from)
        })?;
        let columns = rows.first().ok_or("no rows")?.columns();
        let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
        let names = names.join(", ");
        let parameters: Vec<_> = (1..=columns.len())
            .map(|number| format!("${number}"))
            .collect();
        let parameters = parameters.join(", ");
        let types: Result<_, String> = columns.iter().map(|column| array(column.type_())).collect();
        let batches: Result<_, String> = rows
            .chunks(BATCH)
            .map(|batch| {
                (0..columns.len())
                    .map(|at| values(batch, at, columns[at].type_()))
                    .collect()
            })
            .collect();
        Ok(Manual {
            runtime,
            sql: format!(
                "INSERT INTO tower_activity.activity ({names}) SELECT {names} FROM unnest({parameters}) AS new ({names}) ON CONFLICT DO NOTHING"
            ),
            types: types?,
            batches: batches?,
        })
    }

    /// Inserts them into the store at this address, each batch in a transaction.
    pub(crate) fn insert(&self, url: &str) -> Result<Duration, Failure> {
        self.runtime.block_on(async {
            let mut client = connect(url).await?;
            // As the intake does before: not measured.
            client.batch_execute(DAYS).await?;
            let start = Instant::now();
            for batch in &self.batches {
                let transaction = client.transaction().await?;
                let parameters = batch.iter().zip(&self.types);
                let parameters: Vec<(&(dyn ToSql + Sync), Type)> = parameters
                    .map(|(values, of)| (&**values, of.clone()))
                    .collect();
                transaction.query_typed(&self.sql, &parameters).await?;
                transaction.commit().await?;
            }
            Ok(start.elapsed())
        })
    }
}

/// The days that the rows need.
const DAYS: &str = "SELECT tower_activity.add_day('activity', day) FROM generate_series( \
     floor(extract(epoch FROM now()) / 86400)::bigint - 31, floor(extract(epoch FROM now()) / 86400)::bigint) AS day";

async fn connect(url: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn array(of: &Type) -> Result<Type, String> {
    Ok(match *of {
        Type::UUID => Type::UUID_ARRAY,
        Type::INT8 => Type::INT8_ARRAY,
        Type::INT4 => Type::INT4_ARRAY,
        Type::INT2 => Type::INT2_ARRAY,
        Type::BOOL => Type::BOOL_ARRAY,
        Type::TEXT => Type::TEXT_ARRAY,
        Type::BYTEA => Type::BYTEA_ARRAY,
        _ => return Err(format!("a column has the type {of}")),
    })
}

/// The values of a column.
fn values(rows: &[Row], at: usize, of: &Type) -> Result<Box<dyn ToSql + Sync>, String> {
    fn column<T>(rows: &[Row], at: usize) -> Box<dyn ToSql + Sync>
    where
        T: ToSql + Sync + for<'a> tokio_postgres::types::FromSql<'a> + 'static,
    {
        Box::new(
            rows.iter()
                .map(|row| row.get::<_, Option<T>>(at))
                .collect::<Vec<_>>(),
        )
    }
    Ok(match *of {
        Type::UUID => column::<Uuid>(rows, at),
        Type::INT8 => column::<i64>(rows, at),
        Type::INT4 => column::<i32>(rows, at),
        Type::INT2 => column::<i16>(rows, at),
        Type::BOOL => column::<bool>(rows, at),
        Type::TEXT => column::<String>(rows, at),
        Type::BYTEA => column::<Vec<u8>>(rows, at),
        _ => return Err(format!("a column has the type {of}")),
    })
}
