//! Activities as they are read back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::record::{ActivityId, InstanceId, Kind, Scope, SpanId, Status, Text, TraceId};

/// An activity as it is read back: by the library, the API, `--json` of the command, or an export.
///
/// In JSON every field is present; unknown ones are `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ActivityRecord {
    /// Its id, which sorts by start.
    pub id: ActivityId,
    /// The activity that it ran in.
    pub parent: Option<ActivityId>,
    /// The outermost activity of its tree; its own id if it has no parent.
    pub root: ActivityId,
    /// The trace that it belongs to: its root's id, unless the root continues another trace.
    pub trace_id: TraceId,
    /// Its span in the trace: the second half of its id, unless a tracing system assigned another one.
    pub span_id: SpanId,
    /// The parent span in another process, as that process sent it.
    pub remote_parent: Option<SpanId>,
    /// The kind of work.
    pub kind: Kind,
    /// The name: of a tool, a route, a job.
    pub name: Text,
    /// Its status.
    pub status: Status,
    /// For failures: `panic`, `timeout`, `denied`, `tool_error`, or a code.
    pub error_type: Option<Text>,
    /// The message of the error.
    pub message: Option<Text>,
    /// When it started, UTC, to the microsecond.
    pub started_at: DateTime<Utc>,
    /// When it ended: the start plus the duration. `None` while it runs and if it was abandoned.
    pub ended_at: Option<DateTime<Utc>>,
    /// The duration in nanoseconds, by a monotonic clock. `None` while it runs and if it was abandoned.
    pub duration_ns: Option<u64>,
    /// Its scope: project, agent, actor and so on.
    #[serde(flatten)]
    pub scope: Scope,
    /// The instance that recorded it.
    pub instance: InstanceId,
    /// Its attributes, redacted.
    #[cfg_attr(feature = "web", schema(value_type = Object))]
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// True if an attribute was rejected because a limit was reached.
    pub truncated: bool,
    /// The preview of its input, if captured.
    pub input: Option<Preview>,
    /// The preview of its output, if captured.
    pub output: Option<Preview>,
    /// True if a recording is linked to it.
    #[serde(default)]
    pub has_recording: bool,
    /// True if it is dated after the reader's present, because a clock was wrong. Lists show it last.
    #[serde(default)]
    pub ahead: bool,
    /// Its position in commit order; `None` until its end is committed.
    pub seq: Option<i64>,
}

/// A stored payload: redacted, then capped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Preview {
    /// The redacted text; JSON if the payload was JSON and the text is not capped.
    pub text: String,
    /// The size of the payload in bytes before redaction and capping. A lower bound if the text is capped: the rest is not
    /// serialized just to be counted.
    pub bytes: u64,
    /// True if the text is capped.
    pub truncated: bool,
}

impl ActivityRecord {
    /// Creates a running root activity that started at the time of its id. Set the other fields as needed.
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
    /// Creates a preview from a text that has already been redacted and capped.
    pub fn new(text: String, bytes: u64, truncated: bool) -> Self {
        Preview {
            text,
            bytes,
            truncated,
        }
    }
}
