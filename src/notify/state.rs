//! The state of webhooks, in a file beside the log, so that the log's writer never waits for it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, config::DbConfig, params};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    notify::{DeadLetter, Reach, RecordKind, Secret, Webhook, WebhookStatus, schema},
    record::Filter,
    store::{Position, sqlite::create},
};

/// How long to wait for the transaction of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The path of the file. Adding the first webhook creates it.
#[derive(Debug, Clone)]
pub(super) struct StateFile(PathBuf);

impl StateFile {
    /// Returns the file of a log.
    pub(super) fn for_log(log: &Path) -> Self {
        StateFile(with_suffix(log, "-webhooks"))
    }

    /// Returns the path of the lock file, which the delivering process holds.
    pub(super) fn lock_path(&self) -> PathBuf {
        with_suffix(&self.0, ".lock")
    }

    /// Returns false if no webhook was ever added.
    pub(super) fn exists(&self) -> Result<bool> {
        fs::exists(&self.0).map_err(|cause| {
            let what = format!("could not read the webhooks {}", self.0.display());
            Error::store(what).with_source(cause)
        })
    }

    /// Opens the file, and creates it if it does not exist.
    pub(super) fn open(&self) -> Result<State> {
        State::open(&self.0)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The open file.
#[derive(Debug)]
pub(super) struct State {
    connection: Connection,
    path: PathBuf,
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
    fn open(path: &Path) -> Result<Self> {
        let failed = |cause: rusqlite::Error| {
            let what = format!("could not open the webhooks {}", path.display());
            Error::store(what).with_source(cause)
        };
        // It holds secrets.
        create::private_file(path).map_err(|cause| {
            let what = format!("could not create the file {}", path.display());
            Error::store(what).with_source(cause)
        })?;
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        // A file of a newer version is left untouched, and so is its WAL.
        let no_checkpoint = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        connection
            .set_db_config(no_checkpoint, true)
            .map_err(failed)?;
        if schema::migrate(&mut connection).map_err(failed)? > schema::VERSION {
            let what = format!(
                "could not use the webhooks {}: a newer version of this program wrote them",
                path.display()
            );
            return Err(Error::new(ErrorKind::NewerSchema, what));
        }
        connection
            .set_db_config(no_checkpoint, false)
            .map_err(failed)?;
        Ok(State {
            connection,
            path: path.to_owned(),
        })
    }

    /// Inserts a webhook, or replaces the one of its name: the new one continues at its position, unless it sets another.
    pub(super) fn add<R>(
        &self,
        webhook: &Webhook,
        secret: &Secret,
        newest: Position<R>,
    ) -> Result<()> {
        const ADD: &str = "INSERT INTO webhook (name, url, what, filter, secret, reach, seq, log) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, ?8), iif(?7 IS NULL, ?9, 0)) \
            ON CONFLICT (name) DO UPDATE SET url = ?2, what = ?3, filter = ?4, secret = ?5, reach = ?6, \
            log = CASE WHEN ?7 IS NOT NULL THEN 0 WHEN what = ?3 THEN log ELSE ?9 END, \
            seq = CASE WHEN ?7 IS NOT NULL THEN ?7 WHEN what = ?3 THEN seq ELSE ?8 END, \
            trouble = NULL, since = NULL, again_at = NULL, stopped_at = NULL";

        let values = params![
            webhook.name,
            webhook.url,
            json(&webhook.what),
            webhook.filter.to_string(),
            secret.reveal(),
            json(&webhook.reach),
            webhook.after,
            newest.seq(),
            newest.log(),
        ];
        self.write(ADD, values).map(drop)
    }

    /// Deletes a webhook with its dead letters. Returns false if it does not exist.
    pub(super) fn remove(&self, name: &str) -> Result<bool> {
        const LETTERS: &str = "DELETE FROM dead_letter WHERE webhook = ?1";
        const WEBHOOK: &str = "DELETE FROM webhook WHERE name = ?1";

        self.write(LETTERS, params![name])?;
        Ok(self.write(WEBHOOK, params![name])? > 0)
    }

    /// Returns the names of the webhooks that are not stopped.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        const NAMES: &str = "SELECT name FROM webhook WHERE stopped_at IS NULL ORDER BY name";

        self.list(NAMES, |row| row.get(0))
    }

    pub(super) fn webhook(&self, name: &str) -> Result<Option<WebhookRow>> {
        const ONE: &str = "SELECT url, what, filter, secret, reach, seq, again_at, log FROM webhook WHERE name = ?1";

        type Texts = (
            String,
            String,
            String,
            String,
            String,
            i64,
            Option<i64>,
            i64,
        );
        let texts = self.connection.query_row(ONE, [name], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
            ))
        });
        let texts: Option<Texts> = texts.optional().map_err(|cause| self.failed(cause))?;
        let Some((url, what, filter, secret, reach, seq, again_at, log)) = texts else {
            return Ok(None);
        };
        Ok(Some(WebhookRow {
            url,
            what: parsed(&what)?,
            filter: Filter::parse(&filter, Utc::now())?,
            secret: secret.parse()?,
            reach: parsed(&reach)?,
            log,
            seq,
            again_at: again_at.map(instant),
        }))
    }

    /// Moves past a delivered record. Returns false if the webhook was removed.
    pub(super) fn record_delivery<R>(&self, name: &str, position: Position<R>) -> Result<bool> {
        const DELIVERED: &str = "UPDATE webhook SET log = ?2, seq = ?3, delivered = delivered + 1, delivered_at = ?4, \
            trouble = NULL, since = NULL, again_at = NULL WHERE name = ?1";

        let values = params![name, position.log(), position.seq(), now()];
        Ok(self.write(DELIVERED, values)? > 0)
    }

    /// Moves past records that do not match. Returns false if the webhook was removed, or was added again with another
    /// position.
    pub(super) fn advance<R>(
        &self,
        name: &str,
        from: Position<R>,
        to: Position<R>,
    ) -> Result<bool> {
        const ADVANCE: &str = "UPDATE webhook SET log = ?4, seq = ?5 WHERE name = ?1 \
            AND (log = ?2 AND seq = ?3 OR log = ?4 AND seq < ?5)";

        let values = params![name, from.log(), from.seq(), to.log(), to.seq()];
        Ok(self.write(ADVANCE, values)? > 0)
    }

    /// Records a failed attempt, and when to retry.
    pub(super) fn record_failure(
        &self,
        name: &str,
        what: &str,
        again_at: Option<DateTime<Utc>>,
    ) -> Result<()> {
        const TROUBLE: &str = "UPDATE webhook SET trouble = ?2, since = coalesce(since, ?3), again_at = ?4 \
            WHERE name = ?1";

        let again_at = again_at.map(|at| at.timestamp_micros());
        let values = params![name, what, now(), again_at];
        self.write(TROUBLE, values).map(drop)
    }

    /// Stops the webhook until it is added again: its receiver is gone for good.
    pub(super) fn mark_stopped(&self, name: &str, what: &str) -> Result<()> {
        const STOPPED: &str = "UPDATE webhook SET trouble = ?2, since = coalesce(since, ?3), again_at = NULL, \
            stopped_at = ?3 WHERE name = ?1";

        self.write(STOPPED, params![name, what, now()]).map(drop)
    }

    /// Adds a dead letter, and moves past its record.
    pub(super) fn add_dead_letter<R>(
        &self,
        letter: &DeadLetter,
        from: Position<R>,
        to: Position<R>,
    ) -> Result<bool> {
        const LETTER: &str = "INSERT OR REPLACE INTO dead_letter (webhook, id, seq, at, attempts, error) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

        // The letter first: if the process is killed in between, the record is sent again, not lost.
        let values = params![
            letter.webhook,
            letter.id,
            letter.seq,
            letter.at.timestamp_micros(),
            letter.attempts,
            letter.error,
        ];
        self.write(LETTER, values)?;
        self.advance(&letter.webhook, from, to)
    }

    pub(super) fn remove_dead_letter(&self, letter: &DeadLetter) -> Result<()> {
        const DELETE: &str = "DELETE FROM dead_letter WHERE webhook = ?1 AND id = ?2";

        self.write(DELETE, params![letter.webhook, letter.id])
            .map(drop)
    }

    pub(super) fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        const ALL: &str = "SELECT webhook, seq, id, at, attempts, error FROM dead_letter ORDER BY webhook, at, seq";

        self.list(ALL, |row| {
            Ok(DeadLetter {
                webhook: row.get(0)?,
                seq: row.get(1)?,
                id: row.get(2)?,
                at: instant(row.get(3)?),
                attempts: row.get(4)?,
                error: row.get(5)?,
            })
        })
    }

    /// Returns the status of every webhook, with the number of the log of its position. `behind` is 0: only the log knows it.
    pub(super) fn statuses(&self) -> Result<Vec<(WebhookStatus, i64)>> {
        const ALL: &str = "SELECT name, url, what, filter, reach, seq, delivered, \
            (SELECT count(*) FROM dead_letter WHERE webhook = name), trouble, since, delivered_at, again_at, stopped_at, \
            log FROM webhook ORDER BY name";

        type RawStatus = (WebhookStatus, String, String, i64);
        let rows: Vec<RawStatus> = self.list(ALL, |row| {
            let time = |column| row.get(column).map(|us: Option<i64>| us.map(instant));
            let status = WebhookStatus {
                name: row.get(0)?,
                url: row.get(1)?,
                what: RecordKind::Activities,
                filter: row.get(3)?,
                reach: Reach::Public,
                seq: row.get(5)?,
                behind: 0,
                delivered: row.get::<_, i64>(6)?.cast_unsigned(),
                delivered_at: time(10)?,
                dead_letters: row.get::<_, i64>(7)?.cast_unsigned(),
                trouble: row.get(8)?,
                trouble_since: time(9)?,
                again_at: time(11)?,
                stopped_at: time(12)?,
            };
            Ok((status, row.get(2)?, row.get(4)?, row.get(13)?))
        })?;
        let parse = |(mut status, what, reach, log): RawStatus| {
            status.what = parsed(&what)?;
            status.reach = parsed(&reach)?;
            Ok((status, log))
        };
        rows.into_iter().map(parse).collect()
    }

    fn list<T>(
        &self,
        sql: &str,
        each: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map([], each)?;
            rows.collect::<rusqlite::Result<_>>()
        };
        read().map_err(|cause| self.failed(cause))
    }

    fn write(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize> {
        let write = || self.connection.prepare_cached(sql)?.execute(values);
        write().map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: rusqlite::Error) -> Error {
        let what = format!("could not access the webhooks {}", self.path.display());
        Error::store(what).with_source(cause)
    }
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
