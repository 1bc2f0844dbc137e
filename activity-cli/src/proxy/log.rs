//! The log of a proxy. Without one, the bytes pass all the same.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use tower_activity::{
    ActivityLog, Error, ErrorKind,
    mcp::TapCounts,
    store::{CentralStore, RecordCounts},
};

use crate::{print, source};

/// The file in the user's data directory that all proxies of a user share.
const FILE: &str = "activity-proxy.db";
/// How long the last records may take. A client that has closed the connection waits two seconds before it kills.
const SHUTDOWN: Duration = Duration::from_millis(1_500);

/// Opens the log; a disabled one, with a warning, if that fails.
pub(super) fn open(store: Option<&str>, target: Option<Arc<dyn CentralStore>>) -> ActivityLog {
    let file = store.filter(|store| !source::is_address(store));
    let path = match file {
        Some(file) => Ok(PathBuf::from(file)),
        None => default_path(),
    };
    if let (Some(_), None, Ok(path)) = (store, file, &path) {
        let path = path.display();
        warn(&format!(
            "calls are recorded in {path}: ACTIVITY_STORE is an address, and a proxy needs a file"
        ));
    }
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
pub(super) fn shutdown(log: &ActivityLog) {
    let lost = match log.shutdown().timeout(SHUTDOWN).wait() {
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

/// Returns the path of the default store, and creates its directory.
fn default_path() -> Result<PathBuf, Error> {
    let failed = |what: &str| Error::new(ErrorKind::Store, what.to_owned());
    let directory = dirs::data_dir()
        .ok_or_else(|| failed("the user has no data directory: name a store with --store FILE"))?
        .join("tower-activity");
    fs::create_dir_all(&directory).map_err(|cause| {
        let what = format!("cannot create the directory {}", directory.display());
        failed(&what).with_source(cause)
    })?;
    Ok(directory.join(FILE))
}

fn warn(what: &str) {
    print::on_stderr(&format!("activity: {what}"));
}
