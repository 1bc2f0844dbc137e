//! `activity export`: exports records for other programs.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
};

use tower_activity::{
    Error, ErrorKind,
    query::{Export, ExportRecord},
};

use crate::{
    args,
    failure::Failure,
    output_file,
    print::{self, human, progress::Progress, safe},
    source,
};

pub(crate) fn run(store: &str, args: &args::Export) -> Result<(), Failure> {
    let filter = source::filter(&args.filter, args.tz)?;
    match args.events {
        true => export(Export::events(filter, args.format), store, args),
        false => export(Export::activities(filter, args.format), store, args),
    }
}

fn export<R: ExportRecord>(
    mut export: Export<R>,
    store: &str,
    args: &args::Export,
) -> Result<(), Failure> {
    if let Some(after) = &args.after {
        export = export.after(after.parse()?);
    }
    if let Some(path) = &args.output {
        output_file::check(path, store)?;
    }
    let mut reader = source::open(store)?;
    let mut page = Vec::new();
    // Before the file is created: an invalid filter must not leave one.
    let mut more = export.page(&mut reader, &mut page)?;
    let mut out = open(args.output.as_deref(), args.after.is_some())?;
    let mut progress = Progress::new("exporting");
    loop {
        out.write_all(&page)?;
        page.clear();
        if !more {
            break;
        }
        progress.set(export.progress());
        more = export.page(&mut reader, &mut page)?;
    }
    out.flush()?;
    drop(progress);
    let records = human::many(export.records(), "record", "records");
    print::note(&format!(
        "{records} exported; continue with --after {}",
        export.position()
    ));
    Ok(())
}

fn open(path: Option<&Path>, appends: bool) -> Result<Box<dyn Write>, Failure> {
    let Some(path) = path else {
        return Ok(match io::stdout().is_terminal() {
            true => Box::new(Terminal(io::stdout())),
            false => Box::new(io::stdout().lock()),
        });
    };
    let opened = match appends {
        true => output_file::append(path),
        false => output_file::create(path),
    };
    let file = opened.map_err(|cause| {
        let what = format!("cannot write {}", path.display());
        Error::new(ErrorKind::Invalid, what).with_source(cause)
    })?;
    Ok(Box::new(file))
}

/// A terminal. Escapes what would act on it; each write is one or more complete lines.
struct Terminal(io::Stdout);

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        for line in text.lines() {
            writeln!(self.0, "{}", safe::line(line))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
