//! The write side: one transaction a batch, idempotent by id.

use std::{path::PathBuf, sync::Arc};

use chrono::Utc;
use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::{
    error::{Error, ErrorKind, Result},
    record::Status,
    store::{
        Accounting, Appended, Batch, Durability, Instance, KeepRecordings, Started, Writer,
        sqlite::{
            Place,
            bucket::Buckets,
            connection,
            dictionary::{Dictionary, Texts},
            ended::{self, PreviewColumns, TraceColumns, attributes},
            event,
            lock::{self, InstanceLock},
            recording,
        },
    },
};

const ADD_INSTANCE: &str = "
INSERT INTO instance (uuid, host, pid, started_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (uuid) DO UPDATE SET pid = pid RETURNING id";
// An activity that was written as abandoned, or whose end is committed, is not opened again by a repeated batch.
const LIST_OPEN: &str = "
INSERT INTO open (id, parent, root, kind, name, started_at, instance, project, agent, actor, brand, environment,
                  session, request, attributes, truncated, input, input_bytes, input_truncated, trace_id, span_id,
                  remote_parent)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22
WHERE NOT EXISTS (SELECT 1 FROM activity WHERE id = ?1)
ON CONFLICT (id) DO UPDATE SET
  project = excluded.project, agent = excluded.agent, actor = excluded.actor, brand = excluded.brand,
  environment = excluded.environment, session = excluded.session, request = excluded.request,
  attributes = excluded.attributes, truncated = excluded.truncated,
  input = excluded.input, input_bytes = excluded.input_bytes, input_truncated = excluded.input_truncated";
const ACCOUNT: &str =
    "UPDATE instance SET accounting = json_set(?2, '$.saved_at', ?3) WHERE id = ?1";
const STOP: &str = "UPDATE instance SET stopped_at = ?2 WHERE id = ?1";

/// The write side of one instance.
#[derive(Debug)]
pub(super) struct SqliteWriter {
    pub(super) connection: Arc<Mutex<Connection>>,
    /// `instance.id`.
    pub(super) instance: i64,
    /// The file, where there is one.
    pub(super) path: Option<PathBuf>,
    /// Which file it was when it was opened.
    identity: Option<(u64, u64)>,
    dictionary: Dictionary,
    buckets: Buckets,
    /// Declared last: the lock is given back after the connection is closed.
    _lock: Option<Arc<InstanceLock>>,
}

impl SqliteWriter {
    pub(super) fn open(place: &Place, instance: &Instance) -> Result<Self> {
        let (connection, path, lock) = match place {
            Place::Memory(connection) => (connection.clone(), None, None),
            Place::File(path, locks) => {
                let connection = connection::open_to_write(path)?;
                if instance.durability == Durability::Power {
                    connection
                        .pragma_update(None, "synchronous", "FULL")
                        .map_err(|e| connection::at(path, e))?;
                }
                // Whatever name it was opened by: its instances are found beside the file itself.
                let path = &lock::real(path);
                let lock = locks.take(path, instance.id).map_err(|cause| {
                    let what = format!("cannot make a lock file beside the log {}", path.display());
                    Error::new(ErrorKind::Store, what).with_source(cause)
                })?;
                (
                    Arc::new(Mutex::new(connection)),
                    Some(path.clone()),
                    Some(lock),
                )
            }
        };
        let mut writer = SqliteWriter {
            connection,
            instance: 0,
            identity: path.as_deref().and_then(lock::identity),
            path,
            dictionary: Dictionary::default(),
            buckets: Buckets::default(),
            _lock: lock,
        };
        writer.instance = writer
            .connection
            .lock()
            .query_row(
                ADD_INSTANCE,
                params![
                    instance.id.as_bytes(),
                    instance.host,
                    instance.pid,
                    instance.started_at.timestamp_micros()
                ],
                |row| row.get(0),
            )
            .map_err(|cause| writer.error(cause))?;
        Ok(writer)
    }

    /// Runs one transaction; what was remembered for it is forgotten when it fails.
    pub(super) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &mut Dictionary, &mut Buckets) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let Self {
            connection,
            dictionary,
            buckets,
            ..
        } = self;
        // Sums of a batch that failed half-way.
        *buckets = Buckets::default();
        let mut connection = connection.lock();
        let result = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|transaction| {
                dictionary.check(&transaction)?;
                let done = work(&transaction, dictionary, buckets)?;
                buckets.fold(&transaction)?;
                transaction.commit()?;
                Ok(done)
            });
        drop(connection);
        match result {
            Ok(done) => {
                self.dictionary.keep();
                Ok(done)
            }
            Err(cause) => {
                self.dictionary.forget();
                Err(self.error(cause))
            }
        }
    }

    pub(super) fn error(&self, cause: rusqlite::Error) -> Error {
        connection::at(self.path.as_deref().unwrap_or(":memory:".as_ref()), cause)
    }
}

