//! The rows of what is known of MCP calls.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::record::{ActivityId, Text};

/// The figures of MCP calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct CallFigures {
    /// Number of calls.
    pub count: u64,
    /// Number of failed calls.
    pub failed: u64,
    /// The median duration, in nanoseconds; `None` without durations.
    pub p50_ns: Option<u64>,
    /// The 95th percentile of durations, in nanoseconds.
    pub p95_ns: Option<u64>,
    /// When the last one started; `None` without calls.
    pub last_seen: Option<DateTime<Utc>>,
}

/// The calls of an MCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct McpServer {
    /// The name that it gives itself (`mcp.server.name`); `None` for calls that do not have it.
    pub name: Option<Text>,
    /// Its figures.
    #[serde(flatten)]
    pub figures: CallFigures,
}

/// The calls of one version of an MCP client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct McpClient {
    /// The name that it gives itself (`mcp.client.name`); `None` for calls that do not have it.
    pub name: Option<Text>,
    /// Its version (`mcp.client.version`).
    pub version: Option<Text>,
    /// Its figures.
    #[serde(flatten)]
    pub figures: CallFigures,
}

/// The calls of a tool, a prompt, or the resources with one scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct McpTool {
    /// The server (`mcp.server.name`), if calls have it.
    pub server: Option<Text>,
    /// The method (`mcp.method.name`): `tools/call`, `prompts/get` or `resources/read`.
    pub method: Text,
    /// The name of the activities.
    pub name: Text,
    /// Its figures.
    #[serde(flatten)]
    pub figures: CallFigures,
    /// Its most frequent error types, at most three.
    pub errors: Vec<ErrorTypeCount>,
    /// Number of its calls with a reason (`mcp.intent`).
    pub reasons: u64,
}

/// An error type with its number of failed calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ErrorTypeCount {
    /// The error type.
    pub error_type: Text,
    /// Number of failed calls.
    pub count: u64,
}

/// Reports of one tool that models missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct MissingTool {
    /// What was missing (`mcp.missing_tool`).
    pub text: Text,
    /// Number of reports.
    pub count: u64,
    /// When the last one started.
    pub last_seen: DateTime<Utc>,
    /// The last one.
    pub last: ActivityId,
}

/// The reason that a caller gave for a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct CallReason {
    /// The call.
    pub activity: ActivityId,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// The name of the call.
    pub name: Text,
    /// The reason (`mcp.intent`).
    pub text: Text,
    /// True if the call failed.
    pub failed: bool,
}
