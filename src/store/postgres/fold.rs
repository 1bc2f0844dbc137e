//! Gives accepted batches their place in the order of all logs.

use tokio_postgres::types::Type;

use super::connection::{Connection, Parameter, query};
use crate::error::Result;

/// Locks the last ordinal: one intake folds at a time. Ends with its transaction, as a pooler needs it.
const LOCK: &str = "SET LOCAL lock_timeout = '5s'";
const LAST: &str = "SELECT value FROM tower_activity.mark WHERE name = 'ordinal' FOR UPDATE";
const NEXT: &str = "SELECT id FROM tower_activity.batch WHERE ordinal IS NULL ORDER BY id LIMIT 1";
const SET: &str = "UPDATE tower_activity.batch SET ordinal = $1 WHERE id = $2";
const SET_LAST: &str = "UPDATE tower_activity.mark SET value = $1 WHERE name = 'ordinal'";

/// Folds the batches that were accepted so far, a transaction each. Returns how many.
pub(super) fn fold(connection: &mut Connection) -> Result<u64> {
    let mut count = 0;
    loop {
        let folded = connection.transaction(LOCK, async |transaction| {
            let last: i64 = query(transaction, LAST, &[]).await?[0].get(0);
            let next = query(transaction, NEXT, &[]).await?;
            let Some(row) = next.first() else {
                return Ok(false);
            };
            let (id, ordinal): (i64, i64) = (row.get(0), last + 1);
            let set: [Parameter<'_>; 2] = [(&ordinal, Type::INT8), (&id, Type::INT8)];
            query(transaction, SET, &set).await?;
            query(transaction, SET_LAST, &[(&ordinal, Type::INT8)]).await?;
            Ok(true)
        })?;
        match folded {
            true => count += 1,
            false => return Ok(count),
        }
    }
}
