//! `activity errors`: failures grouped by name, type and message.

use chrono::{DateTime, Utc};
use tower_activity::query::{ErrorGroup, Errors};

use crate::{
    args::Errors as Args,
    failure::Failure,
    print::{
        self, human,
        status::{BOLD, DIM, named, styled},
        table::{Align, Cell, Column, Shrink, Table},
    },
    source, stats,
};

pub(crate) fn run(store: &str, args: &Args) -> Result<(), Failure> {
    let mut reader = source::open(store)?;
    let now = reader.present()?;
    let (query, zone, _) = stats::query(args.window, now);
    let filter = source::filter(&args.filter, args.window.tz)?;
    let errors = reader.errors(&query.filter(filter), args.limit.get())?;
    stats::warn_of_unknown(errors.unknown.as_ref(), zone);
    if args.json {
        return stats::lines(&errors.groups);
    }
    let when = stats::describe_window(errors.window, zone);
    if errors.total == 0 {
        print::note(&format!("no errors, {when}"));
        return Ok(());
    }
    let mut text = format!("{}\n\n", print::wrapped(&summary(&errors, &when), 2));
    text.push_str(&table(&errors, now).render(print::width()));
    print::text(&text)?;
    if errors.others > 0 {
        let more = human::many(errors.others, "error", "errors");
        let more = format!("… and {more} in other groups: use --limit");
        print::note(&styled(DIM, &more));
    }
    Ok(())
}

/// Formats the sums: `12 errors in 3 groups, 2026-02-18 (UTC), 4 in the same part of the previous window`.
pub(crate) fn summary(errors: &Errors, when: &str) -> String {
    let before = match errors.previous {
        Some(before) => format!(
            ", {} in the same part of the previous window",
            human::count(before)
        ),
        None => String::new(),
    };
    format!(
        "{} in {}, {when}{before}",
        human::many(errors.total, "error", "errors"),
        human::many(errors.group_count, "group", "groups"),
    )
}

fn table(errors: &Errors, now: DateTime<Utc>) -> Table {
    use Shrink::{Drop, Never, Truncate};

    let mut table = Table::new(vec![
        Column::new("COUNT", Align::Right, Never),
        Column::new("BEFORE", Align::Right, Drop),
        Column::new("LAST", Align::Right, Never),
        Column::new("FIRST", Align::Right, Drop),
        // Names a group to other commands.
        Column::new("FINGERPRINT", Align::Left, Never),
        Column::new("NAME", Align::Left, Truncate(12)),
        Column::new("ERROR", Align::Left, Truncate(16)),
    ]);
    for group in &errors.groups {
        let before = match (group.is_new, group.previous) {
            (Some(true), _) => String::from("new"),
            (_, None) => String::from("–"),
            (_, Some(before)) => human::count(before),
        };
        table.row(vec![
            Cell::new(&human::count(group.count)).style(BOLD),
            Cell::new(&before),
            Cell::new(&human::ago(group.last_seen, now)),
            Cell::new(&human::ago(group.first_seen, now)),
            Cell::new(&group.fingerprint.to_string()).style(DIM),
            Cell::new(&named(&group.name)).style(BOLD),
            Cell::new(&describe(group)),
        ]);
    }
    table
}

/// Formats type and message: `tool_error: no such user …`.
pub(crate) fn describe(group: &ErrorGroup) -> String {
    let texts = [group.error_type.as_deref(), group.message.as_deref()];
    let texts: Vec<_> = texts.into_iter().flatten().collect();
    texts.join(": ")
}
