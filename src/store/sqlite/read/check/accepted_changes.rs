//! Changes by other programs that an operator has accepted.

use rusqlite::Connection;

use super::super::{failed, row::instant};
use crate::{
    error::{Error, Result},
    store::{
        AcceptedChange, RowKind,
        sqlite::{columns::unsigned, write::ledger},
    },
};

const ACCEPTED: &str = "SELECT at, kind, sum(max(missing, 0)), sum(max(-missing, 0)) FROM ledger_accepted \
     GROUP BY at, kind ORDER BY at DESC, kind";

/// Reads the accepted changes, newest first.
pub(super) fn accepted_changes(connection: &Connection) -> Result<Vec<AcceptedChange>> {
    let attempt = || failed("read the accepted changes");
    let mut statement = connection.prepare_cached(ACCEPTED).map_err(attempt())?;
    let mut rows = statement.query(()).map_err(attempt())?;
    let mut accepted = Vec::new();
    while let Some(row) = rows.next().map_err(attempt())? {
        let number: i64 = row.get(1).map_err(attempt())?;
        let kind = RowKind::ALL
            .into_iter()
            .find(|kind| ledger::statements(*kind).kind == number);
        accepted.push(AcceptedChange {
            at: instant(row.get(0).map_err(attempt())?)?,
            kind: kind.ok_or_else(|| Error::store(format!("{number} is not a kind of row")))?,
            missing: unsigned(row.get(2).map_err(attempt())?),
            surplus: unsigned(row.get(3).map_err(attempt())?),
        });
    }
    Ok(accepted)
}
