//! How an activity stands or ended.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How an activity stands or ended: the one vocabulary for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// It has started and not ended. `in_progress` is read as this too.
    #[serde(alias = "in_progress")]
    Running,
    /// It ended as it should.
    Success,
    /// It ended with an error or a panic; the error type says which.
    Failed,
    /// It was dropped, or its caller went away, before it ended.
    Cancelled,
    /// It decided that there was nothing to do.
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

    /// The name in views, filters and JSON.
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
            .ok_or_else(|| Error::invalid(format!("{text:?} is not a status")))
    }
}
