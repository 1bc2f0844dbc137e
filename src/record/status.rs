//! Statuses of activities and events.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The status of an activity, or of what an event reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// It has started and not ended. `in_progress` is an alias.
    #[serde(alias = "in_progress")]
    Running,
    /// It succeeded.
    Success,
    /// It ended with an error or a panic; the error type says which.
    Failed,
    /// It was dropped, or its caller went away, before it ended.
    Cancelled,
    /// It found nothing to do.
    Skipped,
    /// Its process died before it ended.
    Abandoned,
}

impl Status {
    /// Every status, in the order in which they are documented.
    pub const ALL: [Status; 6] = [
        Status::Running,
        Status::Success,
        Status::Failed,
        Status::Cancelled,
        Status::Skipped,
        Status::Abandoned,
    ];

    /// Returns the name in views, filters and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Skipped => "skipped",
            Status::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Status {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = match text {
            "in_progress" => "running",
            text => text,
        };
        Status::ALL
            .into_iter()
            .find(|status| status.as_str() == known)
            .ok_or_else(|| {
                let names = Status::ALL.map(Status::as_str).join(", ");
                Error::invalid(format!("{text:?} is not a status · use one of {names}"))
            })
    }
}
