//! Batches of a central store in the order of all logs, of which followers read some at a time.

use uuid::Uuid;

/// What is added to the number of a batch in the order of all logs to get those of its records: more than a batch has places.
pub(crate) const PER_BATCH: i64 = 1 << 20;

/// A batch with records, and its number in the order of all logs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlacedBatch {
    pub(crate) id: i64,
    pub(crate) ordinal: i64,
    /// Its places in the commit order of its log: after the first one, up to the second.
    pub(crate) places: (i64, i64),
    /// The smallest and the largest id of its records.
    pub(crate) ids: (Uuid, Uuid),
}

/// Batches one after another, of which records are read in one go.
#[derive(Debug)]
pub(crate) struct BatchSpan {
    pub(crate) ids: Vec<i64>,
    /// The first batch, and its last seq that was read before.
    pub(crate) after: (i64, i64),
    /// The last seq of the last batch to read.
    pub(crate) up_to: i64,
    pub(crate) ids_between: (Uuid, Uuid),
    /// The position after them.
    pub(crate) end: i64,
}

impl BatchSpan {
    /// Returns the first of these batches, and more as long as they have at most so many places after a position; `None` if there is
    /// none.
    pub(crate) fn first(
        batches: impl IntoIterator<Item = PlacedBatch>,
        from: i64,
        most: i64,
    ) -> Option<Self> {
        let mut span: Option<BatchSpan> = None;
        let mut count = 0;
        for batch in batches {
            let PlacedBatch { id, ordinal, .. } = batch;
            let (before, up_to) = batch.places;
            let is_begun = ordinal == from / PER_BATCH;
            let after = before.saturating_add(if is_begun { from % PER_BATCH } else { 0 });
            if after >= up_to {
                continue;
            }
            let end = last_of(ordinal);
            match &mut span {
                None => {
                    let is_part = up_to - after > most;
                    let up_to = if is_part { after + most } else { up_to };
                    span = Some(BatchSpan {
                        ids: vec![id],
                        after: (id, after),
                        up_to,
                        ids_between: batch.ids,
                        end: match is_part {
                            true => ordinal * PER_BATCH + up_to - before,
                            false => end,
                        },
                    });
                    if is_part {
                        break;
                    }
                }
                Some(span) if count + up_to - after <= most => {
                    let (min, max) = batch.ids;
                    span.ids.push(id);
                    span.up_to = up_to;
                    span.ids_between.0 = span.ids_between.0.min(min);
                    span.ids_between.1 = span.ids_between.1.max(max);
                    span.end = end;
                }
                Some(_) => break,
            }
            count += up_to - after;
        }
        span
    }
}

/// Returns the ordinal of the batch with the next place after a position. After the last place of a batch comes the next one.
pub(crate) fn first_after(seq: i64) -> i64 {
    (seq + 1).div_euclid(PER_BATCH)
}

/// Returns the position after all records of a batch.
pub(crate) fn last_of(ordinal: i64) -> i64 {
    ordinal * PER_BATCH + PER_BATCH - 1
}
