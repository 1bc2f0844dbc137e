//! The writer of one log handle: one transaction per batch, idempotent by id.

use std::{mem, sync::Arc, time::Duration};

use chrono::Utc;
use parking_lot::Mutex;
use rusqlite::{Connection, params};

use super::{
    activity_rows::{self, PreviewColumns, TraceColumns, attributes},
    dictionary::TextIds,
    event_rows,
    instance_writer::{InstanceWriter, WriteTransaction},
    recording_rows,
};
use crate::{
    error::Result,
    record::InstanceId,
    store::{
        Accounting, AppendOutcome, Batch, Durability, Instance, StartedActivity, Writer, sealed,
        sqlite::{
            columns::signed,
            open::{
                connection::Role,
                file::{Access, Location, OpenFile},
                lock_counts::CommitCounts,
            },
        },
    },
};

// A repeated batch does not reopen an activity that was abandoned or whose end is committed.
const LIST_OPEN: &str = "
INSERT INTO open (id, parent, root, kind, name, started_at, instance, project, agent, actor, brand, environment,
                  session, request, attributes, truncated, input, input_bytes, input_truncated, trace_id, span_id,
                  remote_parent, handle)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23
WHERE NOT EXISTS (SELECT 1 FROM activity WHERE id = ?1)
ON CONFLICT (id) DO UPDATE SET
  project = excluded.project, agent = excluded.agent, actor = excluded.actor, brand = excluded.brand,
  environment = excluded.environment, session = excluded.session, request = excluded.request,
  attributes = excluded.attributes, truncated = excluded.truncated,
  input = excluded.input, input_bytes = excluded.input_bytes, input_truncated = excluded.input_truncated";
const ACCOUNT: &str = "UPDATE instance SET accounting = json_set(?2, '$.saved_at', ?3), \
     commits = commits + ?4, activities_added = activities_added + ?5, events_added = events_added + ?6, \
     recordings_added = recordings_added + ?7, chunks_added = chunks_added + ?8 WHERE id = ?1";
const STOP: &str = "UPDATE instance SET stopped_at = ?2 WHERE id = ?1";

/// The writer of one log handle.
#[derive(Debug)]
pub(crate) struct SqliteWriter {
    shared: Arc<Mutex<InstanceWriter>>,
    /// Id of the log handle.
    id: InstanceId,
    /// Activities that this writer has marked abandoned.
    abandoned: u64,
    /// The log handle has no row in the file that only this writer would change.
    closed: bool,
}

impl SqliteWriter {
    pub(crate) fn open(location: &Location, instance: &Instance) -> Result<Self> {
        let open = |access| InstanceWriter::open(access, instance).map(Mutex::new);
        loop {
            let (file, shared) = match location {
                Location::Memory(connection) => {
                    let shared = open(Access::memory(connection.clone()))?;
                    (None, Arc::new(shared))
                }
                Location::File(path) => {
                    let file = OpenFile::for_path(path)?;
                    let access = || Access::file(file.clone(), Role::Write);
                    let shared = file.writer(instance.id, || open(access()))?;
                    (Some(file), shared)
                }
            };
            let mut locked = shared.lock();
            if !locked.ended {
                locked.prepare()?;
                locked.register(instance);
                drop(locked);
                return Ok(SqliteWriter {
                    shared,
                    id: instance.id,
                    abandoned: 0,
                    closed: false,
                });
            }
            drop(locked);
            // Its last log handle was closed, and it cannot be used again.
            if let Some(file) = file {
                file.forget_writer(&shared);
            }
        }
    }
}

impl sealed::WriteSide for SqliteWriter {}

impl Writer for SqliteWriter {
    fn append(&mut self, batch: &Batch) -> Result<AppendOutcome> {
        let writer = &mut *self.shared.lock();
        let durability = writer.durability(self.id);
        let handle = writer.handle(self.id);
        let mut sums = writer.accounting(self.id, batch.accounting.clone());
        let (mut appended, added) = writer.transaction(durability, |work| {
            let WriteTransaction {
                transaction,
                dictionary,
                buckets,
                instance,
            } = work;
            let environment = batch.environment.as_deref();
            let mut texts = TextIds::new(transaction, dictionary, environment)?;
            for started in &batch.open {
                list_open(&mut texts, instance, handle, started)?;
            }
            let inserted = activity_rows::insert(&mut texts, buckets, instance, &batch.ended)?;
            let mut appended = AppendOutcome {
                inserted,
                ignored: batch.ended.len() as u64 - inserted,
                ..AppendOutcome::default()
            };
            for new in &batch.events {
                match event_rows::insert(&mut texts, instance, new)? {
                    event_rows::Inserted::New => appended.events += 1,
                    event_rows::Inserted::AlreadyStored => {}
                    event_rows::Inserted::Duplicate(duplicate) => {
                        appended.duplicates.push(duplicate);
                    }
                }
            }
            let mut added = CommitCounts {
                commits: 1,
                activities: appended.inserted,
                events: appended.events,
                ..CommitCounts::default()
            };
            for step in &batch.steps {
                match recording_rows::write(&mut texts, instance, handle, step)? {
                    recording_rows::StepOutcome::Recording => added.recordings += 1,
                    recording_rows::StepOutcome::Chunk => added.chunks += 1,
                    recording_rows::StepOutcome::Nothing => {}
                }
            }
            sums.settle(&appended);
            account(transaction, instance, &sums, &added)?;
            Ok((appended, added))
        })?;
        writer.committed.commits += 1;
        added.add_to(&mut writer.committed);
        writer.write_lock_counts();
        appended.files_replaced = mem::take(&mut writer.replaced.count);
        appended.rows_rescued = mem::take(&mut writer.replaced.rescued);
        Ok(appended)
    }

