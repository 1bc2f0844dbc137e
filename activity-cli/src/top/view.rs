//! One view: text for a terminal, or JSON.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tower_activity::{Status, record::ActivityRecord};

use super::rates::{OfName, Rates, WINDOW};
use crate::print::{
    human, safe,
    status::{self, BOLD, DIM, elapsed, named, styled},
    table::{Align, Cell, Column, Shrink, Table},
};

/// Rows of each part, where the height is not limited.
const ROWS: usize = 10;
/// Lines around the rows of the parts: the summary, and for each part an empty line and the titles of its columns.
const AROUND: usize = 1 + 3 * 2;

#[derive(Debug, Serialize)]
pub(super) struct View {
    store: String,
    at: DateTime<Utc>,
    /// Calls that ended per second, in the last minute.
    per_second: f64,
    ended: u64,
    failed: u64,
    /// True if there are more: these are the newest.
    more_ended: bool,
    /// The number of running activities, at the least.
    running_count: usize,
    more_running: bool,
    /// The oldest first.
    running: Vec<ActivityRecord>,
    /// The slowest first.
    names: Vec<OfName>,
    /// The newest first.
    failures: Vec<ActivityRecord>,
    /// Why it is not up to date.
    #[serde(skip)]
    pub(super) notice: Option<String>,
}

impl View {
    pub(super) fn new(
        store: &str,
        at: DateTime<Utc>,
        running: Vec<ActivityRecord>,
        more_running: bool,
        rates: &Rates,
    ) -> Self {
        let (ended, failed) = rates.counts();
        View {
            store: store.to_owned(),
            at,
            per_second: ended as f64 / WINDOW.as_seconds_f64(),
            ended,
            failed,
            more_ended: rates.is_partial,
            running_count: running.len(),
            more_running,
            running,
            names: rates.slowest(),
            failures: rates.failures.iter().rev().cloned().collect(),
            notice: None,
        }
    }

    /// Formats the view for a width, and for a height if it is limited.
    pub(super) fn render(&self, width: Option<usize>, height: Option<usize>) -> String {
        let [running, names, failures] = self.rows(height);
        let mut text = format!("{}\n", self.summary(width));
        if let Some(notice) = &self.notice {
            let notice = safe::truncate(&safe::line(notice), width.unwrap_or(usize::MAX));
            text.push_str(&format!(
                "{}\n",
                styled(status::style(Status::Failed), &notice)
            ));
        }
        let parts = [
            (self.running.is_empty(), self.running_table(running)),
            (self.names.is_empty(), self.names_table(names)),
            (self.failures.is_empty(), self.failures_table(failures)),
        ];
        for (is_empty, table) in parts {
            if !is_empty {
                text.push('\n');
                text.push_str(&table.render(width));
            }
        }
        match height {
            None => text,
            Some(height) => {
                let lines: Vec<_> = text.lines().take(height).collect();
                lines.join("\n")
            }
        }
    }

    /// Shares the lines: each part gets a third, and what another one does not need.
    fn rows(&self, height: Option<usize>) -> [usize; 3] {
        let needed = [self.running.len(), self.names.len(), self.failures.len()];
        let Some(height) = height else {
            return [ROWS; 3];
        };
        let mut rows = [0; 3];
        let mut left = height.saturating_sub(AROUND);
        while left > 0 {
            let Some(at) = (0..3)
                .filter(|at| rows[*at] < needed[*at])
                .min_by_key(|at| rows[*at])
            else {
                break;
            };
            rows[at] += 1;
            left -= 1;
        }
        rows
    }

    /// Formats the counts: `12.3/s, 738 ended and 12 failed in the last minute, 5 running`.
    fn summary(&self, width: Option<usize>) -> String {
        let plus = |more| if more { "+" } else { "" };
        let (more, ended) = (plus(self.more_running), plus(self.more_ended));
        let running = human::count(self.running_count as u64);
        let facts = format!(
            "{:.1}{ended} calls/s, {}{ended} failed of {}{ended} in a minute, {running}{more} running",
            self.per_second,
            human::count(self.failed),
            human::count(self.ended),
        );
        let store = safe::line(&self.store);
        let room = width.map_or(usize::MAX, |width| width.saturating_sub(facts.len() + 2));
        let store = match room {
            0..4 => String::new(),
            room => format!("  {}", safe::truncate(&store, room)),
        };
        format!("{}{}", styled(BOLD, &facts), styled(DIM, &store))
    }

    fn running_table(&self, rows: usize) -> Table {
        use Shrink::{Hide, Never, Truncate};

        let mut table = Table::new(vec![
            Column::new("RUNNING", Align::Left, Truncate(16)),
            Column::new("FOR", Align::Right, Never),
            Column::new("KIND", Align::Left, Hide(8)),
            Column::new("PROJECT", Align::Left, Hide(8)),
            Column::new("AGENT", Align::Left, Hide(8)),
            Column::new("ACTOR", Align::Left, Hide(8)),
        ]);
        let text = |text: &Option<tower_activity::record::Text>| {
            Cell::new(text.as_deref().unwrap_or_default())
        };
        for one in self.running.iter().take(rows) {
            let took = human::duration(human::since(one.started_at, self.at));
            table.row(vec![
                Cell::new(&named(&one.name)).style(BOLD),
                Cell::new(&took).style(status::style(one.status)),
                Cell::new(one.kind.as_str()),
                text(&one.scope.project),
                text(&one.scope.agent),
                text(&one.scope.actor),
            ]);
        }
        table
    }

    fn names_table(&self, rows: usize) -> Table {
        use Shrink::{Drop, Never, Truncate};

        let mut table = Table::new(vec![
            Column::new("SLOWEST", Align::Left, Truncate(16)),
            Column::new("CALLS", Align::Right, Never),
            Column::new("FAILED", Align::Right, Never),
            Column::new("MEAN", Align::Right, Drop),
            Column::new("P95", Align::Right, Never),
            Column::new("LONGEST", Align::Right, Drop),
        ]);
        let duration = |ns: Option<u64>| Cell::new(&ns.map(human::duration).unwrap_or_default());
        for one in self.names.iter().take(rows) {
            let failed = match one.failed {
                0 => String::new(),
                failed => human::count(failed),
            };
            table.row(vec![
                Cell::new(&named(&one.name)).style(BOLD),
                Cell::new(&human::count(one.calls)),
                Cell::new(&failed),
                duration(one.mean_ns),
                duration(one.p95_ns),
                duration(one.max_ns),
            ]);
        }
        table
    }

    fn failures_table(&self, rows: usize) -> Table {
        use Shrink::{Hide, Never, Truncate};

        let mut table = Table::new(vec![
            Column::new("FAILED", Align::Left, Truncate(16)),
            Column::new("ENDED", Align::Right, Never),
            Column::new("DURATION", Align::Right, Never),
            Column::new("PROJECT", Align::Left, Hide(8)),
            Column::new("ERROR", Align::Left, Truncate(12)),
        ]);
        for one in self.failures.iter().take(rows) {
            let style = status::style(one.status);
            table.row(vec![
                Cell::new(&named(&one.name)).style(BOLD),
                Cell::new(&human::ago(one.ended_at.unwrap_or(one.started_at), self.at)),
                Cell::new(&elapsed(one, self.at)),
                Cell::new(one.scope.project.as_deref().unwrap_or_default()),
                Cell::new(&status::error(one)).style(style),
            ]);
        }
        table
    }
}
