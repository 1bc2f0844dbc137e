//! An activity as it is read back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::record::{ActivityId, InstanceId, Kind, Scope, SpanId, Status, Text, TraceId};

/// An activity as it is read back: from the API, the CLI's `--json`, an export.
///
/// Every field is always present in JSON, `null` where nothing is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ActivityRecord {
    /// Its id, which sorts by start.
    pub id: ActivityId,
    /// The activity that it ran inside of.
    pub parent: Option<ActivityId>,
    /// The outermost activity of its tree; its own id where it has no parent.
    pub root: ActivityId,
    /// The trace that it belongs to: its root's id, unless that continues another trace.
    pub trace_id: TraceId,
    /// Its step of the trace: a part of its id, unless a tracing system gave it another one.
    pub span_id: SpanId,
    /// The step of another program that it comes from, as that program said.
    pub remote_parent: Option<SpanId>,
    /// What sort of work it is.
    pub kind: Kind,
    /// What it is called: a tool's name, a route, a job.
    pub name: Text,
    /// How it stands or ended.
    pub status: Status,
    /// For failures: `panic`, `timeout`, `denied`, `tool_error`, or a code.
    pub error_type: Option<Text>,
    /// What the error said.
    pub message: Option<Text>,
    /// When it started, UTC, to the microsecond.
    pub started_at: DateTime<Utc>,
    /// When it ended: the start plus the duration. `None` while it runs and when it was abandoned.
    pub ended_at: Option<DateTime<Utc>>,
    /// How long it took in nanoseconds, by a monotonic clock. `None` while it runs and when it was abandoned.
    pub duration_ns: Option<u64>,
    /// For whom and where.
    #[serde(flatten)]
    pub scope: Scope,
    /// The open log that recorded it.
    pub instance: InstanceId,
    /// What the code said about it, redacted.
    #[cfg_attr(feature = "web", schema(value_type = Object))]
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// True when an attribute was refused because a limit was reached.
    pub truncated: bool,
    /// What it was given, where previews are on.
    pub input: Option<Preview>,
    /// What it gave back, where previews are on.
    pub output: Option<Preview>,
    /// True when a recording is linked to it.
    #[serde(default)]
    pub has_recording: bool,
    /// True when it is dated ahead of the present as its reader knows it: some clock was wrong. Lists show it last.
    #[serde(default)]
    pub ahead: bool,
    /// Its place in the order of commits; `None` while it is not in the table of ended activities.
    pub seq: Option<i64>,
}

/// A payload as it was kept: redacted, then capped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Preview {
    /// The redacted, possibly capped text: JSON where the payload was JSON and nothing was cut off.
    pub text: String,
    /// The size of the payload in bytes before redaction and capping. Where it was capped, it is at least so large: the
    /// rest is not serialized to be counted.
    pub bytes: u64,
    /// True when the text was capped.
    pub truncated: bool,
}

impl ActivityRecord {
    /// An activity that runs, began with its id and is the root of its tree; all else can be set.
    pub fn new(id: ActivityId, kind: Kind, name: impl Into<Text>, instance: InstanceId) -> Self {
        ActivityRecord {
            id,
            parent: None,
            root: id,
            trace_id: TraceId::from_root(id),
            span_id: SpanId::from_activity(id),
            remote_parent: None,
            kind,
            name: name.into(),
            status: Status::Running,
            error_type: None,
            message: None,
            started_at: id.started_at(),
            ended_at: None,
            duration_ns: None,
            scope: Scope::default(),
            instance,
            attributes: serde_json::Map::new(),
            truncated: false,
            input: None,
            output: None,
            has_recording: false,
            ahead: false,
            seq: None,
        }
    }
}

impl Preview {
    /// Keeps a text that has been redacted and capped already.
    pub fn new(text: String, bytes: u64, truncated: bool) -> Self {
        Preview {
            text,
            bytes,
            truncated,
        }
    }
}
