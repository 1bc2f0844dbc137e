//! The health of the store.

use super::{
    Snapshot,
    row::{bytes, instant},
};
use crate::{
    error::Result,
    record::InstanceId,
    store::{Health, Instance, InstanceHealth, postgres::connection::Failed},
};

const COUNTS: &str = "SELECT (SELECT value FROM tower_activity.mark WHERE name = 'schema') AS schema, \
     (SELECT count(*) FROM tower_activity.activity) AS activities, \
     (SELECT count(*) FROM tower_activity.activity WHERE status > 1 AND status = 5) AS abandoned, \
     (SELECT count(*) FROM tower_activity.event) AS events, \
     (SELECT count(*) FROM tower_activity.open AS o JOIN tower_activity.log AS l ON l.number = o.log \
        WHERE l.heard_at > now() - interval '2 minutes') AS running, \
     (SELECT count(*) FROM tower_activity.open AS o JOIN tower_activity.log AS l ON l.number = o.log \
        WHERE l.heard_at <= now() - interval '2 minutes') AS unheard, \
     pg_database_size(current_database()) AS bytes";
const INSTANCES: &str = "SELECT i.uuid, i.host, i.pid, i.started_at, i.stopped_at, i.saved_at, i.accounting, \
       i.alive AND l.heard_at > now() - interval '2 minutes' AS alive \
     FROM tower_activity.instance AS i JOIN tower_activity.log AS l ON l.number = i.log ORDER BY i.started_at DESC, i.number DESC";

pub(super) async fn health(snapshot: &Snapshot<'_>) -> Result<Health, Failed> {
    let row = &snapshot.query(COUNTS, &[]).await?[0];
    let count = |column| row.get::<_, i64>(column).cast_unsigned();
    let mut health = Health {
        schema: count("schema") as u32,
        activities: count("activities"),
        events: count("events"),
        running: count("running"),
        abandoned: count("abandoned") + count("unheard"),
        bytes: count("bytes"),
        ..Health::default()
    };
    for row in snapshot.query(INSTANCES, &[]).await? {
        let at = |column| row.get::<_, Option<i64>>(column).map(instant).transpose();
        let instance = Instance::new(
            InstanceId::from_bytes(bytes(row.get("uuid"))),
            row.get::<_, &str>("host"),
            row.get::<_, i64>("pid") as u32,
            instant(row.get("started_at"))?,
        );
        let mut one = InstanceHealth::new(&instance);
        one.stopped_at = at("stopped_at")?;
        one.saved_at = at("saved_at")?;
        one.alive = row.get("alive");
        one.accounting = serde_json::from_str(row.get("accounting")).unwrap_or_default();
        health.instances.push(one);
    }
    Ok(health)
}
