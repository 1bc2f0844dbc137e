//! Running activities.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use super::ClickHouseReader;
use crate::{
    error::{Error, Result},
    record::{ActivityRecord, InstanceId, Status},
    store::clickhouse::{client::Statement, row_binary::RowReader, rows::number},
};

/// The activities of each log, whether it was heard of in the last two minutes, by the server's clock, the processes of such logs that
/// are alive, those of all these activities that have ended since they were listed, and those that have recordings.
const OPEN: &str = "WITH heard AS (SELECT id FROM log WHERE heard_at > now64(6) - INTERVAL 2 MINUTE), \
       listed AS (SELECT arrayJoin(ids) FROM open) \
     SELECT activities, log IN heard, (SELECT groupArray(id) FROM instance WHERE alive AND log IN heard), \
       (SELECT groupArray(id) FROM activity WHERE id IN listed), (SELECT groupArray(activity) FROM link WHERE activity IN listed) \
     FROM open WHERE notEmpty(activities)";

/// How long a reader uses what it has read: logs say less often what has changed.
const MAX_AGE: Duration = Duration::from_millis(500);

impl ClickHouseReader {
    /// Returns the running activities: those of processes that are not alive are abandoned.
    pub(super) fn open_activities(&self) -> Result<Vec<ActivityRecord>> {
        let kept = self.open.borrow().clone();
        let kept = kept.filter(|(read_at, _)| read_at.elapsed() < MAX_AGE);
        let mut open = match kept {
            Some((_, open)) => open,
            None => {
                let read_at = Instant::now();
                let open = self.read_open()?;
                self.open.replace(Some((read_at, open.clone())));
                open
            }
        };
        let ahead_from = self.ahead_from();
        for one in &mut open {
            one.ahead = one.started_at >= ahead_from;
        }
        Ok(open)
    }

    fn read_open(&self) -> Result<Vec<ActivityRecord>> {
        let answer = self.query(Statement::new(OPEN).reading())?;
        let mut rows = RowReader::new(&answer);
        let mut open = Vec::new();
        while !rows.is_at_end() {
            let activities: Vec<&[u8]> = rows.next()?;
            let is_heard: bool = rows.next()?;
            let mut set = || Ok::<_, Error>(rows.next::<Vec<u128>>()?.into_iter().collect());
            let (alive, ended, linked): (HashSet<u128>, HashSet<u128>, HashSet<u128>) =
                (set()?, set()?, set()?);
            let is_alive = |id: InstanceId| is_heard && alive.contains(&number(id.as_bytes()));
            for json in activities {
                // A later version may have added a kind.
                let Ok(mut one) = serde_json::from_slice::<ActivityRecord>(json) else {
                    continue;
                };
                let id = number(one.id.as_bytes());
                if ended.contains(&id) {
                    continue;
                }
                one.status = match is_alive(one.instance) {
                    true => Status::Running,
                    false => Status::Abandoned,
                };
                one.has_recording = linked.contains(&id);
                open.push(one);
            }
        }
        Ok(open)
    }
}
