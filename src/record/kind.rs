//! Kinds of activities.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The kind of work that an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A tool call (MCP `tools/call`).
    Tool,
    /// A prompt that was fetched (MCP `prompts/get`).
    Prompt,
    /// A resource that was read (MCP `resources/read`).
    Resource,
    /// An HTTP request.
    Http,
    /// A gRPC call.
    Grpc,
    /// A unit of background work.
    Job,
    /// One turn of an agent.
    Turn,
    /// Anything else.
    #[default]
    Custom,
}

impl Kind {
    /// Every kind, in the order in which they are documented.
    pub const ALL: [Kind; 8] = [
        Kind::Tool,
        Kind::Prompt,
        Kind::Resource,
        Kind::Http,
        Kind::Grpc,
        Kind::Job,
        Kind::Turn,
        Kind::Custom,
    ];

    /// Returns the name in stores, filters and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Tool => "tool",
            Kind::Prompt => "prompt",
            Kind::Resource => "resource",
            Kind::Http => "http",
            Kind::Grpc => "grpc",
            Kind::Job => "job",
            Kind::Turn => "turn",
            Kind::Custom => "custom",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Kind::ALL
            .into_iter()
            .find(|kind| text.eq_ignore_ascii_case(kind.as_str()))
            .ok_or_else(|| Error::invalid(format!("{text:?} is not a kind of activity")))
    }
}
