//! `activity events`: lists events, newest first.

use chrono::{DateTime, Utc};
use tower_activity::{
    record::{EventRecord, Filter, Text},
    store::Health,
};

use crate::{
    list::id_width,
    listing::ListedRecord,
    print::{
        human, status,
        table::{Align, Cell, Column, Shrink, Table},
    },
};

impl ListedRecord for EventRecord {
    const NOUN: &'static str = "event";
    const COMMAND: &'static str = "activity events 'type:*'";
    const EMPTY: &'static str =
        "no events yet: `log.event(…)` and `activity event TYPE SUMMARY` record them";

    fn list_filter(filter: Filter) -> Filter {
        filter.for_event_list()
    }

    fn total(health: &Health) -> u64 {
        health.events
    }

    fn table(events: &[Self], now: DateTime<Utc>) -> Table {
        use Shrink::{Hide, Never, Truncate};

        let mut table = Table::new(vec![
            Column::new("ID", Align::Left, Never),
            Column::new("STATUS", Align::Left, Never),
            Column::new("WHEN", Align::Right, Never),
            Column::new("TYPE", Align::Left, Truncate(16)),
            Column::new("COUNT", Align::Right, Never),
            Column::new("PROJECT", Align::Left, Hide(8)),
            Column::new("ACTOR", Align::Left, Hide(8)),
            Column::new("REFERENCE", Align::Left, Hide(8)),
            Column::new("SUMMARY", Align::Left, Truncate(16)),
        ]);
        let text = |text: &Option<Text>| Cell::new(text.as_deref().unwrap_or_default());
        let ids: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
        let width = id_width(&ids);
        for (event, id) in events.iter().zip(&ids) {
            let style = status::style(event.status);
            let state = format!("{} {}", status::sign(event.status), event.status);
            // 1 is the default.
            let count = match event.count {
                1 => String::new(),
                count => human::count(count),
            };
            table.row(vec![
                Cell::new(&id[..width]).style(status::DIM),
                Cell::new(&state).style(style),
                Cell::new(&human::when(event.at, event.ahead, now)),
                Cell::new(&event.event_type).style(status::BOLD),
                Cell::new(&count),
                text(&event.scope.project),
                text(&event.scope.actor),
                text(&event.reference),
                text(&event.summary),
            ]);
        }
        table
    }
}
