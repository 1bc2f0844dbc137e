//! `@`: the newest activity or recording, without its ID.

use tower_activity::{
    Error, ErrorKind,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, Filter, Has, Is, RecordingId},
    store::LARGEST_PAGE,
};

use crate::{failure::Failure, short_id};

/// Resolves a unique ID prefix, `@` for the newest of `activity list`, or `@~N` for the one N before.
pub(crate) fn activity(reader: &mut ActivityReader, text: &str) -> Result<ActivityId, Failure> {
    let Some(back) = back(text)? else {
        return Ok(short_id::resolve(reader, text)?);
    };
    let mut roots = Filter::default();
    roots.is.any_of.push(Is::Root);
    if nth(reader, &roots, 0)?.is_none() {
        // Every activity has a parent elsewhere.
        roots = Filter::default();
    }
    let one = nth(reader, &roots, back)?.ok_or_else(|| missing("activity", text))?;
    Ok(one.id)
}

/// Resolves a unique ID prefix, `@` for the recording of the newest activity that has one, or `@~N` for that of the one N before.
pub(crate) fn recording(reader: &mut ActivityReader, text: &str) -> Result<RecordingId, Failure> {
    let Some(back) = back(text)? else {
        return Ok(reader.find_recording(text)?);
    };
    let mut recorded = Filter::default();
    recorded.has.any_of.push(Has::Recording);
    let one = nth(reader, &recorded, back)?.ok_or_else(|| missing("recording", text))?;
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

fn nth(
    reader: &mut ActivityReader,
    filter: &Filter,
    back: usize,
) -> tower_activity::Result<Option<ActivityRecord>> {
    let page = reader.page(filter, None, back + 1)?;
    Ok(page.records.into_iter().nth(back))
}

fn missing(what: &str, text: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no {what} {text}"))
}
