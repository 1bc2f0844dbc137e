//! The write side: one transaction a batch, idempotent by id.

use std::{path::PathBuf, sync::Arc};

use chrono::Utc;
use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::{
    error::{Error, ErrorKind, Result},
    record::{Preview, Scope, Status},
    store::{
        Accounting, Appended, Batch, Details, Durability, Ended, Instance, Started, Writer,
        sqlite::{
            Place,
            bucket::{Buckets, Fold},
            connection,
            dictionary::Dictionary,
            event,
            lock::{self, InstanceLock},
        },
    },
};

const ADD_INSTANCE: &str = "
INSERT INTO instance (uuid, host, pid, started_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (uuid) DO UPDATE SET pid = pid RETURNING id";
const INSERT: &str = "
INSERT INTO activity (id, parent, root, kind, name, status, started_at, duration_ns, instance, project, agent, actor,
                      brand, environment, session, request, error_type, message, attributes, truncated)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
ON CONFLICT (id) DO NOTHING";
const INSERT_PREVIEW: &str = "
INSERT INTO preview (activity, input, input_bytes, input_truncated, output, output_bytes, output_truncated)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
// An activity that was written as abandoned, or whose end is committed, is not opened again by a repeated batch.
const LIST_OPEN: &str = "
INSERT INTO open (id, parent, root, kind, name, started_at, instance, project, agent, actor, brand, environment,
                  session, request, attributes, truncated, input, input_bytes, input_truncated)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19
WHERE NOT EXISTS (SELECT 1 FROM activity WHERE id = ?1)
ON CONFLICT (id) DO UPDATE SET
  project = excluded.project, agent = excluded.agent, actor = excluded.actor, brand = excluded.brand,
  environment = excluded.environment, session = excluded.session, request = excluded.request,
  attributes = excluded.attributes, truncated = excluded.truncated,
  input = excluded.input, input_bytes = excluded.input_bytes, input_truncated = excluded.input_truncated";
const UNLIST: &str = "DELETE FROM open WHERE id = ?1";
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
        let environment = batch.environment.as_deref();
        self.transaction(|transaction, dictionary, buckets| {
            for started in &batch.open {
                list_open(transaction, dictionary, instance, environment, started)?;
            }
            let mut appended = Appended::default();
            for ended in &batch.ended {
                if insert(
                    transaction,
                    dictionary,
                    buckets,
                    instance,
                    environment,
                    ended,
                )? {
                    appended.inserted += 1;
                } else {
                    appended.ignored += 1;
                }
            }
            for new in &batch.events {
                let duplicate = event::insert(transaction, dictionary, instance, environment, new)?;
                appended.duplicates.extend(duplicate);
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

    fn close(mut self: Box<Self>, accounting: &Accounting) -> Result<()> {
        let instance = self.instance;
        self.transaction(|transaction, _, _| account(transaction, instance, accounting))?;
        while self.abandon(instance)? > 0 {}
        self.transaction(|transaction, _, _| {
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
    let json = serde_json::to_string(accounting)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    connection
        .prepare_cached(ACCOUNT)?
        .execute(params![instance, json, Utc::now().timestamp_micros()])
        .map(drop)
}

/// Inserts an ended activity. `false` when it was there already.
fn insert(
    connection: &Connection,
    dictionary: &mut Dictionary,
    buckets: &mut Buckets,
    instance: i64,
    environment: Option<&str>,
    ended: &Ended,
) -> rusqlite::Result<bool> {
    let started = &ended.started;
    let name = dictionary.number(connection, &started.name)?;
    let scope = Numbers::of(
        connection,
        dictionary,
        started.scope.as_deref(),
        environment,
    )?;
    let details = started.details.as_deref();
    let inserted = connection.prepare_cached(INSERT)?.execute(params![
        started.id.as_bytes(),
        started.parent.as_ref().map(|id| id.as_bytes()),
        started.root.as_ref().map(|id| id.as_bytes()),
        dictionary.number(connection, started.kind.as_str())?,
        name,
        status_number(ended.status),
        started.id.started_at_us(),
        i64::try_from(ended.duration_ns).unwrap_or(i64::MAX),
        instance,
        scope.project,
        scope.agent,
        scope.actor,
        scope.brand,
        scope.environment,
        scope.session,
        scope.request,
        details.and_then(|details| details.error_type.as_deref()),
        details.and_then(|details| details.message.as_deref()),
        details.and_then(attributes),
        details.and_then(|details| details.truncated.then_some(1)),
    ])? == 1;
    if ended.listed {
        connection
            .prepare_cached(UNLIST)?
            .execute([started.id.as_bytes()])?;
    }
    if inserted {
        if let Some(details) = details
            && (details.input.is_some() || details.output.is_some())
        {
            let (input, output) = (
                Columns::of(details.input.as_ref()),
                Columns::of(details.output.as_ref()),
            );
            connection.prepare_cached(INSERT_PREVIEW)?.execute(params![
                connection.last_insert_rowid(),
                input.text,
                input.bytes,
                input.truncated,
                output.text,
                output.bytes,
                output.truncated,
            ])?;
        }
        buckets.add(Fold {
            started_at_us: started.id.started_at_us(),
            status: ended.status,
            duration_ns: Some(ended.duration_ns),
            name,
            project: scope.project,
            brand: scope.brand,
        });
    }
    Ok(inserted)
}

fn list_open(
    connection: &Connection,
    dictionary: &mut Dictionary,
    instance: i64,
    environment: Option<&str>,
    started: &Started,
) -> rusqlite::Result<()> {
    let scope = Numbers::of(
        connection,
        dictionary,
        started.scope.as_deref(),
        environment,
    )?;
    let details = started.details.as_deref();
    let input = Columns::of(details.and_then(|details| details.input.as_ref()));
    connection.prepare_cached(LIST_OPEN)?.execute(params![
        started.id.as_bytes(),
        started.parent.as_ref().map(|id| id.as_bytes()),
        started.root.as_ref().map(|id| id.as_bytes()),
        dictionary.number(connection, started.kind.as_str())?,
        dictionary.number(connection, &started.name)?,
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
    ])?;
    Ok(())
}

/// A scope as it is stored: dictionary numbers, session and request as they are.
#[derive(Debug, Default)]
pub(super) struct Numbers<'a> {
    pub(super) project: Option<i64>,
    pub(super) agent: Option<i64>,
    pub(super) actor: Option<i64>,
    pub(super) brand: Option<i64>,
    pub(super) environment: Option<i64>,
    pub(super) session: Option<&'a str>,
    pub(super) request: Option<&'a str>,
}

impl<'a> Numbers<'a> {
    pub(super) fn of(
        connection: &Connection,
        dictionary: &mut Dictionary,
        scope: Option<&'a Scope>,
        environment: Option<&str>,
    ) -> rusqlite::Result<Self> {
        let mut number = |text: Option<&str>| dictionary.optional(connection, text);
        let Some(scope) = scope else {
            return Ok(Numbers {
                environment: number(environment)?,
                ..Numbers::default()
            });
        };
        Ok(Numbers {
            project: number(scope.project.as_deref())?,
            agent: number(scope.agent.as_deref())?,
            actor: number(scope.actor.as_deref())?,
            brand: number(scope.brand.as_deref())?,
            environment: number(scope.environment.as_deref().or(environment))?,
            session: scope.session.as_deref(),
            request: scope.request.as_deref(),
        })
    }
}

/// A preview as it is stored; all NULL where there is none.
#[derive(Debug, Default)]
struct Columns<'a> {
    text: Option<&'a str>,
    bytes: Option<i64>,
    truncated: Option<i64>,
}

impl<'a> Columns<'a> {
    fn of(preview: Option<&'a Preview>) -> Self {
        preview.map_or_else(Columns::default, |preview| Columns {
            text: Some(&preview.text),
            bytes: Some(i64::try_from(preview.bytes).unwrap_or(i64::MAX)),
            truncated: preview.truncated.then_some(1),
        })
    }
}

fn attributes(details: &Details) -> Option<String> {
    (!details.attributes.is_empty())
        .then(|| serde_json::to_string(&details.attributes).ok())
        .flatten()
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
