//! What is kept of webhooks, beside the log: in a file of its own, so that the log's writer never waits for it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    notify::{Reach, Secret, Webhook, What},
    record::Filter,
};

const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS webhook (
  name      TEXT PRIMARY KEY,
  url       TEXT NOT NULL,
  what      TEXT NOT NULL,               -- JSON of What
  filter    TEXT NOT NULL,               -- the filter grammar
  secret    TEXT NOT NULL,
  reach     TEXT NOT NULL,               -- JSON of Reach
  seq       INTEGER NOT NULL,            -- everything up to here was sent, or not meant
  delivered INTEGER NOT NULL DEFAULT 0,
  trouble   TEXT,                        -- what went wrong last; NULL once something is taken again
  since     INTEGER                      -- since when, in microseconds since the Unix epoch
) STRICT;
CREATE TABLE IF NOT EXISTS dead_letter (
  webhook  TEXT NOT NULL,
  seq      INTEGER NOT NULL,             -- the record's place in the log, which has the rest
  id       TEXT NOT NULL,
  at       INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  error    TEXT NOT NULL,
  PRIMARY KEY (webhook, seq)
) STRICT, WITHOUT ROWID;";

/// How long one process waits for another's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The file, opened.
#[derive(Debug)]
pub(super) struct State {
    connection: Connection,
    path: PathBuf,
}

/// A webhook as it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) url: String,
    pub(super) what: What,
    pub(super) filter: Filter,
    pub(super) secret: Secret,
    pub(super) reach: Reach,
    pub(super) seq: i64,
}

/// A webhook, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WebhookStatus {
    /// What it is called.
    pub name: String,
    /// Where it sends to.
    pub url: String,
    /// Of what.
    pub what: What,
    /// Which ones, in the filter grammar.
    pub filter: String,
    /// Where it may send to.
    pub reach: Reach,
    /// Its place in the order of commits: everything up to it was sent, or not meant.
    pub seq: i64,
    /// How many records were taken.
    pub delivered: u64,
    /// How many records were set aside.
    pub dead_letters: u64,
    /// What went wrong since something was taken last.
    pub trouble: Option<String>,
    /// Since when there is trouble.
    pub trouble_since: Option<DateTime<Utc>>,
}

/// A record that a receiver did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The webhook's name.
    pub webhook: String,
    /// The record's place in the order of commits.
    pub seq: i64,
    /// The record's id, which is the message's, too.
    pub id: String,
    /// When it was given up.
    pub at: DateTime<Utc>,
    /// How often it was sent.
    pub attempts: u32,
    /// What came of the last attempt.
    pub error: String,
}

