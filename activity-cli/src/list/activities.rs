//! Activities in a list.

use serde_json::{Map, Value};
use tower_activity::{
    Result, Status,
    query::ActivityReader,
    record::{ActivityRecord, Text},
    store::{Descendants, Health},
};

use super::{
    ListedRecord,
    fields::{Context, Field, Row},
};
use crate::{
    print::{
        human,
        status::{self, BOLD, DIM, named},
        table::{
            Align::{self, Left, Right},
            Cell,
            Shrink::{self, Drop, Hide, Never, Shorten, Truncate},
        },
    },
    short_id,
};

impl ListedRecord for ActivityRecord {
    const NOUN: &'static str = "activity";
    const COMMAND: &'static str = "activity list --all";
    const EMPTY: &'static str =
        "no activities yet: calls appear here once a service runs under an ActivityLayer";
    const ATTRIBUTES: &'static str = "attributes";
    const COLUMNS: &'static [&'static str] = &[
        "id", "status", "age", "duration", "inside", "kind", "name", "project", "brand", "actor",
        "error",
    ];
    const FIELDS: &'static [Field<Self>] = &[
        field("id", &["id"], "ID", Left, Never, |row, context| {
            short(&row.record.id.to_string(), context).style(DIM)
        }),
        field("status", &["status"], "STATUS", Left, Shorten, |row, _| {
            status(row.record.status)
        }),
        field(
            "age",
            &["started_at"],
            "STARTED",
            Right,
            Never,
            |row, context| {
                let one = &row.record;
                Cell::new(&human::when(one.started_at, one.ahead, context.now))
            },
        ),
        field(
            "started",
            &["started_at"],
            "STARTED",
            Left,
            Never,
            |row, context| context.clock(row.record.started_at),
        ),
        field(
            "ended",
            &["ended_at"],
            "ENDED",
            Left,
            Never,
            |row, context| {
                let ended = row.record.ended_at;
                ended.map(|at| context.clock(at)).unwrap_or_default()
            },
        ),
        field(
            "duration",
            &["duration_ns"],
            "DURATION",
            Right,
            Never,
            |row, context| Cell::new(&status::elapsed(&row.record, context.now)),
        ),
        field(
            "inside",
            &["descendants"],
            "INSIDE",
            Left,
            Shorten,
            |row, _| row.descendants.as_ref().map(inside).unwrap_or_default(),
        ),
        field("kind", &["kind"], "KIND", Left, Hide(8), |row, _| {
            Cell::new(row.record.kind.as_str())
        }),
        field("name", &["name"], "NAME", Left, Truncate(16), |row, _| {
            Cell::new(&named(&row.record.name)).style(BOLD)
        }),
        field(
            "project",
            &["project"],
            "PROJECT",
            Left,
            Hide(8),
            |row, _| text(row.record.scope.project.as_ref()),
        ),
        field("agent", &["agent"], "AGENT", Left, Hide(8), |row, _| {
            text(row.record.scope.agent.as_ref())
        }),
        field("brand", &["brand"], "BRAND", Left, Hide(8), |row, _| {
            text(row.record.scope.brand.as_ref())
        }),
        field("actor", &["actor"], "ACTOR", Left, Hide(8), |row, _| {
            text(row.record.scope.actor.as_ref())
        }),
        field(
            "environment",
            &["environment"],
            "ENVIRONMENT",
            Left,
            Hide(8),
            |row, _| text(row.record.scope.environment.as_ref()),
        ),
        field(
            "session",
            &["session"],
            "SESSION",
            Left,
            Hide(8),
            |row, _| text(row.record.scope.session.as_ref()),
        ),
        field(
            "request",
            &["request"],
            "REQUEST",
            Left,
            Hide(8),
            |row, _| text(row.record.scope.request.as_ref()),
        ),
        field(
            "error",
            &["error_type", "message"],
            "ERROR",
            Left,
            Truncate(12),
            |row, _| {
                let style = status::style(row.record.status);
                Cell::new(&status::error(&row.record)).style(style)
            },
        ),
        field(
            "message",
            &["message"],
            "MESSAGE",
            Left,
            Truncate(12),
            |row, _| text(row.record.message.as_ref()),
        ),
        field("parent", &["parent"], "PARENT", Left, Never, |row, _| {
            let parent = row.record.parent.map(|id| id.to_string());
            Cell::new(&parent.unwrap_or_default()).style(DIM)
        }),
        field("root", &["root"], "ROOT", Left, Never, |row, _| {
            Cell::new(&row.record.root.to_string()).style(DIM)
        }),
        field("trace", &["trace_id"], "TRACE", Left, Never, |row, _| {
            Cell::new(&row.record.trace_id.to_string()).style(DIM)
        }),
        field(
            "recording",
            &["has_recording"],
            "RECORDING",
            Left,
            Drop,
            |row, _| Cell::new(if row.record.has_recording { "yes" } else { "" }),
        ),
    ];

    fn total(health: &Health) -> u64 {
        health.activities + health.running + health.abandoned
    }

    fn attributes(&self) -> Option<&Map<String, Value>> {
        Some(&self.attributes)
    }

    fn id_width(reader: &mut ActivityReader, rows: &[Row<Self>]) -> Result<usize> {
        short_id::width(reader, rows.iter().map(|row| &row.record))
    }
}

/// Returns a field; shorter than its struct, of which there are many.
pub(super) const fn field<R>(
    name: &'static str,
    keys: &'static [&'static str],
    title: &'static str,
    align: Align,
    shrink: Shrink,
    cell: fn(&Row<R>, &Context) -> Cell,
) -> Field<R> {
    Field {
        name,
        keys,
        title,
        align,
        shrink,
        cell,
    }
}

/// Returns the first characters of an ID.
pub(super) fn short(id: &str, context: &Context) -> Cell {
    Cell::new(id.get(..context.id_width).unwrap_or(id))
}

/// Returns a cell with the sign and the word of a status; in short the sign.
pub(super) fn status(of: Status) -> Cell {
    let sign = status::sign(of);
    Cell::new(&format!("{sign} {of}"))
        .short(sign)
        .style(status::style(of))
}

pub(super) fn text(text: Option<&Text>) -> Cell {
    Cell::new(text.map_or("", |text| text.as_str()))
}

/// Formats the number of descendants, and the worst of them: `12`, `1,000+, 3 failed`, `2, cancelled`; in short `12 ✗3`.
fn inside(of: &Descendants) -> Cell {
    let more = |number: u64| {
        if of.more && number == of.count {
            "+"
        } else {
            ""
        }
    };
    let all = format!("{}{}", human::count(of.count), more(of.count));
    let failed = format!("{}{}", human::count(of.failed), more(of.failed));
    let sign = status::sign(of.worst);
    let cell = match of.worst {
        Status::Success => Cell::new(&all),
        Status::Failed => {
            Cell::new(&format!("{all}, {failed} failed")).short(&format!("{all} {sign}{failed}"))
        }
        worst => Cell::new(&format!("{all}, {worst}")).short(&format!("{all} {sign}")),
    };
    cell.style(match of.worst {
        Status::Success => DIM,
        worst => status::style(worst),
    })
}
