//! Recomputes sums, turns and groups of failures from the activities.

use std::ops::Range;

use tokio_postgres::{Row, Transaction, types::Type};
use uuid::Uuid;

use super::{BEGIN, FIRST_KEPT, LOCK_FOLDERS, NOW, PostgresMaintenance, WAIT_FOR_INTAKES};
use crate::{
    error::Result,
    record::ActivityId,
    store::{
        postgres::{
            columns::uuid,
            connection::{Failed, Parameter, query},
            fold::{self, Counted, agents, buckets, failures},
            recount::{self, Bounds, COUNTED},
        },
        sums::{first_id, quarter_of},
    },
};

/// The first and the last quarter hour with sums, and the first and the last activity.
const ENDS: &str = "SELECT least((SELECT min(quarter) FROM tower_activity.bucket WHERE quarter >= $1), \
         (SELECT min(quarter) FROM tower_activity.agent_quarter WHERE quarter >= $1), \
         (SELECT min(quarter) FROM tower_activity.turn_bucket WHERE quarter >= $1), \
         (SELECT min(quarter) FROM tower_activity.failure WHERE quarter >= $1)), \
       greatest((SELECT max(quarter) FROM tower_activity.bucket WHERE quarter >= $1), \
         (SELECT max(quarter) FROM tower_activity.agent_quarter WHERE quarter >= $1), \
         (SELECT max(quarter) FROM tower_activity.turn_bucket WHERE quarter >= $1), \
         (SELECT max(quarter) FROM tower_activity.failure WHERE quarter >= $1)), \
       (SELECT id FROM tower_activity.activity WHERE id >= $2 ORDER BY id LIMIT 1), \
       (SELECT id FROM tower_activity.activity WHERE id >= $2 ORDER BY id DESC LIMIT 1)";
const DELETE_GROUPS: &str =
    "DELETE FROM tower_activity.failure WHERE quarter >= $1 AND quarter < $2";
/// Sums are kept from here on, if none is missing up to where they were.
const EXTEND: &str = "UPDATE tower_activity.mark SET value = $1 WHERE name = 'sums_from' AND value > $1 AND NOT EXISTS \
       (SELECT 1 FROM tower_activity.activity AS a WHERE a.id >= $2 AND a.started_at < value * 900000000)";

/// Logs of batches whose row was deleted: last heard of when their last batch was accepted, and retired by then.
const ADD_LOGS: &str = "INSERT INTO tower_activity.log (number, id, host, heard_at) OVERRIDING SYSTEM VALUE \
     SELECT log, gen_random_uuid(), 'unknown', least(max(accepted_at), now() - interval '1 day 1 second') FROM tower_activity.batch WHERE log NOT IN (SELECT number FROM tower_activity.log) GROUP BY log";
/// Accepts the batches that are there.
const ACCEPT_BATCHES: &str = ") AS f WHERE batches <> found_batches), \
     kept AS (INSERT INTO tower_activity.accepted (at, log, batches) SELECT $1, log, batches - found_batches FROM found) \
     UPDATE tower_activity.log AS l SET batches = f.found_batches FROM found AS f WHERE l.number = f.log";
/// Accepts what is there of some batches.
const ACCEPT_ROWS: &str = ") AS f WHERE (activities, events) IS DISTINCT FROM (found_activities, found_events)), \
     kept AS (INSERT INTO tower_activity.accepted (at, log, activities, events) \
       SELECT $3, log, sum(activities - found_activities)::bigint, sum(events - found_events)::bigint FROM found \
       GROUP BY log, sign(activities - found_activities), sign(events - found_events)) \
     UPDATE tower_activity.batch AS b SET activities = f.found_activities, events = f.found_events FROM found AS f WHERE b.id = f.id";
/// Accepts the records that are in no batch, or outside the ids of theirs.
const KEEP_STRAYS: &str = "INSERT INTO tower_activity.accepted (at, log, activities, events) SELECT $1, 0, least($2, 0), least($3, 0) \
     WHERE least($2, $3) < 0";
const FOUND: &str = "WITH found AS (SELECT * FROM (";
/// Quarter hours per transaction.
const QUARTERS: i64 = 4;

