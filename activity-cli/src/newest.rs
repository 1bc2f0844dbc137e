//! `@`: the newest activity or recording, without its ID.

use tower_activity::{
    Error, ErrorKind,
    query::ActivityReader,
    record::{ActivityId, Filter, Has, RecordingId},
    store::LARGEST_PAGE,
};

use crate::{failure::Failure, short_id, top_level::TopLevel};

/// Resolves a unique ID prefix, `@` for the newest of `activity list` without a filter, or `@~N` for the one N before.
pub(crate) fn activity(reader: &mut ActivityReader, text: &str) -> Result<ActivityId, Failure> {
    let Some(back) = back(text)? else {
        return Ok(short_id::resolve(reader, text)?);
    };
    let (listed, _) = TopLevel::new(Filter::default()).page(reader, None, back + 1)?;
    let one = listed.get(back).ok_or_else(|| missing("activity", text))?;
    Ok(one.id)
}

/// Resolves a unique ID prefix, `@` for the recording of the newest activity that has one, or `@~N` for that of the one N before.
pub(crate) fn recording(reader: &mut ActivityReader, text: &str) -> Result<RecordingId, Failure> {
    let Some(back) = back(text)? else {
        return Ok(reader.find_recording(text)?);
    };
    let mut recorded = Filter::default();
    recorded.has.any_of.push(Has::Recording);
    let listed = reader.page(&recorded, None, back + 1)?.records;
    let one = listed.get(back).ok_or_else(|| missing("recording", text))?;
    let newest = reader.recordings_of(one.id)?.pop();
    Ok(newest.ok_or_else(|| missing("recording", text))?.id)
}

/// Parses `@` and `@~N`. Returns `None` for an ID.
fn back(text: &str) -> Result<Option<usize>, Failure> {
    let Some(rest) = text.strip_prefix('@') else {
        return Ok(None);
    };
    let back = match rest {
        "" => Some(0),
        rest => rest
            .strip_prefix('~')
            .and_then(|number| number.parse().ok()),
    };
    match back.filter(|back| *back < LARGEST_PAGE) {
        Some(back) => Ok(Some(back)),
        None => Err(Failure::Usage(format!(
            "{text:?} is not an ID: write @, or @~1 up to @~{}",
            LARGEST_PAGE - 1
        ))),
    }
}

fn missing(what: &str, text: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no {what} {text}"))
}
