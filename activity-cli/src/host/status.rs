//! `activity host status`: shows when each source was last active and how long the host has been idle.

use std::io;

use chrono::{DateTime, Local, Utc};
use serde_json::{Map, Value, json};
use tower_activity::host::{ActivitySource, Idle, IdleMode, Markers};

use super::args::Status;
use crate::{
    failure::Failure,
    print::{
        self, human, json,
        status::{BOLD, DIM, styled},
        table::{Align, Cell, Column, Shrink, Table},
    },
};

pub(crate) fn run(args: &Status) -> Result<(), Failure> {
    let activity = args.host.activity()?;
    let markers = activity.markers()?;
    let now = Utc::now();
    let idle = markers.idle_for(&args.mode, now);
    if args.json {
        let directory = activity.directory().to_string_lossy();
        let status = to_json(&directory, &markers, &args.mode, idle);
        return Ok(json::line(&mut io::stdout().lock(), &status)?);
    }
    let mut text = table(&markers, &args.mode, now).render(print::width());
    let mode = styled(DIM, &format!("(mode {})", args.mode));
    text.push_str(&format!("\n{} {mode}\n", styled(BOLD, &describe(idle))));
    Ok(print::text(&text)?)
}

fn to_json(directory: &str, markers: &Markers, mode: &IdleMode, idle: Idle) -> Value {
    let times: Map<String, Value> = ActivitySource::ALL
        .into_iter()
        .map(|source| (source.to_string(), json!(markers.get(source))))
        .collect();
    let (state, seconds) = match idle {
        Idle::For(idle) => ("known", Some(idle.as_secs_f64())),
        Idle::Unknown => ("unknown", None),
        _ => ("never", None),
    };
    json!({
        "directory": directory,
        "mode": mode.to_string(),
        "idle": state,
        "idle_s": seconds,
        "markers": times,
    })
}

fn describe(idle: Idle) -> String {
    match idle {
        Idle::For(idle) => {
            let ns = u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX);
            format!("idle for {}", human::duration(ns))
        }
        Idle::Unknown => "idle time unknown: no marker counts in this mode".to_owned(),
        _ => "never idle".to_owned(),
    }
}

fn table(markers: &Markers, mode: &IdleMode, now: DateTime<Utc>) -> Table {
    use Shrink::Never;

    let mut table = Table::new(vec![
        Column::new("SOURCE", Align::Left, Never),
        Column::new("LAST", Align::Left, Never),
        Column::new("AGO", Align::Right, Never),
        Column::new("COUNTS", Align::Left, Never),
    ]);
    for source in ActivitySource::ALL {
        let at = markers.get(source);
        let last = at.map(|at| {
            at.with_timezone(&Local)
                .format("%Y-%m-%d %H:%M:%S")
                .to_string()
        });
        let ago = at.map(|at| human::ago(at, now));
        let counts = mode.sources().contains(&source);
        table.row(vec![
            Cell::new(source.as_str()).style(BOLD),
            Cell::new(last.as_deref().unwrap_or("-")),
            Cell::new(ago.as_deref().unwrap_or_default()),
            Cell::new(if counts { "✓" } else { "" }),
        ]);
    }
    table
}
