//! `activity backup`: copies the store into one file while others record.

use serde_json::json;
use tower_activity::store::{Store, sqlite::SqliteStore};

use crate::{
    args::Backup,
    failure::Failure,
    print::{self, human, json, progress::Progress, safe},
    source,
};

pub(crate) fn run(store: &str, args: &Backup) -> Result<(), Failure> {
    let path = source::path_or(
        store,
        "back it up with its own tools, such as `pg_dump` or `BACKUP DATABASE`",
    )?;
    // Fails with a hint if there is no store.
    drop(source::open(path)?);
    let store = SqliteStore::new(path)?;
    let mut progress = Progress::new("copying");
    let bytes = store.backup(&args.file, &mut |state| {
        progress.set(state.copied as f64 / state.pages.max(1) as f64);
    })?;
    drop(progress);
    if args.json {
        return Ok(json::print(&json!({"file": args.file, "bytes": bytes}))?);
    }
    Ok(print::text(&format!(
        "{} copied to {} and verified\n",
        human::bytes(bytes),
        safe::line(&args.file.display().to_string())
    ))?)
}
