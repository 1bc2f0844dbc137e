//! A log and what the pages show of it: its file, or the central store that it is forwarded to.

use std::path::Path;

use tower_activity::{ActivityLog, query::ActivityReader, web::ActivityRouter};

/// What the pages show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The file of the log.
    File,
    /// A central store in PostgreSQL.
    #[cfg(feature = "postgres")]
    Central,
}

/// Set to `postgres` to run all tests on a central store.
const VARIABLE: &str = "ACTIVITY_TEST_DASHBOARD";

impl Kind {
    pub(crate) fn from_environment() -> Self {
        match std::env::var(VARIABLE).as_deref() {
            #[cfg(feature = "postgres")]
            Ok("postgres") => Kind::Central,
            Ok(other) => panic!("{VARIABLE} is {other:?}"),
            Err(_) => Kind::File,
        }
    }
}

/// A log whose records the pages show.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) log: ActivityLog,
    /// The address of the central store.
    url: Option<String>,
}

impl Shown {
    /// Opens the log in this file.
    pub(crate) async fn open(kind: Kind, path: &Path) -> Self {
        let builder = ActivityLog::builder();
        let (builder, url) = match kind {
            Kind::File => (builder, None),
            #[cfg(feature = "postgres")]
            Kind::Central => {
                let url = crate::support::postgres::database();
                (builder.forward_to(&*url), Some(url))
            }
        };
        let shown = Shown {
            log: builder.open(path).unwrap(),
            url,
        };
        shown.settle().await;
        shown
    }

    /// Waits until everything that is recorded by now is shown.
    pub(crate) async fn settle(&self) {
        self.log.flush().await.unwrap();
        #[cfg(feature = "postgres")]
        if let Some(url) = self.url.clone() {
            let log = self.log.clone();
            let settled = move || {
                let targets = log.reader().unwrap().health().unwrap().targets;
                let is_sent =
                    targets.iter().all(|target| target.behind == 0) && !targets.is_empty();
                let uncounted = "SELECT count(*) FROM tower_activity.batch WHERE ordinal IS NULL";
                let is_counted = || crate::support::postgres::query(&url, uncounted).trim() == "0";
                (is_sent && ActivityReader::open(&url).is_ok() && is_counted()).then_some(())
            };
            let wait = move || crate::support::poll_until(settled);
            tokio::task::spawn_blocking(wait).await.unwrap();
        }
    }

    /// Returns a reader of what is shown.
    pub(crate) fn reader(&self) -> ActivityReader {
        match &self.url {
            Some(url) => ActivityReader::open(url).unwrap(),
            None => self.log.reader().unwrap(),
        }
    }

    /// Returns a router that shows it.
    pub(crate) fn router(&self) -> ActivityRouter {
        match &self.url {
            Some(url) => ActivityRouter::open(url).unwrap(),
            None => self.log.router(),
        }
    }
}
