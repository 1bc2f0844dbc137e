//! The state of webhooks, in a file beside the log or in tables of a central store.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    notify::{
        DeadLetter, Reach, RecordKind, Secret, Webhook, WebhookStatus, state_file::StateFile,
    },
    record::Filter,
    store::{
        Position, Store,
        sealed::{Cell, Tables},
    },
};

/// Where the state is kept.
#[derive(Debug, Clone)]
pub(super) enum StatePlace {
    /// In a file beside the log.
    File(StateFile),
    /// In this central store.
    Central(Arc<dyn Store>),
}

impl StatePlace {
    /// Returns the place for a store; `None` if it has neither a file nor tables for webhooks.
    pub(super) fn of(store: &Arc<dyn Store>) -> Option<Self> {
        match store.file() {
            Some(file) => Some(StatePlace::File(StateFile::for_log(file))),
            None => (store.webhook_tables()).map(|_| StatePlace::Central(store.clone())),
        }
    }

    /// Opens the state, and creates the file if it does not exist. A central store is connected to at the first statement.
    pub(super) fn open(&self) -> Result<State> {
        let tables = match self {
            StatePlace::File(file) => file.open()?,
            StatePlace::Central(store) => store
                .webhook_tables()
                .ok_or_else(|| Error::invalid(format!("{store:?} cannot have webhooks")))?,
        };
        Ok(State { tables })
    }

    /// Opens the state; `None` if no webhook was ever added to the file.
    pub(super) fn open_existing(&self) -> Result<Option<State>> {
        match self {
            StatePlace::File(file) if !file.exists()? => Ok(None),
            _ => self.open().map(Some),
        }
    }
}

/// The open state.
#[derive(Debug)]
pub(super) struct State {
    tables: Box<dyn Tables>,
}

/// A row of the table `webhook`.
#[derive(Debug)]
pub(super) struct WebhookRow {
    pub(super) url: String,
    pub(super) what: RecordKind,
    pub(super) filter: Filter,
    pub(super) secret: Secret,
    pub(super) reach: Reach,
    /// The position: the log's number, and that in its commit order.
    log: i64,
    seq: i64,
    /// Time of the next attempt.
    pub(super) again_at: Option<DateTime<Utc>>,
}

impl WebhookRow {
    /// Returns its position: every record up to it was delivered, became a dead letter, or does not match.
    pub(super) fn position<R>(&self) -> Position<R> {
        Position::new(self.log, self.seq)
    }
}

impl State {
    /// Inserts a webhook, or replaces the one of its name: the new one continues at its position, unless it sets another.
    pub(super) fn add<R>(
        &mut self,
        webhook: &Webhook,
        secret: &Secret,
        newest: Position<R>,
    ) -> Result<()> {
        const ADD: &str = "INSERT INTO webhook (name, url, what, filter, secret, reach, seq, log) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, ?8), CASE WHEN ?7 IS NULL THEN ?9 ELSE 0 END) \
            ON CONFLICT (name) DO UPDATE SET url = ?2, what = ?3, filter = ?4, secret = ?5, reach = ?6, \
            log = CASE WHEN ?7 IS NOT NULL THEN 0 WHEN webhook.what = ?3 THEN webhook.log ELSE ?9 END, \
            seq = CASE WHEN ?7 IS NOT NULL THEN ?7 WHEN webhook.what = ?3 THEN webhook.seq ELSE ?8 END, \
            trouble = NULL, since = NULL, again_at = NULL, stopped_at = NULL";

        let values = [
            webhook.name.as_str().into(),
            webhook.url.as_str().into(),
            json(&webhook.what).into(),
            webhook.filter.to_string().into(),
            secret.reveal().into(),
            json(&webhook.reach).into(),
            webhook.after.into(),
            newest.seq().into(),
            newest.log().into(),
        ];
        self.write(ADD, &values).map(drop)
    }

    /// Deletes a webhook with its dead letters. Returns false if it does not exist.
    pub(super) fn remove(&mut self, name: &str) -> Result<bool> {
        const LETTERS: &str = "DELETE FROM dead_letter WHERE webhook = ?1";
        const WEBHOOK: &str = "DELETE FROM webhook WHERE name = ?1 RETURNING name";

        self.write(LETTERS, &[name.into()])?;
        self.write(WEBHOOK, &[name.into()])
    }

