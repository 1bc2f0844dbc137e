//! Erases the content recorded for an actor.

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{BEGIN, PostgresMaintenance, STEP};
use crate::{
    error::Result,
    store::{
        EraseCounts,
        postgres::{
            columns::key,
            connection::{Failed, Parameter, query},
        },
    },
};

const TEXT_ID: &str = "SELECT id FROM tower_activity.text WHERE value = $1";
const COUNT_OF_ACTOR: &str = "SELECT (SELECT count(*) FROM tower_activity.activity WHERE actor = $1), \
     (SELECT count(*) FROM tower_activity.event WHERE actor = $1), \
     (SELECT count(DISTINCT l.recording) FROM tower_activity.link AS l JOIN tower_activity.activity AS a ON a.id = l.activity \
        WHERE a.actor = $1)";
/// Its hash only: who was erased is not to be read from the store.
const BURY: &str = "INSERT INTO tower_activity.tombstone (actor, until) \
     VALUES (sha256(convert_to($1, 'UTF8')), (extract(epoch FROM now()) * 1000000)::bigint) \
     ON CONFLICT (actor) DO UPDATE SET until = excluded.until";
const BUMP: &str = "UPDATE tower_activity.mark SET value = value + 1 WHERE name = 'erased'";
/// Waits for the batches that are being accepted, so that later ones see the tombstone.
const WAIT_FOR_INTAKES: &str = "LOCK TABLE tower_activity.log IN SHARE MODE";
const RECORDINGS_OF: &str = "SELECT DISTINCT l.recording FROM tower_activity.link AS l \
     JOIN tower_activity.activity AS a ON a.id = l.activity WHERE a.actor = $1 LIMIT $2";
const ERASE_EVENTS_OF_ACTIVITIES: &str = "UPDATE tower_activity.event SET actor = NULL, session = NULL, request = NULL, summary = NULL, \
     data = NULL, reference = NULL, dedup_key = NULL, terms = '' WHERE activity IN \
     (SELECT id FROM tower_activity.activity WHERE actor = $1 ORDER BY id LIMIT $2)";
const ERASE_ACTIVITIES: &str = "UPDATE tower_activity.activity SET actor = NULL, session = NULL, request = NULL, message = NULL, \
     attributes = NULL, input = NULL, input_bytes = NULL, input_truncated = NULL, output = NULL, output_bytes = NULL, \
     output_truncated = NULL, terms = '' WHERE id IN (SELECT id FROM tower_activity.activity WHERE actor = $1 ORDER BY id LIMIT $2)";
const ERASE_EVENTS: &str = "UPDATE tower_activity.event SET actor = NULL, session = NULL, request = NULL, summary = NULL, \
     data = NULL, reference = NULL, dedup_key = NULL, terms = '' WHERE id IN \
     (SELECT id FROM tower_activity.event WHERE actor = $1 ORDER BY id LIMIT $2)";
const ERASE_OPEN: &str = "UPDATE tower_activity.open SET actor = NULL, session = NULL, request = NULL, attributes = NULL, \
     input = NULL, input_bytes = NULL, input_truncated = NULL WHERE actor = $1";
const ERASE_DEDUP: &str = "DELETE FROM tower_activity.dedup WHERE actor = $1";
/// Keeps the dictionary row while anything refers to it.
const ERASE_TEXT: &str = "DELETE FROM tower_activity.text AS t WHERE t.id = $1 \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.activity WHERE t.id IN (kind, name, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.open WHERE t.id IN (kind, name, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.event WHERE t.id IN (type, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.bucket WHERE scope_id = t.id AND scope > 0) \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.failure WHERE name = t.id) \
     AND NOT EXISTS (SELECT 1 FROM tower_activity.recording WHERE format = t.id)";

impl PostgresMaintenance {
    /// Counts what [`erase_actor`](Self::erase_actor) would erase.
    pub(super) fn count_erasable(&mut self, actor: &str) -> Result<EraseCounts> {
        let Some(number) = self.text_id(actor)? else {
            return Ok(EraseCounts::default());
        };
        let rows = self.rows(COUNT_OF_ACTOR, &[(&number, Type::INT8)])?;
        let count = |column| rows[0].get::<_, i64>(column).cast_unsigned();
        Ok(EraseCounts {
            activities: count(0),
            events: count(1),
            recordings: count(2),
        })
    }

    /// Erases an actor's content in many transactions. Records of the actor that are forwarded later are also erased, if they are
    /// dated before this.
    pub(super) fn erase_actor(
        &mut self,
        actor: &str,
        progress: &mut dyn FnMut(&EraseCounts),
    ) -> Result<EraseCounts> {
        let buried = key(actor);
        self.connection.transaction(BEGIN, async |transaction| {
            query(transaction, WAIT_FOR_INTAKES, &[]).await?;
            query(transaction, BURY, &[(&buried, Type::TEXT)]).await?;
            query(transaction, BUMP, &[]).await?;
            Ok::<_, Failed>(())
        })?;
        let mut erased = EraseCounts::default();
        let Some(number) = self.text_id(actor)? else {
            return Ok(erased);
        };
        let some: [Parameter<'_>; 2] = [(&number, Type::INT8), (&STEP, Type::INT8)];
        loop {
            let ids = self.rows(RECORDINGS_OF, &some)?;
            let ids: Vec<Uuid> = ids.iter().map(|row| row.get(0)).collect();
            if ids.is_empty() {
                break;
            }
            erased.recordings += self.delete_recordings(&ids)?.0;
            progress(&erased);
        }
        loop {
            let (activities, events) = self.connection.transaction(BEGIN, async |transaction| {
                let events = transaction
                    .execute_typed(ERASE_EVENTS_OF_ACTIVITIES, &some)
                    .await?;
                let activities = transaction.execute_typed(ERASE_ACTIVITIES, &some).await?;
                Ok::<_, Failed>((activities, events))
            })?;
            erased.activities += activities;
            erased.events += events;
            progress(&erased);
            if activities == 0 {
                break;
            }
        }
        loop {
            let events = self.change(ERASE_EVENTS, &some)?;
            erased.events += events;
            progress(&erased);
            if events == 0 {
                break;
            }
        }
        self.connection.transaction(BEGIN, async |transaction| {
            query(transaction, WAIT_FOR_INTAKES, &[]).await?;
            for sql in [ERASE_OPEN, ERASE_DEDUP, ERASE_TEXT] {
                query(transaction, sql, &[(&number, Type::INT8)]).await?;
            }
            query(transaction, BUMP, &[]).await?;
            Ok::<_, Failed>(())
        })?;
        Ok(erased)
    }

    fn text_id(&mut self, text: &str) -> Result<Option<i64>> {
        let text = key(text);
        let found = self.rows(TEXT_ID, &[(&text, Type::TEXT)])?;
        Ok(found.first().map(|row| row.get(0)))
    }
}
