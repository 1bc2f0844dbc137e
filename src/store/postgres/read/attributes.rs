//! Scans activities with their attributes.

use super::{
    Snapshot,
    compile::Table,
    dictionary::Texts,
    list::id_of,
    scan::{conditions, each_page, each_record},
    tree,
};
use crate::{
    error::Result,
    record::{ActivityRecord, Filter, Status},
    store::{AttributeSample, postgres::connection::Failed},
};

const COLUMNS: &str = "a.status, a.duration_ns, a.name, a.error_type, a.attributes";

/// Passes the ended activities that match a filter to `take`, with their attributes.
pub(super) async fn scan(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    take: &mut dyn FnMut(AttributeSample),
) -> Result<(), Failed> {
    // Conditions on attributes are checked here: they are read anyway.
    let clause = conditions(snapshot, &filter.without_attributes(), Table::Ended).await?;
    if !clause.is_exact {
        let mut take = |one: ActivityRecord| take(one.into());
        return each_record(snapshot, filter, &mut take).await;
    }
    let mut texts = Texts::default();
    each_page(snapshot, COLUMNS, Table::Ended, &clause, async |rows| {
        texts
            .load(snapshot, rows.iter().map(|row| row.get(3)))
            .await?;
        for row in rows {
            let Some(attributes) = filter.matching_attributes(row.get(5)) else {
                continue;
            };
            let status = tree::status(row.get(1))?;
            let error_type: Option<String> = row.get(4);
            take(AttributeSample {
                id: id_of(row.get(0)),
                name: texts.get(row.get(3)).unwrap_or_default(),
                status,
                duration_ns: row.get::<_, Option<i64>>(2).map(i64::cast_unsigned),
                error_type: error_type
                    .filter(|_| status == Status::Failed)
                    .map(Into::into),
                attributes,
            });
        }
        Ok(())
    })
    .await
}
