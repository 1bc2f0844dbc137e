//! A log and what the pages show of it: its file, or the central store that it is forwarded to.

use std::path::Path;

use tower_activity::{ActivityLog, query::ActivityReader, record::Filter, web::ActivityRouter};

/// What the pages show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The file of the log.
    File,
    /// A central store in PostgreSQL.
    #[cfg(feature = "postgres")]
    Central,
    /// A central store in ClickHouse.
    #[cfg(feature = "clickhouse")]
    ClickHouse,
}

/// Set to `postgres` or `clickhouse` to run all tests on a central store.
const VARIABLE: &str = "ACTIVITY_TEST_DASHBOARD";

impl Kind {
    pub(crate) fn from_environment() -> Self {
        match std::env::var(VARIABLE).as_deref() {
            #[cfg(feature = "postgres")]
            Ok("postgres") => Kind::Central,
            #[cfg(feature = "clickhouse")]
            Ok("clickhouse") => Kind::ClickHouse,
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
            #[cfg(feature = "clickhouse")]
            Kind::ClickHouse => {
                let url = crate::support::clickhouse::database();
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
        if let Some(url) = self.url.clone() {
            let log = self.log.clone();
            let settled = move || {
                let targets = log.reader().unwrap().health().unwrap().targets;
                let is_sent =
                    targets.iter().all(|target| target.behind == 0) && !targets.is_empty();
                (is_sent && ActivityReader::open(&url).is_ok() && is_counted(&url)).then_some(())
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

/// Returns true if everything at this address is counted in the sums, and seen by followers.
fn is_counted(url: &str) -> bool {
    #[cfg(feature = "postgres")]
    if url.starts_with("postgres") {
        let uncounted = "SELECT count(*) FROM tower_activity.batch WHERE ordinal IS NULL";
        return crate::support::postgres::query(url, uncounted).trim() == "0";
    }
    // Nothing is summed up there.
    let mut reader = ActivityReader::open(url).unwrap();
    let any = Filter::default();
    let activities = reader.page(&any, None, 1_000).unwrap().records;
    let events = reader.events(&any, None, 1_000).unwrap().records;
    let mut ended = activities.iter().filter(|one| one.duration_ns.is_some());
    ended.all(|one| one.seq.is_some()) && events.iter().all(|one| one.seq > 0)
}
