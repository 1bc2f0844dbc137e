//! Commits generated records through the write side of a store.

use std::sync::Arc;

use super::Records;
use crate::{
    error::Result,
    record::{ActivityRecord, ChunkRecord, EventRecord, RecordingRecord, RecordingStatus, Status},
    store::{
        Accounting, Batch, Details, EndedActivity, Instance, NewChunk, NewEvent, NewStep,
        RawAttributes, StartedActivity, Step, Store, Writer,
    },
};

/// Activities per commit: small, so that a few dozen need several commits.
const BATCH: usize = 13;

/// Commits records through a store's write side. Running activities run until the returned writer is closed.
///
/// # Errors
///
/// If the store cannot be written.
pub fn commit(store: &dyn Store, records: &Records) -> Result<Box<dyn Writer>> {
    let mut dead = store.writer(&records.dead)?;
    let abandoned = records.activities.iter();
    let abandoned = abandoned.filter(|one| one.status == Status::Abandoned);
    let open = abandoned.map(started).collect();
    dead.append(&Batch {
        open,
        steps: steps(records, &records.dead),
        ..Batch::default()
    })?;
    // Its open activities and recordings become abandoned.
    dead.close(&Accounting::default())?;

    let mut alive = store.writer(&records.alive)?;
    let ended: Vec<_> = records.activities.iter().filter_map(ended).collect();
    for ended in ended.chunks(BATCH) {
        alive.append(&Batch {
            ended: ended.to_vec(),
            ..Batch::default()
        })?;
    }
    let running = records.activities.iter();
    let running = running.filter(|one| one.status == Status::Running);
    let events = records.events.iter().chain(&records.duplicates);
    alive.append(&Batch {
        open: running.map(started).collect(),
        events: events.map(event).collect(),
        steps: steps(records, &records.alive),
        ..Batch::default()
    })?;
    Ok(alive)
}

fn started(one: &ActivityRecord) -> StartedActivity {
    let attributes = one.attributes.iter();
    let attributes = attributes.map(|(key, value)| (key.clone().into(), value.clone()));
    StartedActivity {
        id: one.id,
        parent: one.parent,
        root: Some(one.root).filter(|root| *root != one.id),
        kind: one.kind,
        name: one.name.clone(),
        scope: Some(Arc::new(one.scope.clone())),
        details: Some(Box::new(Details {
            attributes: attributes.collect(),
            truncated: one.truncated,
            input: one.input.clone(),
            output: one.output.clone(),
            error_type: one.error_type.clone(),
            message: one.message.clone(),
            ..Details::default()
        })),
        raw: RawAttributes::default(),
    }
}

/// Returns the steps of all recordings of an instance.
fn steps(records: &Records, instance: &Instance) -> Vec<NewStep> {
    let own = records.recordings.iter();
    let own = own.filter(|(one, _)| one.instance == instance.id);
    own.flat_map(|(one, chunks)| recording(one, chunks))
        .collect()
}

/// Returns an activity that ended by itself.
fn ended(one: &ActivityRecord) -> Option<EndedActivity> {
    Some(EndedActivity {
        started: started(one),
        status: one.status,
        duration_ns: one.duration_ns?,
        listed: false,
    })
}

fn event(one: &EventRecord) -> NewEvent {
    NewEvent {
        id: one.id,
        at_us: one.at.timestamp_micros(),
        event_type: one.event_type.clone(),
        status: one.status,
        summary: one.summary.clone(),
        count: one.count,
        reference: one.reference.clone(),
        data: one.data.as_ref().map(ToString::to_string),
        activity: one.activity,
        scope: Some(Arc::new(one.scope.clone())),
        dedup_key: one.dedup_key.clone(),
        truncated: one.truncated,
    }
}

fn recording(one: &RecordingRecord, chunks: &[ChunkRecord]) -> Vec<NewStep> {
    let format = one.format.clone();
    let links = one.links.iter().map(|link| Step::Link {
        activity: link.activity,
        from_us: link.from.timestamp_micros(),
        until_us: link.until.map(|until| until.timestamp_micros()),
    });
    let chunks = chunks.iter().map(|chunk| {
        Step::Chunk(NewChunk {
            number: chunk.number,
            track: chunk.track.clone(),
            events: chunk.events,
            from_us: chunk.from.timestamp_micros(),
            until_us: chunk.until.timestamp_micros(),
            codec: chunk.codec,
            body: chunk.body.clone(),
        })
    });
    // An abandoned recording has no end of its own.
    let open = [RecordingStatus::Recording, RecordingStatus::Abandoned];
    let end = (!open.contains(&one.status)).then(|| Step::End {
        status: one.status,
        events: one.events,
        lost: one.lost,
        at_us: one.ended_at.unwrap_or_default().timestamp_micros(),
    });
    let steps = [Step::Begin { format }].into_iter();
    let steps = steps.chain(links).chain(chunks).chain(end);
    let recording = one.id;
    steps.map(|step| NewStep { recording, step }).collect()
}
