//! Cuts batches from a file.

use std::collections::{HashMap, HashSet};

use crate::{
    error::{Error, ErrorKind, Result},
    record::{ActivityRecord, EventRecord, Filter, InstanceId, Preview},
    store::{
        ForwardBatch, InstanceHealth, LARGEST_PAGE, Places, Position, Reader, Record, Source,
        sqlite::Spool,
    },
};

/// The largest number of activities, and of events, in a batch.
pub(super) const MOST_RECORDS: usize = 2_000;
/// A batch ends with the record or chunk that reaches this size, by kind.
const MOST_BYTES: usize = 2 << 20;
/// What a record takes without its long texts.
const RECORD: usize = 500;

/// Reads the records after these places: up to the end of a batch that was cut before, or as many as a batch may have.
pub(super) fn read(
    spool: &mut Spool,
    after: Places,
    up_to: Option<Places>,
    instances: &mut HashMap<InstanceId, InstanceHealth>,
) -> Result<ForwardBatch> {
    let newest = spool.last()?.0;
    let end = up_to.unwrap_or(newest);
    if end.activity > newest.activity || end.event > newest.event || end.chunk > newest.chunk {
        return Err(Error::new(
            ErrorKind::Busy,
            format!(
                "the store {} was replaced by an older one while it was being forwarded",
                spool.path().display()
            ),
        ));
    }
    let is_new = up_to.is_none();
    let mut batch = ForwardBatch {
        after,
        ..ForwardBatch::default()
    };
    (batch.activities, batch.up_to.activity) =
        records::<ActivityRecord>(spool, after.activity, end.activity, is_new, |one| {
            let preview =
                |preview: &Option<Preview>| preview.as_ref().map_or(0, |it| it.text.len());
            let attributes = match one.attributes.is_empty() {
                true => 0,
                false => serde_json::to_string(&one.attributes).map_or(0, |text| text.len()),
            };
            preview(&one.input) + preview(&one.output) + attributes
        })?;
    (batch.events, batch.up_to.event) =
        records::<EventRecord>(spool, after.event, end.event, is_new, |one| {
            let data = one.data.as_ref();
            data.map_or(0, |data| data.to_string().len())
        })?;
    let bytes = if is_new { MOST_BYTES } else { usize::MAX };
    let chunks = spool.chunks(after.chunk, end.chunk, bytes)?;
    batch.up_to.chunk = match chunks.last() {
        Some(last) if is_new => last.seq,
        _ => end.chunk,
    };
    let mut seen = HashSet::new();
    for one in chunks {
        if seen.insert(one.recording)
            && let Some(recording) = spool.reader().recording(one.recording)?
        {
            batch.recordings.push(recording);
        }
        batch.chunks.push((one.recording, one.chunk));
    }
    batch.instances = instances_of(spool, &batch, instances)?;
    Ok(batch)
}

/// Reads records up to a seq; of a new batch, until it is large enough. Returns them, and the seq up to which all were read.
fn records<R: Record>(
    spool: &mut Spool,
    after: i64,
    end: i64,
    is_new: bool,
    long_texts: impl Fn(&R) -> usize,
) -> Result<(Vec<R>, i64)>
where
    crate::store::sqlite::SqliteReader: Source<R>,
{
    let (mut records, mut bytes, mut from) = (Vec::new(), 0, after);
    while from < end {
        let position = Position::new(0, from);
        let page = spool
            .reader()
            .after(position, &Filter::default(), LARGEST_PAGE)?;
        if page.restarted || page.next.seq() <= from {
            break;
        }
        from = page.next.seq();
        for record in page.records {
            let seq = record.seq().unwrap_or_default();
            if seq > end {
                return Ok((records, end));
            }
            bytes += RECORD + long_texts(&record);
            records.push(record);
            if is_new && (bytes >= MOST_BYTES || records.len() >= MOST_RECORDS) {
                return Ok((records, seq));
            }
        }
    }
    // The last one may have been pruned.
    Ok((records, end.max(after)))
}

/// Returns the instances that a batch names. Reads them again if it names an unknown one.
fn instances_of(
    spool: &Spool,
    batch: &ForwardBatch,
    known: &mut HashMap<InstanceId, InstanceHealth>,
) -> Result<Vec<InstanceHealth>> {
    let activities = batch.activities.iter().map(|one| one.instance);
    let events = batch.events.iter().map(|one| one.instance);
    let recordings = batch.recordings.iter().map(|one| one.instance);
    let named: HashSet<_> = activities.chain(events).chain(recordings).collect();
    if named.iter().any(|id| !known.contains_key(id)) {
        let all = spool.instances()?;
        *known = all.into_iter().map(|one| (one.id, one)).collect();
    }
    Ok(named
        .iter()
        .filter_map(|id| known.get(id).cloned())
        .collect())
}
