//! Statuses of activities and events.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::error::Error;

/// The status of an activity, or of what an event reports.
///
/// It is parsed in any case, and `in_progress` as `running`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// It has started and not ended. `in_progress` is an alias.
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

/// The names of [`Status::ALL`].
const NAMES: [&str; 6] = [
    Status::Running.as_str(),
    Status::Success.as_str(),
    Status::Failed.as_str(),
    Status::Cancelled.as_str(),
    Status::Skipped.as_str(),
    Status::Abandoned.as_str(),
];

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
        let is_named = |name: &str| text.eq_ignore_ascii_case(name);
        if is_named("in_progress") {
            return Ok(Status::Running);
        }
        Status::ALL
            .into_iter()
            .find(|status| is_named(status.as_str()))
            .ok_or_else(|| {
                let names = NAMES.join(", ");
                Error::invalid(format!("{text:?} is not a status · use one of {names}"))
            })
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| de::Error::unknown_variant(&text, &NAMES))
    }
}