impl State {
    /// Opens the file, and makes it where there is none.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |cause: rusqlite::Error| {
            let what = format!("cannot open the webhooks {}", path.display());
            Error::store(what).with_source(cause)
        };
        private(path).map_err(|cause| {
            let what = format!("cannot make the file {}", path.display());
            Error::store(what).with_source(cause)
        })?;
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        connection.execute_batch(SCHEMA).map_err(failed)?;
        Ok(State {
            connection,
            path: path.to_owned(),
        })
    }

    /// Keeps a webhook. One of the same name gives way, and the new one goes on where that was, unless it says otherwise.
    pub(super) fn add(&self, webhook: &Webhook, secret: &Secret, newest: i64) -> Result<()> {
        const ADD: &str = "INSERT INTO webhook (name, url, what, filter, secret, reach, seq) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, ?8)) \
            ON CONFLICT (name) DO UPDATE SET url = ?2, what = ?3, filter = ?4, secret = ?5, reach = ?6, \
            seq = CASE WHEN ?7 IS NOT NULL THEN ?7 WHEN what = ?3 THEN seq ELSE ?8 END, trouble = NULL, since = NULL";

        let values = params![
            webhook.name,
            webhook.url,
            json(&webhook.what),
            webhook.filter.to_string(),
            secret.reveal(),
            json(&webhook.reach),
            webhook.after,
            newest,
        ];
        self.write(ADD, values).map(drop)
    }

    /// False where there is none.
    pub(super) fn remove(&self, name: &str) -> Result<bool> {
        const LETTERS: &str = "DELETE FROM dead_letter WHERE webhook = ?1";
        const WEBHOOK: &str = "DELETE FROM webhook WHERE name = ?1";

        self.write(LETTERS, params![name])?;
        Ok(self.write(WEBHOOK, params![name])? > 0)
    }

    pub(super) fn names(&self) -> Result<Vec<String>> {
        self.list("SELECT name FROM webhook ORDER BY name", |row| row.get(0))
    }

    pub(super) fn webhook(&self, name: &str) -> Result<Option<Kept>> {
        const ONE: &str =
            "SELECT url, what, filter, secret, reach, seq FROM webhook WHERE name = ?1";

        type Texts = (String, String, String, String, String, i64);
        let texts = self.connection.query_row(ONE, [name], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        });
        let texts: Option<Texts> = texts.optional().map_err(|cause| self.failed(cause))?;
        let Some((url, what, filter, secret, reach, seq)) = texts else {
            return Ok(None);
        };
        Ok(Some(Kept {
            url,
            what: parsed(&what)?,
            filter: Filter::parse(&filter, Utc::now())?,
            secret: secret.parse()?,
            reach: parsed(&reach)?,
            seq,
        }))
    }

    /// A record was taken. False where the webhook is gone.
    pub(super) fn delivered(&self, name: &str, seq: i64) -> Result<bool> {
        const DELIVERED: &str = "UPDATE webhook SET seq = ?2, delivered = delivered + 1, trouble = NULL, since = NULL \
            WHERE name = ?1";

        Ok(self.write(DELIVERED, params![name, seq])? > 0)
    }

    /// Nothing up to this place is meant. False where the webhook is gone.
    pub(super) fn passed(&self, name: &str, seq: i64) -> Result<bool> {
        const PASSED: &str = "UPDATE webhook SET seq = ?2 WHERE name = ?1 AND seq < ?2";

        Ok(self.write(PASSED, params![name, seq])? > 0)
    }

    pub(super) fn trouble(&self, name: &str, what: &str) -> Result<()> {
        const TROUBLE: &str =
            "UPDATE webhook SET trouble = ?2, since = coalesce(since, ?3) WHERE name = ?1";

        let now = Utc::now().timestamp_micros();
        self.write(TROUBLE, params![name, what, now]).map(drop)
    }

    /// A record is set aside, and the next one's turn comes.
    pub(super) fn set_aside(&self, letter: &DeadLetter) -> Result<bool> {
        const LETTER: &str = "INSERT OR REPLACE INTO dead_letter (webhook, seq, id, at, attempts, error) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

        // First the letter: killed in between, the record is sent again, and not forgotten.
        let values = params![
            letter.webhook,
            letter.seq,
            letter.id,
            letter.at.timestamp_micros(),
            letter.attempts,
            letter.error,
        ];
        self.write(LETTER, values)?;
        self.passed(&letter.webhook, letter.seq)
    }

    pub(super) fn forget(&self, webhook: &str, seq: i64) -> Result<()> {
        const FORGET: &str = "DELETE FROM dead_letter WHERE webhook = ?1 AND seq = ?2";

        self.write(FORGET, params![webhook, seq]).map(drop)
    }

    pub(super) fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        const ALL: &str =
            "SELECT webhook, seq, id, at, attempts, error FROM dead_letter ORDER BY webhook, seq";

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

    pub(super) fn statuses(&self) -> Result<Vec<WebhookStatus>> {
        const ALL: &str = "SELECT name, url, what, filter, reach, seq, delivered, \
            (SELECT count(*) FROM dead_letter WHERE webhook = name), trouble, since FROM webhook ORDER BY name";

        type Row10 = (WebhookStatus, String, String);
        let rows: Vec<Row10> = self.list(ALL, |row| {
            let since: Option<i64> = row.get(9)?;
            let status = WebhookStatus {
                name: row.get(0)?,
                url: row.get(1)?,
                what: What::Activities,
                filter: row.get(3)?,
                reach: Reach::Public,
                seq: row.get(5)?,
                delivered: row.get::<_, i64>(6)?.cast_unsigned(),
                dead_letters: row.get::<_, i64>(7)?.cast_unsigned(),
                trouble: row.get(8)?,
                trouble_since: since.map(instant),
            };
            Ok((status, row.get(2)?, row.get(4)?))
        })?;
        let whole = |(mut status, what, reach): Row10| {
            status.what = parsed(&what)?;
            status.reach = parsed(&reach)?;
            Ok(status)
        };
        rows.into_iter().map(whole).collect()
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
        let what = format!("cannot read or write the webhooks {}", self.path.display());
        Error::store(what).with_source(cause)
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("an enum without fields is JSON")
}

fn parsed<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|cause| {
        Error::store(format!("cannot read {text} of a webhook")).with_source(cause)
    })
}

fn instant(us: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(us).unwrap_or_default()
}

/// Makes the file where there is none, for its owner alone: it holds secrets.
fn private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
