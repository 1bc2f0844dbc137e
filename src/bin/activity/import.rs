//! `activity import`: takes in what another log has exported.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use tower_activity::{
    Error, ErrorKind,
    redact::Redactor,
    store::{Import, sqlite::SqliteStore},
};

use crate::{
    args,
    failure::Failure,
    print::{self, human, progress::Progress},
    source,
};

pub(crate) fn run(store: &str, args: &args::Import) -> Result<(), Failure> {
    let path = source::path(store)?;
    let (lines, bytes) = input(args)?;
    let mut import = Import::begin(&SqliteStore::at(path)?, Redactor::new())?;
    let mut progress = Progress::begin("importing");
    let mut read = 0;
    for (number, line) in lines.lines().enumerate() {
        let line = line?;
        import.line(&line).map_err(|cause| {
            let what = format!("cannot import line {} of {}", number + 1, args.file);
            Error::new(cause.kind(), what).with_source(cause)
        })?;
        read += line.len() as u64 + 1;
        if let Some(bytes) = bytes {
            progress.at(read as f64 / bytes.max(1) as f64);
        }
    }
    let imported = import.finish()?;
    drop(progress);
    let mut text = format!(
        "imported {} and {}",
        human::many(imported.activities, "activity", "activities"),
        human::many(imported.events, "event", "events"),
    );
    if imported.known > 0 {
        text.push_str(&format!(
            ", {} were there already",
            human::count(imported.known)
        ));
    }
    if imported.running > 0 {
        text.push_str(&format!(
            ", {} had not ended and were left out",
            human::count(imported.running)
        ));
    }
    Ok(print::text(&(text + "\n"))?)
}

/// What is read, and how long it is where that is known.
fn input(args: &args::Import) -> Result<(Box<dyn BufRead>, Option<u64>), Failure> {
    if args.file == "-" {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let unreadable = |cause: io::Error| {
        let what = format!("cannot read the file {}", args.file);
        Error::new(ErrorKind::Invalid, what).with_source(cause)
    };
    let file = File::open(&args.file).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    Ok((Box::new(BufReader::new(file)), Some(bytes)))
}
