//! `activity list`: newest first.

use chrono::{DateTime, Utc};
use tower_activity::{
    record::{ActivityRecord, Text},
    store::Health,
};

use crate::{
    listing::Listed,
    print::{
        human, status,
        table::{Align, Cell, Column, Narrow, Table},
    },
};

/// So much of an id tells activities apart that did not start within the same quarter of a microsecond.
const SHORT_ID: usize = 18;

impl Listed for ActivityRecord {
    const ONE: &'static str = "activity";
    const COMMAND: &'static str = "activity list";
    const NONE: &'static str = "no activity is on record yet: calls appear here as soon as a service runs under an ActivityLayer";

    fn total(health: &Health) -> u64 {
        health.activities + health.running + health.abandoned
    }

    fn table(activities: &[Self], now: DateTime<Utc>) -> Table {
        use Narrow::{Cut, Leaves, Stays};

        let mut table = Table::new(vec![
            Column::new("ID", Align::Left, Stays),
            Column::new("STATUS", Align::Left, Stays),
            Column::new("STARTED", Align::Right, Stays),
            Column::new("DURATION", Align::Right, Stays),
            Column::new("KIND", Align::Left, Leaves(8)),
            Column::new("NAME", Align::Left, Cut(16)),
            Column::new("PROJECT", Align::Left, Leaves(8)),
            Column::new("BRAND", Align::Left, Leaves(8)),
            Column::new("ACTOR", Align::Left, Leaves(8)),
            Column::new("ERROR", Align::Left, Cut(12)),
        ]);
        let text = |text: &Option<Text>| Cell::new(text.as_deref().unwrap_or_default());
        let ids = activities.iter().map(|activity| activity.id.to_string());
        let ids: Vec<String> = ids.collect();
        let digits = shown_digits(&ids);
        for (activity, id) in activities.iter().zip(&ids) {
            let style = status::style(activity.status);
            table.row(vec![
                Cell::new(&id[..digits]).style(status::DIM),
                Cell::new(&format!(
                    "{} {}",
                    status::sign(activity.status),
                    activity.status
                ))
                .style(style),
                Cell::new(&human::when(activity.started_at, activity.ahead, now)),
                Cell::new(&status::took(activity, now)),
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

/// How much of the ids is shown, so that no two on this page look alike.
pub(crate) fn shown_digits(ids: &[String]) -> usize {
    // Sorted, so those with the longest common beginning are neighbours.
    let common = ids.windows(2).map(|pair| {
        let same = pair[0].bytes().zip(pair[1].bytes());
        same.take_while(|(a, b)| a == b).count()
    });
    common
        .max()
        .map_or(SHORT_ID, |common| SHORT_ID.max(common + 1))
}
