//! The default method of readers that lists recordings.

use crate::{
    error::Result,
    record::{RecordingId, RecordingRecord},
    store::{LARGEST_PAGE, Reader},
};

/// Lists the newest recordings, from the ids of all.
pub(super) fn scan(
    store: &mut (impl Reader + ?Sized),
    before: Option<RecordingId>,
    limit: usize,
) -> Result<Vec<RecordingRecord>> {
    let last = before.unwrap_or(RecordingId::from_bytes([0xff; 16]));
    let mut first = RecordingId::from_bytes([0; 16]);
    let mut ids = Vec::new();
    loop {
        store.options().check("list the recordings")?;
        let page = store.recording_ids(first..=last, LARGEST_PAGE)?;
        let next = page.last().copied().filter(|next| *next > first);
        ids.extend(page.into_iter().filter(|id| *id < last));
        match next {
            Some(next) => first = next,
            None => break,
        }
    }
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.dedup();
    let mut recordings = Vec::new();
    for id in ids.into_iter().take(limit.clamp(1, LARGEST_PAGE)) {
        // One that was pruned meanwhile is left out.
        recordings.extend(store.recording(id)?);
    }
    Ok(recordings)
}
