//! Passes generated records to a central store.

use uuid::Uuid;

use super::Records;
use crate::{
    error::Result,
    record::{InstanceId, RecordingStatus, Status},
    store::{ForwardBatch, ForwardedLog, Instance, InstanceHealth, Intake, LogState, Places},
};

/// Records per batch: few, so that a few dozen need several batches.
const BATCH: usize = 13;

/// Passes records to a central store, as those of two logs: the dead instance's, and the living one's. The latter is still connected
/// afterwards.
///
/// # Errors
///
/// If the store cannot be written.
pub fn forward(intake: &mut dyn Intake, records: &Records) -> Result<()> {
    log(intake, records, &records.dead, false)?;
    intake.disconnect()?;
    log(intake, records, &records.alive, true)?;
    while intake.fold()? > 0 {}
    Ok(())
}

fn log(intake: &mut dyn Intake, records: &Records, of: &Instance, alive: bool) -> Result<()> {
    let id = Uuid::from_bytes(*of.id.as_bytes());
    let mut places = intake.connect(&ForwardedLog::new(id, id, &of.host))?.places;
    let mut instance = InstanceHealth::new(of);
    instance.alive = alive;
    let is_own = |id: InstanceId| id == of.id;
    let ended = records.activities.iter();
    let ended = ended.filter(|one| is_own(one.instance) && one.status != Status::Running);
    let ended: Vec<_> = ended.cloned().collect();
    let events = records.events.iter().chain(&records.duplicates);
    let events: Vec<_> = events.filter(|one| is_own(one.instance)).cloned().collect();
    let mut recordings = records.recordings.iter();
    let own = recordings.by_ref().filter(|(one, _)| is_own(one.instance));
    let own: Vec<_> = own.collect();
    let mut send = |batch: &mut ForwardBatch| {
        batch.after = places;
        batch.instances = vec![instance.clone()];
        let added = |last: i64, count: usize| last + count as i64;
        batch.up_to = Places::new(
            added(places.activity, batch.activities.len()),
            added(places.event, batch.events.len()),
            added(places.chunk, batch.chunks.len()),
        );
        for (seq, one) in (places.activity + 1..).zip(&mut batch.activities) {
            one.seq = Some(seq);
        }
        for (seq, one) in (places.event + 1..).zip(&mut batch.events) {
            one.seq = seq;
        }
        places = batch.up_to;
        // A batch that is sent again changes nothing.
        intake.accept(batch)?;
        intake.accept(batch)
    };
    for ended in ended.chunks(BATCH) {
        send(&mut ForwardBatch {
            activities: ended.to_vec(),
            ..ForwardBatch::default()
        })?;
    }
    for events in events.chunks(BATCH) {
        send(&mut ForwardBatch {
            events: events.to_vec(),
            ..ForwardBatch::default()
        })?;
    }
    let chunks = own.iter().flat_map(|(one, chunks)| {
        let chunks = chunks.iter().cloned();
        chunks.map(|chunk| (one.id, chunk))
    });
    send(&mut ForwardBatch {
        chunks: chunks.collect(),
        recordings: own.iter().map(|(one, _)| one.clone()).collect(),
        ..ForwardBatch::default()
    })?;
    let running = records.activities.iter();
    let running = running.filter(|one| is_own(one.instance) && one.status == Status::Running);
    let state = LogState {
        open: Some(running.cloned().collect()),
        recordings: own
            .iter()
            .filter(|(one, _)| one.status == RecordingStatus::Recording)
            .map(|(one, _)| one.clone())
            .collect(),
        instances: vec![instance],
        waiting: 0,
    };
    intake.update(&state)
}
