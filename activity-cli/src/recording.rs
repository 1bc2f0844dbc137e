//! `activity recording`: exports a recording. Also formats the recordings of an activity.

use std::{
    io::{self, BufWriter, Write},
    pin::pin,
};

use tower_activity::{
    Status,
    query::ActivityReader,
    record::{ActivityRecord, RecordingId, RecordingRecord, RecordingStatus},
};

use crate::{
    args::Recording,
    failure::Failure,
    newest,
    outage::Outage,
    output_file,
    print::{
        self, human, safe,
        status::{BOLD, DIM, styled},
    },
    source,
    tail::POLL_INTERVAL,
};

pub(crate) fn run(store: &str, args: &Recording) -> Result<(), Failure> {
    let mut reader = source::open(store)?;
    if let Some(path) = &args.output {
        output_file::check(path, store)?;
    }
    let id = newest::recording(&mut reader, &args.id)?;
    let record = reader.recording(id)?;
    let tracks = record.map(|record| record.tracks).unwrap_or_default();
    let first = tracks.first().map_or("", |track| track.as_str());
    let track = args.track.as_deref().unwrap_or(first);
    if args.track.is_none() && tracks.len() > 1 {
        let others: Vec<_> = tracks.iter().map(|track| safe::line(track)).collect();
        print::note(&format!(
            "exporting one of {} tracks; use --track for another: {}",
            tracks.len(),
            others.join(", ")
        ));
    }
    let damaged = match &args.output {
        _ if args.follow => follow(&mut reader, Outage::new(store), id, track)?,
        Some(path) => {
            let mut out = BufWriter::new(output_file::create(path).map_err(|cause| {
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
        print::note(&format!("{chunks} damaged and skipped"));
        return Err(Failure::Reported);
    }
    Ok(())
}

/// Prints new content of a track until the recording ends or ctrl-c. Returns the number of damaged chunks.
fn follow(
    reader: &mut ActivityReader,
    mut outage: Outage,
    id: RecordingId,
    track: &str,
) -> Result<u64, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        let (mut next, mut damaged) = (0, 0);
        loop {
            let mut content = Vec::new();
            let followed = match reader.follow(id, track, next, &mut content) {
                // The recording was deleted, not its store.
                Err(error) if error.is_not_found() && reader.present().is_ok() => {
                    return Err(error.into());
                }
                followed => outage.note(followed)?,
            };
            if let Some(followed) = followed {
                (next, damaged) = (followed.next, damaged + followed.damaged);
                let mut out = io::stdout().lock();
                out.write_all(&content)?;
                out.flush()?;
                if followed.ended {
                    return Ok(damaged);
                }
            }
            let pause = outage.pause(POLL_INTERVAL);
            if let Ok(signal) = tokio::time::timeout(pause, &mut interrupted).await {
                signal?;
                return Ok(damaged);
            }
        }
    })
}

/// Appends the list of an activity's recordings, if it has any.
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
