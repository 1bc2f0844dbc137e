//! The log of a proxy. Without one, the bytes pass all the same.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use tower_activity::{
    ActivityLog, Error, ErrorKind,
    mcp::TapCounts,
    store::{CentralStore, RecordCounts},
};

use crate::{print, source};

/// Opens the log; a disabled one, with a warning, if that fails.
pub(super) fn open(store: Option<&str>, target: Option<Arc<dyn CentralStore>>) -> ActivityLog {
    let path = file(store);
    let mut builder = ActivityLog::builder();
    if let Some(target) = target {
        builder = builder.forward_to(target);
    }
    let opened = path.and_then(|path| builder.open(path));
    opened.unwrap_or_else(|error| {
        warn(&format!("calls are not recorded: {error:#}"));
        ActivityLog::disabled()
    })
}

/// Flushes the log; warns of lost records.
pub(super) fn shutdown(log: &ActivityLog, timeout: Duration) {
    let lost = match log.shutdown().timeout(timeout).wait() {
        Ok(report) => report.activities.lost() + report.events.lost(),
        Err(error) => {
            let counts = log.accounting();
            let missing = |of: RecordCounts| of.waiting + of.lost();
            // Otherwise only closing the file takes longer.
            if missing(counts.activities) + missing(counts.events) > 0 {
                warn(&format!("some calls may not be recorded: {error:#}"));
            }
            return;
        }
    };
    if lost > 0 {
        warn(&format!(
            "{lost} records were lost: `activity doctor` says why"
        ));
    }
}

/// Warns of messages that passed without being recorded, or without what is added to them.
pub(super) fn warn_of_unchanged(counts: &TapCounts) {
    if counts.others > 0 {
        warn(&format!(
            "{} of {} messages were not understood, and passed on all the same",
            counts.others,
            counts.others + counts.messages
        ));
    }
    let count = counts.too_long;
    if count > 0 {
        warn(&format!(
            "{count} messages of more than 4 MiB, or of more than 64 MiB in all, passed unchanged, without --intent and --missing-tool"
        ));
    }
    let count = counts.compressed_lists;
    if count > 0 {
        warn(&format!(
            "{count} lists of tools passed unchanged, without --intent and --missing-tool, because the server compresses them: let it \
             follow `Accept-Encoding: identity`"
        ));
    }
}

/// Returns the path of the store, and creates the directory of the default one.
fn file(store: Option<&str>) -> Result<PathBuf, Error> {
    let failed = |what: &str| Error::new(ErrorKind::Store, what.to_owned());
    let path = source::file_of_proxy(store)
        .ok_or_else(|| failed("the user has no data directory: name a store with --store FILE"))?;
    if Some(&path) == source::of_proxies().as_ref()
        && let Some(directory) = path.parent()
    {
        fs::create_dir_all(directory).map_err(|cause| {
            let what = format!("cannot create the directory {}", directory.display());
            failed(&what).with_source(cause)
        })?;
    }
    Ok(path)
}

fn warn(what: &str) {
    print::on_stderr(&format!("activity: {what}"));
}