impl PostgresMaintenance {
    /// Takes the batches and rows that are there for those that were accepted, keeps the differences, and recomputes all sums.
    pub(super) fn accept_rows(&mut self, progress: &mut dyn FnMut(f64)) -> Result<()> {
        let at: i64 = self.rows(NOW, &[])?[0].get(0);
        let accept = [FOUND, recount::LOGS, ACCEPT_BATCHES].concat();
        self.connection.transaction(BEGIN, async |transaction| {
            query(transaction, WAIT_FOR_INTAKES, &[]).await?;
            query(transaction, ADD_LOGS, &[]).await?;
            query(transaction, &accept, &[(&at, Type::INT8)]).await?;
            Ok::<_, Failed>(())
        })?;
        let accept = [FOUND, recount::BATCHES, ACCEPT_ROWS].concat();
        let mut after = 0_i64;
        loop {
            let step: [Parameter<'_>; 3] = [
                (&after, Type::INT8),
                (&recount::STEP, Type::INT8),
                (&at, Type::INT8),
            ];
            let last = self.rows(recount::LAST, &step[..2])?[0].get(0);
            self.change(&accept, &step)?;
            let Some(last) = last else { break };
            after = last;
        }
        self.accept_strays(at)?;
        let mut steps = Vec::new();
        let mut rest = self.rebuildable_from(0)?;
        while !rest.is_empty() {
            let end = rest.end.min(rest.start + QUARTERS);
            steps.push(rest.start..end);
            rest = self.rebuildable_from(end)?;
        }
        // Newest first: sums that were deleted count as kept only up to those that are there.
        let count = steps.len() as f64;
        for (done, step) in (1..).zip(steps.into_iter().rev()) {
            self.rebuild_quarters(step)?;
            progress(f64::from(done) / count);
        }
        Ok(())
    }

    fn accept_strays(&mut self, at: i64) -> Result<()> {
        self.connection.transaction(BEGIN, async |transaction| {
            let activities = query(transaction, recount::ACTIVITIES, &[]).await?;
            let events = query(transaction, recount::STRAY_EVENTS, &[]).await?;
            let accepted = query(transaction, recount::ACCEPTED_STRAYS, &[]).await?;
            let strays = |rows: &[Row]| {
                rows.iter()
                    .map(|row| row.get::<_, i64>("strays"))
                    .sum::<i64>()
            };
            let kept: [Parameter<'_>; 3] = [
                (&at, Type::INT8),
                (
                    &(accepted[0].get::<_, i64>(0) - strays(&activities)),
                    Type::INT8,
                ),
                (
                    &(accepted[0].get::<_, i64>(1) - strays(&events)),
                    Type::INT8,
                ),
            ];
            query(transaction, KEEP_STRAYS, &kept).await?;
            Ok::<_, Failed>(())
        })
    }

    pub(super) fn rebuildable_from(&mut self, from: i64) -> Result<Range<i64>> {
        let first_kept: i64 = self.rows(FIRST_KEPT, &[])?[0].get(0);
        let from = from.max(first_kept);
        let id = uuid(first_id(from).as_bytes());
        let rows = self.rows(ENDS, &[(&from, Type::INT8), (&id, Type::UUID)])?;
        let quarter = |column| rows[0].get::<_, Option<i64>>(column);
        // By the id, by which they are found: another program may have written any start.
        let started = |column| {
            let id = rows[0].get::<_, Option<Uuid>>(column)?;
            Some(quarter_of(
                ActivityId::from_bytes(id.into_bytes()).started_at_us(),
            ))
        };
        let first = quarter(0).into_iter().chain(started(2)).min();
        let last = quarter(1).into_iter().chain(started(3)).max();
        Ok(match first.zip(last) {
            Some((first, last)) if last >= from => first..last + 1,
            _ => from..from,
        })
    }

    /// Recomputes some quarter hours, while no batch is counted.
    pub(super) fn rebuild_quarters(&mut self, quarters: Range<i64>) -> Result<()> {
        self.connection.transaction(BEGIN, async |transaction| {
            query(transaction, LOCK_FOLDERS, &[]).await?;
            let first_kept = query(transaction, FIRST_KEPT, &[]).await?[0].get(0);
            let quarters = quarters.start.max(first_kept)..quarters.end;
            match quarters.is_empty() {
                true => Ok(()),
                false => rebuild(transaction, &quarters).await,
            }
        })
    }
}

async fn rebuild(transaction: &Transaction<'_>, quarters: &Range<i64>) -> Result<(), Failed> {
    let range: [Parameter<'_>; 2] = [(&quarters.start, Type::INT8), (&quarters.end, Type::INT8)];
    query(transaction, DELETE_GROUPS, &range).await?;
    let bounds = Bounds::new(quarters);
    let sql = [fold::COLUMNS, COUNTED].concat();
    let rows = query(transaction, &sql, &bounds.parameters()).await?;
    let Counted {
        buckets: mut sums,
        mut agents,
        failures,
    } = Counted::new(&rows);
    agents::rebuild(transaction, &mut agents, quarters).await?;
    sums.add_agents(agents.sums);
    buckets::rebuild(transaction, sums, quarters).await?;
    failures::fold(transaction, failures).await?;
    let extend: [Parameter<'_>; 2] = [(&quarters.start, Type::INT8), (&bounds.until, Type::UUID)];
    query(transaction, EXTEND, &extend).await?;
    Ok(())
}
