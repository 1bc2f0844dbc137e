//! The sums in a store's tables, and checks of them.

use std::path::Path;

use rusqlite::{Connection, types::Value};
use tower_activity::store::Maintenance;

/// The rows of a table.
pub type Rows = Vec<Vec<Value>>;

/// Returns the buckets.
pub fn buckets(path: &Path) -> Rows {
    rows(
        path,
        "SELECT * FROM bucket ORDER BY scope, scope_id, quarter",
    )
}

/// Returns the buckets, the sums of agents, and the groups of failures. Checks that each hour equals the sum of its quarters.
pub fn all(path: &Path) -> [Rows; 4] {
    let quarters = "SELECT quarter - quarter % 4, sum(count), sum(failed), sum(cancelled), sum(timed), sum(sum_ns), \
                    min(min_ns), max(max_ns) FROM bucket WHERE scope = 0 GROUP BY 1";
    let hours = "SELECT quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns FROM hour WHERE count > 0";
    assert_eq!(rows(path, hours), rows(path, quarters));
    let quarters = "SELECT quarter - quarter % 4, sum(turns) FROM pace WHERE scope_id = 0 GROUP BY 1 HAVING sum(turns) > 0";
    let hours = "SELECT quarter, turns FROM hour WHERE turns > 0";
    assert_eq!(rows(path, hours), rows(path, quarters));
    [
        buckets(path),
        rows(
            path,
            "SELECT * FROM agent_stretch ORDER BY agent, quarter, scope_id",
        ),
        rows(path, "SELECT * FROM pace ORDER BY scope_id, quarter"),
        rows(path, "SELECT * FROM failure ORDER BY quarter, fingerprint"),
    ]
}

/// Rebuilds all sums.
pub fn rebuild(maintenance: &mut dyn Maintenance) {
    let quarters = maintenance.rebuildable(0).unwrap();
    for quarter in quarters.clone().step_by(4) {
        maintenance
            .rebuild(quarter..quarters.end.min(quarter + 4))
            .unwrap();
    }
}

/// Rebuilds all sums, the newest first.
pub fn rebuild_newest_first(maintenance: &mut dyn Maintenance) {
    let quarters = maintenance.rebuildable(0).unwrap();
    for quarter in quarters
        .clone()
        .step_by(4)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        maintenance
            .rebuild(quarter..quarters.end.min(quarter + 4))
            .unwrap();
    }
}

fn rows(path: &Path, sql: &str) -> Rows {
    let store = Connection::open(path).unwrap();
    let mut statement = store.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map((), |row| (0..columns).map(|at| row.get(at)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}
