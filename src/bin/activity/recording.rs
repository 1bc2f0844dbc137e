//! `activity recording`: what a recording holds; and the list of those of an activity.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
};

use tower_activity::{ActivityRecord, RecordingRecord, RecordingStatus, Status};

use crate::{
    args::Recording,
    failure::Failure,
    print::{
        human, safe,
        status::{BOLD, DIM, styled},
    },
    source,
};

pub(crate) fn run(store: &str, args: &Recording) -> Result<(), Failure> {
    let mut reader = source::open(store)?;
    let id = reader.find_recording(&args.id)?;
    let record = reader.recording(id)?;
    let tracks = record.map(|record| record.tracks).unwrap_or_default();
    let first = tracks.first().map_or("", |track| track.as_str());
    let track = args.track.as_deref().unwrap_or(first);
    if args.track.is_none() && tracks.len() > 1 {
        let others: Vec<_> = tracks.iter().map(|track| safe::line(track)).collect();
        anstream::eprintln!(
            "one of {} tracks; --track names another: {}",
            tracks.len(),
            others.join(", ")
        );
    }
    let damaged = match &args.output {
        Some(path) => {
            let mut out = BufWriter::new(File::create(path).map_err(|cause| {
                io::Error::new(
                    cause.kind(),
                    format!("cannot write {}: {cause}", path.display()),
                )
            })?);
            let damaged = reader.export(id, track, &mut out)?;
            out.flush()?;
            damaged
        }
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            let damaged = reader.export(id, track, &mut out)?;
            out.flush()?;
            damaged
        }
    };
    if damaged > 0 {
        let chunks = human::many(damaged, "chunk is", "chunks are");
        anstream::eprintln!("{chunks} damaged and left out");
        return Err(Failure::Found);
    }
    Ok(())
}

/// Adds the list of an activity's recordings, where it has some.
pub(crate) fn list(out: &mut String, activity: &ActivityRecord, recordings: &[RecordingRecord]) {
    if recordings.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n", styled(DIM, "RECORDINGS")));
    for one in recordings {
        let link = one.links.iter().find(|link| link.activity == activity.id);
        let pending = activity.status != Status::Running
            && one.status == RecordingStatus::Recording
            && link.is_some_and(|link| link.until.is_none());
        let status = if pending {
            "pending"
        } else {
            one.status.as_str()
        };
        let mut facts = vec![
            status.to_owned(),
            human::many(one.events, "event", "events"),
            human::bytes(one.bytes),
        ];
        if one.lost > 0 {
            facts.push(format!("{} lost", human::count(one.lost)));
        }
        if one.tracks.len() > 1 {
            facts.push(format!("{} tracks", one.tracks.len()));
        }
        out.push_str(&format!(
            "  {}  {}  {}\n",
            one.id,
            styled(BOLD, &safe::line(&one.format)),
            facts.join(", ")
        ));
    }
}
