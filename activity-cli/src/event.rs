//! `activity event`: records one event, for scripts and hooks.

use serde_json::json;
use tower_activity::{ActivityLog, Error};

use crate::{
    args::Event,
    failure::Failure,
    print::{self, json},
    source,
};

pub(crate) fn run(store: &str, args: &Event) -> Result<(), Failure> {
    let data = args.data.as_deref().map(parse_json).transpose()?;
    let status = args.status.parse()?;
    let log = ActivityLog::open(source::path_or(
        store,
        "record into a file that is forwarded to it, with `--store FILE`",
    )?)?;
    let mut event = log
        .event(&args.event_type)
        .summary(&args.summary)
        .status(status)
        .count(args.count);
    type Set = fn(tower_activity::Event, String) -> tower_activity::Event;
    let texts: [(&Option<String>, Set); 9] = [
        (&args.project, |event, text| event.project(text)),
        (&args.agent, |event, text| event.agent(text)),
        (&args.actor, |event, text| event.actor(text)),
        (&args.brand, |event, text| event.brand(text)),
        (&args.environment, |event, text| event.environment(text)),
        (&args.session, |event, text| event.session(text)),
        (&args.request, |event, text| event.request(text)),
        (&args.reference, |event, text| event.reference(text)),
        (&args.dedup_key, |event, text| event.dedup_key(text)),
    ];
    for (text, set) in texts {
        if let Some(text) = text {
            event = set(event, text.clone());
        }
    }
    if let Some(data) = data {
        event = event.data(data);
    }
    let id = event.record().committed().wait()?;
    let shutdown = log.shutdown().wait();
    // Only a disabled log returns no ID.
    match args.json {
        true => json::print(&json!({"id": id}))?,
        false => print::text(&id.map(|id| format!("{id}\n")).unwrap_or_default())?,
    }
    if let Err(error) = shutdown {
        // Not a failure: a script would repeat the command and record the event twice.
        print::note(&format!(
            "note: the event is recorded, but the log could not be shut down: {error}"
        ));
    }
    Ok(())
}

fn parse_json(text: &str) -> Result<serde_json::Value, Error> {
    serde_json::from_str(text).map_err(|cause| {
        Error::new(
            tower_activity::ErrorKind::Invalid,
            format!("cannot parse --data {text:?} as JSON"),
        )
        .with_source(cause)
    })
}
