//! Imports old records with traces of their own.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tower_activity::{import::Import, redact::Redactor, store::sqlite::SqliteStore};

use crate::golden::texts::{AGENTS, NAMES};

/// When the first imported activity started.
const IMPORTED: &str = "2025-12-01T06:00:00Z";

/// Imports an export with old activities, traces, an abandoned activity, and events.
pub fn import(path: &Path) {
    let store = SqliteStore::new(path).unwrap();
    let mut import = Import::new(&store, Redactor::new()).unwrap();
    let start: DateTime<Utc> = IMPORTED.parse().unwrap();
    for n in 0..24_u64 {
        let at = start + TimeDelta::hours(6 * n as i64);
        // Some have an id that does not fit their time.
        let id = id_at(at + TimeDelta::milliseconds(i64::from(n % 6 == 5)), n);
        let abandoned = n % 8 == 7;
        let line = json!({
            "id": id, "parent": null, "root": id, "trace_id": id.replace('-', ""),
            "span_id": if n % 3 == 0 { format!("{:016x}", n + 1) } else { id.replace('-', "")[16..].to_owned() },
            "remote_parent": null, "kind": "job", "name": format!("nightly {}", NAMES[n as usize]),
            "status": if abandoned { "abandoned" } else { "success" }, "error_type": null, "message": null,
            "started_at": at, "ended_at": null, "duration_ns": if abandoned { None } else { Some(n * 1_000_003) },
            "project": "acme", "agent": AGENTS[n as usize % 5], "actor": null, "brand": null, "environment": null,
            "session": null, "request": null, "instance": id, "attributes": {"night": n}, "truncated": false,
            "input": null, "output": {"text": "done", "bytes": 4, "truncated": false}, "has_recording": false,
            "seq": null,
        });
        import.line(&line.to_string()).unwrap();
        let event = json!({
            "id": id_at(at, 1_000 + n), "at": at, "type": "nightly", "status": "success", "summary": "ran",
            "count": n, "reference": null, "data": null, "activity": id, "project": "acme", "agent": null,
            "actor": null, "brand": null, "environment": null, "session": null, "request": null,
            "dedup_key": format!("night {n}"), "truncated": false, "instance": id, "seq": 1,
        });
        import.line(&event.to_string()).unwrap();
    }
    import.finish().unwrap();
}

/// An id with a start time.
fn id_at(at: DateTime<Utc>, number: u64) -> String {
    let hex = format!("{:012x}", at.timestamp_millis());
    format!("{}-{}-7000-8000-{number:012x}", &hex[..8], &hex[8..])
}