    /// Returns the names of the webhooks that are not stopped.
    pub(super) fn names(&mut self) -> Result<Vec<String>> {
        const NAMES: &str = "SELECT name FROM webhook WHERE stopped_at IS NULL ORDER BY name";

        let rows = self.tables.run(NAMES, &[])?;
        rows.iter().map(|row| text(row, 0)).collect()
    }

    pub(super) fn webhook(&mut self, name: &str) -> Result<Option<WebhookRow>> {
        const ONE: &str = "SELECT url, what, filter, secret, reach, seq, again_at, log FROM webhook WHERE name = ?1";

        let rows = self.tables.run(ONE, &[name.into()])?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(WebhookRow {
            url: text(row, 0)?,
            what: parsed(&text(row, 1)?)?,
            filter: Filter::parse(&text(row, 2)?, Utc::now())?,
            secret: text(row, 3)?.parse()?,
            reach: parsed(&text(row, 4)?)?,
            log: integer(row, 7)?,
            seq: integer(row, 5)?,
            again_at: row[6].integer().map(instant),
        }))
    }

    /// Moves past a delivered record. Returns false if the webhook was removed, or was added again with another position, or if
    /// another process has delivered the record.
    pub(super) fn record_delivery<R>(
        &mut self,
        name: &str,
        from: Position<R>,
        to: Position<R>,
    ) -> Result<bool> {
        const DELIVERED: &str = "UPDATE webhook SET log = ?4, seq = ?5, delivered = delivered + 1, delivered_at = ?6, \
            trouble = NULL, since = NULL, again_at = NULL WHERE name = ?1 \
            AND (log = ?2 AND seq = ?3 OR log = ?4 AND seq < ?5) RETURNING name";

        let [name, from_log, from_seq, log, seq] = moves(name, from, to);
        self.write(
            DELIVERED,
            &[name, from_log, from_seq, log, seq, now().into()],
        )
    }

    /// Moves past records that do not match. Returns false as [`record_delivery`](Self::record_delivery) does.
    pub(super) fn advance<R>(
        &mut self,
        name: &str,
        from: Position<R>,
        to: Position<R>,
    ) -> Result<bool> {
        const ADVANCE: &str = "UPDATE webhook SET log = ?4, seq = ?5 WHERE name = ?1 \
            AND (log = ?2 AND seq = ?3 OR log = ?4 AND seq < ?5) RETURNING name";

        self.write(ADVANCE, &moves(name, from, to))
    }

    /// Records a failed attempt, and when to retry.
    pub(super) fn record_failure(
        &mut self,
        name: &str,
        what: &str,
        again_at: Option<DateTime<Utc>>,
    ) -> Result<()> {
        const TROUBLE: &str = "UPDATE webhook SET trouble = ?2, since = coalesce(since, ?3), again_at = ?4 \
            WHERE name = ?1";

        let again_at = again_at.map(|at| at.timestamp_micros());
        let values = [name.into(), what.into(), now().into(), again_at.into()];
        self.write(TROUBLE, &values).map(drop)
    }

    /// Stops the webhook until it is added again: its receiver is gone for good.
    pub(super) fn mark_stopped(&mut self, name: &str, what: &str) -> Result<()> {
        const STOPPED: &str = "UPDATE webhook SET trouble = ?2, since = coalesce(since, ?3), again_at = NULL, \
            stopped_at = ?3 WHERE name = ?1";

        let values = [name.into(), what.into(), now().into()];
        self.write(STOPPED, &values).map(drop)
    }

    /// Adds a dead letter, and moves past its record.
    pub(super) fn add_dead_letter<R>(
        &mut self,
        letter: &DeadLetter,
        from: Position<R>,
        to: Position<R>,
    ) -> Result<bool> {
        const LETTER: &str = "INSERT INTO dead_letter (webhook, id, seq, at, attempts, error) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (webhook, id) DO UPDATE SET seq = excluded.seq, at = excluded.at, \
            attempts = excluded.attempts, error = excluded.error";

        // The letter first: if the process is killed in between, the record is sent again, not lost.
        let values = [
            letter.webhook.as_str().into(),
            letter.id.as_str().into(),
            letter.seq.into(),
            letter.at.timestamp_micros().into(),
            i64::from(letter.attempts).into(),
            letter.error.as_str().into(),
        ];
        self.write(LETTER, &values)?;
        self.advance(&letter.webhook, from, to)
    }

    pub(super) fn remove_dead_letter(&mut self, letter: &DeadLetter) -> Result<()> {
        const DELETE: &str = "DELETE FROM dead_letter WHERE webhook = ?1 AND id = ?2";

        let values = [letter.webhook.as_str().into(), letter.id.as_str().into()];
        self.write(DELETE, &values).map(drop)
    }

    pub(super) fn dead_letters(&mut self) -> Result<Vec<DeadLetter>> {
        const ALL: &str = "SELECT webhook, seq, id, at, attempts, error FROM dead_letter ORDER BY webhook, at, seq";

        let rows = self.tables.run(ALL, &[])?;
        let letter = |row: &Vec<Cell>| {
            Ok(DeadLetter {
                webhook: text(row, 0)?,
                seq: integer(row, 1)?,
                id: text(row, 2)?,
                at: instant(integer(row, 3)?),
                attempts: u32::try_from(integer(row, 4)?).unwrap_or(u32::MAX),
                error: text(row, 5)?,
            })
        };
        rows.iter().map(letter).collect()
    }

    /// Returns the status of every webhook, with the number of the log of its position. `behind` is 0: only the log knows it.
    pub(super) fn statuses(&mut self) -> Result<Vec<(WebhookStatus, i64)>> {
        const ALL: &str = "SELECT name, url, what, filter, reach, seq, delivered, \
            (SELECT count(*) FROM dead_letter WHERE dead_letter.webhook = webhook.name), trouble, since, delivered_at, again_at, \
            stopped_at, log FROM webhook ORDER BY name";

        let rows = self.tables.run(ALL, &[])?;
        let status = |row: &Vec<Cell>| {
            let time = |column: usize| row[column].integer().map(instant);
            let status = WebhookStatus {
                name: text(row, 0)?,
                url: text(row, 1)?,
                what: parsed(&text(row, 2)?)?,
                filter: text(row, 3)?,
                reach: parsed(&text(row, 4)?)?,
                seq: integer(row, 5)?,
                behind: 0,
                delivered: integer(row, 6)?.cast_unsigned(),
                delivered_at: time(10),
                dead_letters: integer(row, 7)?.cast_unsigned(),
                trouble: row[8].text().map(str::to_owned),
                trouble_since: time(9),
                again_at: time(11),
                stopped_at: time(12),
            };
            Ok((status, integer(row, 13)?))
        };
        rows.iter().map(status).collect()
    }

    /// Takes the lease of a central store, or renews it, for so many milliseconds by the clock of the server. Returns false while
    /// another holder has it.
    pub(super) fn take_lease(&mut self, holder: &str, ms: i64) -> Result<bool> {
        const TAKE: &str = "INSERT INTO webhook_lease (id, holder, until) VALUES (1, ?1, now() + ?2 * interval '1 millisecond') \
            ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, until = excluded.until \
            WHERE webhook_lease.holder = excluded.holder OR webhook_lease.until < now() RETURNING id";

        self.write(TAKE, &[holder.into(), ms.into()])
    }

    /// Gives the lease back.
    pub(super) fn release_lease(&mut self, holder: &str) -> Result<()> {
        const RELEASE: &str = "DELETE FROM webhook_lease WHERE holder = ?1";

        self.write(RELEASE, &[holder.into()]).map(drop)
    }

    /// Returns true if the statement returned a row.
    fn write(&mut self, sql: &str, values: &[Cell]) -> Result<bool> {
        Ok(!self.tables.run(sql, values)?.is_empty())
    }
}

/// The first parameters of a statement that moves a webhook from one position to another.
fn moves<R>(name: &str, from: Position<R>, to: Position<R>) -> [Cell; 5] {
    [
        name.into(),
        from.log().into(),
        from.seq().into(),
        to.log().into(),
        to.seq().into(),
    ]
}

fn text(row: &[Cell], column: usize) -> Result<String> {
    let text = row.get(column).and_then(Cell::text);
    text.map(str::to_owned).ok_or_else(|| malformed(column))
}

fn integer(row: &[Cell], column: usize) -> Result<i64> {
    let integer = row.get(column).and_then(Cell::integer);
    integer.ok_or_else(|| malformed(column))
}

fn malformed(column: usize) -> Error {
    Error::store(format!(
        "column {column} of a webhook is missing or has another type"
    ))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("an enum without fields is JSON")
}

fn parsed<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|cause| {
        Error::store(format!("could not parse {text} of a webhook")).with_source(cause)
    })
}

fn now() -> i64 {
    Utc::now().timestamp_micros()
}

fn instant(us: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(us).unwrap_or_default()
}
