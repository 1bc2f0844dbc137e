//! `activity events`: newest first.

use chrono::{DateTime, Utc};
use tower_activity::{
    record::{EventRecord, Text},
    store::Health,
};

use crate::{
    list::shown_digits,
    listing::Listed,
    print::{
        human, status,
        table::{Align, Cell, Column, Narrow, Table},
    },
};

impl Listed for EventRecord {
    const ONE: &'static str = "event";
    const COMMAND: &'static str = "activity events";
    const NONE: &'static str =
        "no event is on record yet: `log.event(..)` and `activity event TYPE SUMMARY` record them";

    fn total(health: &Health) -> u64 {
        health.events
    }

    fn table(events: &[Self], now: DateTime<Utc>) -> Table {
        use Narrow::{Cut, Leaves, Stays};

        let mut table = Table::new(vec![
            Column::new("ID", Align::Left, Stays),
            Column::new("STATUS", Align::Left, Stays),
            Column::new("WHEN", Align::Right, Stays),
            Column::new("TYPE", Align::Left, Cut(16)),
            Column::new("COUNT", Align::Right, Stays),
            Column::new("PROJECT", Align::Left, Leaves(8)),
            Column::new("ACTOR", Align::Left, Leaves(8)),
            Column::new("REFERENCE", Align::Left, Leaves(8)),
            Column::new("SUMMARY", Align::Left, Cut(16)),
        ]);
        let text = |text: &Option<Text>| Cell::new(text.as_deref().unwrap_or_default());
        let ids: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
        let digits = shown_digits(&ids);
        for (event, id) in events.iter().zip(&ids) {
            let style = status::style(event.status);
            let sign = format!("{} {}", status::sign(event.status), event.status);
            // One is what an event tells of where nothing else is said.
            let count = match event.count {
                1 => String::new(),
                count => human::count(count),
            };
            table.row(vec![
                Cell::new(&id[..digits]).style(status::DIM),
                Cell::new(&sign).style(style),
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
