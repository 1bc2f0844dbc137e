//! `activity import`: imports an export in JSON Lines.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use serde_json::json;
use tower_activity::{
    Error, ErrorKind,
    import::{Import, ImportSummary},
    redact::Redactor,
    store::sqlite::SqliteStore,
};

use crate::{
    args,
    failure::Failure,
    print::{self, human, json, progress::Progress},
    source,
};

pub(crate) fn run(store: &str, args: &args::Import) -> Result<(), Failure> {
    let path = source::path_or(
        store,
        "import into a file with `--store FILE`, and forward it with `activity forward --once`",
    )?;
    let (lines, bytes) = open_input(args)?;
    let mut import = Import::new(&SqliteStore::new(path)?, Redactor::new())?;
    let mut progress = Progress::new("importing");
    let read = import.read(lines, |read| {
        if let Some(bytes) = bytes {
            progress.set(read as f64 / bytes.max(1) as f64);
        }
    });
    // Lines before an invalid one stay imported.
    let imported = import.finish()?;
    drop(progress);
    match args.json {
        true => json::print(&json!({
            "activities": imported.activities,
            "events": imported.events,
            "known": imported.known,
            "running": imported.running,
            "renamed": imported.renamed,
        }))?,
        false => print::text(&summary(&imported))?,
    }
    read.map_err(|cause| {
        Error::new(cause.kind(), format!("cannot import {}", args.file)).with_source(cause)
    })?;
    Ok(())
}

fn summary(imported: &ImportSummary) -> String {
    let mut text = format!(
        "imported {} and {}",
        human::many(imported.activities, "activity", "activities"),
        human::many(imported.events, "event", "events"),
    );
    for (number, what) in [
        (imported.known, "existed already"),
        (imported.running, "running and skipped"),
        (
            imported.renamed,
            "given a new ID because theirs did not match their time",
        ),
    ] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", human::count(number)));
        }
    }
    text + "\n"
}

/// Opens the input. Returns its size in bytes if it is known.
fn open_input(args: &args::Import) -> Result<(Box<dyn BufRead>, Option<u64>), Failure> {
    if args.file == "-" {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let unreadable = |cause: io::Error| {
        let what = format!("cannot read {}", args.file);
        Error::new(ErrorKind::Invalid, what).with_source(cause)
    };
    let file = File::open(&args.file).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    Ok((Box::new(BufReader::new(file)), Some(bytes)))
}
