//! Events in a list.

use serde_json::{Map, Value};
use tower_activity::{
    Result,
    query::ActivityReader,
    record::{EventRecord, Filter},
    store::Health,
};

use super::{
    ListedRecord,
    activities::{field, short, status, text},
    fields::{Field, Row},
};
use crate::{
    print::{
        human,
        status::{BOLD, DIM, named},
        table::{
            Align::{Left, Right},
            Cell,
            Shrink::{Hide, Never, Shorten, Truncate},
        },
    },
    short_id,
};

impl ListedRecord for EventRecord {
    const NOUN: &'static str = "event";
    const COMMAND: &'static str = "activity events 'type:*'";
    const EMPTY: &'static str =
        "no events yet: `log.event(…)` and `activity event TYPE SUMMARY` record them";
    const ATTRIBUTES: &'static str = "data";
    const COLUMNS: &'static [&'static str] = &[
        "id", "status", "age", "type", "count", "project", "actor", "ref", "summary",
    ];
    const FIELDS: &'static [Field<Self>] = &[
        field("id", &["id"], "ID", Left, Never, |row, context| {
            short(&row.record.id.to_string(), context).style(DIM)
        }),
        field("status", &["status"], "STATUS", Left, Shorten, |row, _| {
            status(row.record.status)
        }),
        field("age", &["at"], "WHEN", Right, Never, |row, context| {
            let one = &row.record;
            Cell::new(&human::when(one.at, one.ahead, context.now))
        }),
        field("at", &["at"], "AT", Left, Never, |row, context| {
            context.clock(row.record.at)
        }),
        field("type", &["type"], "TYPE", Left, Truncate(16), |row, _| {
            Cell::new(&named(&row.record.event_type)).style(BOLD)
        }),
        field("count", &["count"], "COUNT", Right, Never, |row, _| {
            // 1 is the default.
            match row.record.count {
                1 => Cell::default(),
                count => Cell::new(&human::count(count)),
            }
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
        field("actor", &["actor"], "ACTOR", Left, Hide(8), |row, _| {
            text(row.record.scope.actor.as_ref())
        }),
        field("brand", &["brand"], "BRAND", Left, Hide(8), |row, _| {
            text(row.record.scope.brand.as_ref())
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
            "ref",
            &["reference"],
            "REFERENCE",
            Left,
            Hide(8),
            |row, _| text(row.record.reference.as_ref()),
        ),
        field(
            "summary",
            &["summary"],
            "SUMMARY",
            Left,
            Truncate(16),
            |row, _| text(row.record.summary.as_ref()),
        ),
        field(
            "activity",
            &["activity"],
            "ACTIVITY",
            Left,
            Never,
            |row, _| {
                let activity = row.record.activity.map(|id| id.to_string());
                Cell::new(&activity.unwrap_or_default()).style(DIM)
            },
        ),
        field("data", &["data"], "DATA", Left, Truncate(16), |row, _| {
            let data = row.record.data.as_ref().map(ToString::to_string);
            Cell::new(&data.unwrap_or_default())
        }),
    ];

    fn list_filter(filter: Filter) -> Filter {
        filter.for_event_list()
    }

    fn total(health: &Health) -> u64 {
        health.events
    }

    fn attributes(&self) -> Option<&Map<String, Value>> {
        self.data.as_ref().and_then(Value::as_object)
    }

    fn id_width(_: &mut ActivityReader, rows: &[Row<Self>]) -> Result<usize> {
        Ok(short_id::width_among(rows.iter().map(|row| row.record.id)))
    }
}