    fn reap(&mut self) -> Result<u64> {
        self.shared.lock().reap_dead()
    }

    fn checkpoint(&mut self) -> Result<Option<Duration>> {
        self.shared.lock().checkpoint_if_due()
    }

    fn close(&mut self, accounting: &Accounting) -> Result<()> {
        let shared = self.shared.clone();
        let writer = &mut *shared.lock();
        if !self.closed {
            let sums = writer.accounting(self.id, accounting.clone());
            let handle = writer.handle(self.id);
            writer.transaction(Durability::Process, |work| {
                account(
                    work.transaction,
                    work.instance,
                    &sums,
                    &CommitCounts::default(),
                )
            })?;
            writer.abandon_all(handle, &mut self.abandoned)?;
            // After an error until here, dropping the writer tries again.
            self.closed = true;
        }
        self.end(writer)
    }
}

impl SqliteWriter {
    /// Removes the log handle, and ends the instance if it was the last one. May be called again after an error.
    fn end(&self, writer: &mut InstanceWriter) -> Result<()> {
        match writer.remove_handle(self.id, self.abandoned) && !writer.ended {
            true => writer.end(),
            false => Ok(()),
        }
    }
}

impl Drop for SqliteWriter {
    fn drop(&mut self) {
        let shared = self.shared.clone();
        let writer = &mut *shared.lock();
        if !self.closed {
            if !writer.unregister(self.id) {
                return;
            }
            let handle = writer.handle(self.id);
            // What cannot be written now is reaped after the process has ended.
            let _ = writer.abandon_all(handle, &mut self.abandoned);
        }
        let _ = self.end(writer);
    }
}

impl InstanceWriter {
    /// `open.handle`
    fn handle(&self, id: InstanceId) -> i64 {
        self.handles.get(&id).map_or(-1, |handle| handle.number)
    }

    /// Marks what one log handle has left open as abandoned. Adds to the number of activities, also before an error.
    fn abandon_all(&mut self, handle: i64, abandoned: &mut u64) -> Result<()> {
        let instance = self.row();
        loop {
            match self.abandon(instance, Some(handle))? {
                0 => break,
                count => *abandoned += count,
            }
        }
        self.transaction(Durability::Process, |work| {
            recording_rows::abandon(work.transaction, work.instance, Some(handle))
        })?;
        Ok(())
    }

    /// Shuts down after the last log handle was closed.
    fn end(&mut self) -> Result<()> {
        self.transaction(Durability::Process, |work| {
            let now = Utc::now().timestamp_micros();
            work.transaction
                .prepare_cached(STOP)?
                .execute(params![work.instance, now])
                .map(drop)
        })?;
        self.write_total()?;
        self.ended = true;
        // If a reader holds up the checkpoint, the next process to open the file finishes it.
        let taken_over = self.checkpoint_now();
        self.access.close();
        if let Some(lock) = self.lock.take() {
            lock.release();
        }
        taken_over
    }
}

fn account(
    connection: &Connection,
    instance: i64,
    accounting: &Accounting,
    added: &CommitCounts,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(ACCOUNT)?
        .execute(params![
            instance,
            json(accounting)?,
            Utc::now().timestamp_micros(),
            signed(added.commits),
            signed(added.activities),
            signed(added.events),
            signed(added.recordings),
            signed(added.chunks),
        ])
        .map(drop)
}

/// Serializes accounting for the database.
pub(crate) fn json(accounting: &Accounting) -> rusqlite::Result<String> {
    serde_json::to_string(accounting)
        .map_err(|cause| rusqlite::Error::ToSqlConversionFailure(cause.into()))
}

fn list_open(
    texts: &mut TextIds<'_>,
    instance: i64,
    handle: i64,
    started: &StartedActivity,
) -> rusqlite::Result<()> {
    let scope = texts.scope(started.scope.as_deref())?;
    let details = started.details.as_deref();
    let input = PreviewColumns::from_preview(details.and_then(|details| details.input.as_ref()));
    let trace = TraceColumns::from_details(details);
    let kind = texts.kind(started.kind)?;
    let name = texts.id(&started.name)?;
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
            handle,
        ])?;
    Ok(())
}
