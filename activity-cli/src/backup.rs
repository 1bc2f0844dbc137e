//! `activity backup`: a complete copy in one file, while others record.

use tower_activity::store::{Store, sqlite::SqliteStore};

use crate::{
    args::Backup,
    failure::Failure,
    print::{self, human, progress::Progress, safe},
    source,
};

pub(crate) fn run(store: &str, args: &Backup) -> Result<(), Failure> {
    // Says how to name a store where there is none.
    drop(source::open(store)?);
    let store = SqliteStore::new(source::path(store)?)?;
    let mut progress = Progress::begin("copying");
    let bytes = store.backup(&args.file, &mut |state| {
        progress.at(state.copied as f64 / state.pages.max(1) as f64);
    })?;
    drop(progress);
    Ok(print::text(&format!(
        "{} copied to {} and verified\n",
        human::bytes(bytes),
        safe::line(&args.file.display().to_string())
    ))?)
}