impl Writer for SqliteWriter {
    fn append(&mut self, batch: &Batch) -> Result<Appended> {
        if let Some(path) = &self.path
            && lock::identity(path) != self.identity
        {
            // What is committed into a file that has no name is committed for nobody.
            let what = format!("the log {} was removed or replaced", path.display());
            return Err(Error::new(ErrorKind::Store, what));
        }
        let instance = self.instance;
        self.transaction(|transaction, dictionary, buckets| {
            let environment = batch.environment.as_deref();
            let mut texts = Texts::new(transaction, dictionary, environment)?;
            for started in &batch.open {
                list_open(&mut texts, instance, started)?;
            }
            let inserted = ended::insert(&mut texts, buckets, instance, &batch.ended)?;
            let mut appended = Appended {
                inserted,
                ignored: batch.ended.len() as u64 - inserted,
                ..Appended::default()
            };
            for new in &batch.events {
                match event::insert(&mut texts, instance, new)? {
                    event::Inserted::New => appended.events += 1,
                    event::Inserted::Again => {}
                    event::Inserted::Duplicate(duplicate) => appended.duplicates.push(duplicate),
                }
            }
            for step in &batch.steps {
                recording::write(&mut texts, instance, step)?;
            }
            let mut accounting = batch.accounting.clone();
            let duplicates = appended.duplicates.len() as u64;
            accounting.events.found_duplicates(duplicates);
            account(transaction, instance, &accounting)?;
            Ok(appended)
        })
    }

    fn sweep_abandoned(&mut self) -> Result<u64> {
        self.sweep_dead()
    }

    fn prune_recordings(&mut self, keep: KeepRecordings) -> Result<u64> {
        let due = recording::due(&self.connection.lock(), keep);
        if due.map_err(|cause| self.error(cause))?.is_none() {
            // Nobody waits for a transaction that has nothing to do.
            return Ok(0);
        }
        let pruned = self.transaction(|transaction, _, _| recording::prune(transaction, keep))?;
        Ok(pruned.total())
    }

    fn close(mut self: Box<Self>, accounting: &Accounting) -> Result<()> {
        let instance = self.instance;
        self.transaction(|transaction, _, _| account(transaction, instance, accounting))?;
        while self.abandon(instance)? > 0 {}
        self.transaction(|transaction, _, _| {
            recording::abandon(transaction, instance)?;
            let now = Utc::now().timestamp_micros();
            transaction
                .prepare_cached(STOP)?
                .execute(params![instance, now])
                .map(drop)
        })
    }
}

fn account(
    connection: &Connection,
    instance: i64,
    accounting: &Accounting,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(ACCOUNT)?
        .execute(params![
            instance,
            json(accounting)?,
            Utc::now().timestamp_micros()
        ])
        .map(drop)
}

/// Where an instance stands, as it is stored.
pub(super) fn json(accounting: &Accounting) -> rusqlite::Result<String> {
    serde_json::to_string(accounting)
        .map_err(|cause| rusqlite::Error::ToSqlConversionFailure(cause.into()))
}

fn list_open(texts: &mut Texts<'_>, instance: i64, started: &Started) -> rusqlite::Result<()> {
    let scope = texts.scope(started.scope.as_deref())?;
    let details = started.details.as_deref();
    let input = PreviewColumns::of(details.and_then(|details| details.input.as_ref()));
    let trace = TraceColumns::of(details);
    let kind = texts.kind(started.kind)?;
    let name = texts.number(&started.name)?;
    texts
        .connection
        .prepare_cached(LIST_OPEN)?
        .execute(params![
            started.id.as_bytes(),
            started.parent.as_ref().map(|id| id.as_bytes()),
            started.root.as_ref().map(|id| id.as_bytes()),
            kind,
            name,
            started.id.started_at_us(),
            instance,
            scope.project,
            scope.agent,
            scope.actor,
            scope.brand,
            scope.environment,
            scope.session,
            scope.request,
            details.and_then(attributes),
            details.and_then(|details| details.truncated.then_some(1)),
            input.text,
            input.bytes,
            input.truncated,
            trace.id,
            trace.span,
            trace.remote_parent,
        ])?;
    Ok(())
}

/// The number that stands for a status in `activity.status`; 0 is what the table `open` means.
pub(in crate::store::sqlite) const fn status_number(status: Status) -> i64 {
    match status {
        Status::Running => 0,
        Status::Success => 1,
        Status::Failed => 2,
        Status::Cancelled => 3,
        Status::Skipped => 4,
        Status::Abandoned => 5,
    }
}
