//! The users' view of their own projects.

use std::path::Path;

use chrono::{DateTime, Utc};
use tower_activity::{
    ActivityLog,
    query::{Digest, DigestQuery, Zone},
    record::{EventRecord, Filter},
    store::{Cursor, List},
};

use crate::{Error, Result, project::Project};

/// The token budget of a digest.
const TOKENS: usize = 300;

/// The users' view of their projects.
#[derive(Debug, Clone, Copy)]
pub struct Console<'a> {
    log: &'a ActivityLog,
    folder: &'a Path,
}

impl<'a> Console<'a> {
    pub(crate) fn new(log: &'a ActivityLog, folder: &'a Path) -> Self {
        Console { log, folder }
    }

    /// Returns the events of a project, newest first, of all environments unless the filter names one. The filter is text:
    /// `type:deployment env:production since:24h`.
    ///
    /// # Errors
    ///
    /// If the project is not the user's, the filter is invalid, or the log cannot be read: an outage is not an empty
    /// timeline.
    pub fn timeline(
        &self,
        user: &str,
        project: &str,
        filter: &str,
        now: DateTime<Utc>,
        cursor: Option<Cursor<EventRecord>>,
        limit: usize,
    ) -> Result<List<EventRecord>> {
        let filter = self.filter(user, project, filter, now)?;
        Ok(self.log.reader()?.events(&filter, cursor, limit)?)
    }

    /// Returns the events since the user's midnight, summed by type: `5 endpoints added today`.
    ///
    /// # Errors
    ///
    /// If the project is not the user's, or the log cannot be read.
    pub fn today(
        &self,
        user: &str,
        project: &str,
        zone: Zone,
        now: DateTime<Utc>,
    ) -> Result<Digest> {
        let filter = self.filter(user, project, "", now)?;
        let query = DigestQuery::new(now).filter(filter).zone(zone).today();
        Ok(self.log.reader()?.digest(&query)?)
    }

    /// As [`today`](Self::today), as Markdown.
    ///
    /// # Errors
    ///
    /// As for [`today`](Self::today).
    pub fn today_text(
        &self,
        user: &str,
        project: &str,
        zone: Zone,
        now: DateTime<Utc>,
    ) -> Result<String> {
        Ok(self.today(user, project, zone, now)?.grouped(TOKENS)?)
    }

    /// Parses the filter and restricts it to this project, without log lines.
    fn filter(&self, user: &str, project: &str, text: &str, now: DateTime<Utc>) -> Result<Filter> {
        Project::open(self.folder, project, user)?;
        let filter = Filter::parse(text, now).map_err(|error| Error::Invalid(error.to_string()))?;
        Ok(filter.and(&Filter::for_project(project).without_log_lines()))
    }
}
