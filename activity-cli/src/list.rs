//! `activity list`: lists activities, newest first.

use chrono::{DateTime, Utc};
use tower_activity::{
    record::{ActivityRecord, Text},
    store::Health,
};

use crate::{
    listing::ListedRecord,
    print::{
        human, status,
        table::{Align, Cell, Column, Shrink, Table},
    },
};

/// Characters of an ID that distinguish activities, unless they started within the same quarter of a microsecond.
const SHORT_ID: usize = 18;

impl ListedRecord for ActivityRecord {
    const NOUN: &'static str = "activity";
    const COMMAND: &'static str = "activity list";
    const EMPTY: &'static str =
        "no activities yet: calls appear here once a service runs under an ActivityLayer";

    fn total(health: &Health) -> u64 {
        health.activities + health.running + health.abandoned
    }

    fn table(activities: &[Self], now: DateTime<Utc>) -> Table {
        use Shrink::{Hide, Never, Truncate};

        let mut table = Table::new(vec![
            Column::new("ID", Align::Left, Never),
            Column::new("STATUS", Align::Left, Never),
            Column::new("STARTED", Align::Right, Never),
            Column::new("DURATION", Align::Right, Never),
            Column::new("KIND", Align::Left, Hide(8)),
            Column::new("NAME", Align::Left, Truncate(16)),
            Column::new("PROJECT", Align::Left, Hide(8)),
            Column::new("BRAND", Align::Left, Hide(8)),
            Column::new("ACTOR", Align::Left, Hide(8)),
            Column::new("ERROR", Align::Left, Truncate(12)),
        ]);
        let text = |text: &Option<Text>| Cell::new(text.as_deref().unwrap_or_default());
        let ids = activities.iter().map(|activity| activity.id.to_string());
        let ids: Vec<String> = ids.collect();
        let width = id_width(&ids);
        for (activity, id) in activities.iter().zip(&ids) {
            let style = status::style(activity.status);
            table.row(vec![
                Cell::new(&id[..width]).style(status::DIM),
                Cell::new(&format!(
                    "{} {}",
                    status::sign(activity.status),
                    activity.status
                ))
                .style(style),
                Cell::new(&human::when(activity.started_at, activity.ahead, now)),
                Cell::new(&status::elapsed(activity, now)),
                Cell::new(activity.kind.as_str()),
                Cell::new(&activity.name).style(status::BOLD),
                text(&activity.scope.project),
                text(&activity.scope.brand),
                text(&activity.scope.actor),
                Cell::new(&status::error(activity)).style(style),
            ]);
        }
        table
    }
}

/// Returns how many characters of the IDs to show, so that no two on the page look alike.
pub(crate) fn id_width(ids: &[String]) -> usize {
    // Sorted, so the longest common prefix is that of neighbours.
    let common = ids.windows(2).map(|pair| {
        let same = pair[0].bytes().zip(pair[1].bytes());
        same.take_while(|(a, b)| a == b).count()
    });
    common
        .max()
        .map_or(SHORT_ID, |common| SHORT_ID.max(common + 1))
}
