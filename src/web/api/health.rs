//! `api/health`: how the store stands, and where everything went.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;

use crate::{
    store::{Accounting, Health, Retention},
    web::{access::Granted, answer::Json, problem::Problem, router::App},
};

/// How it stands.
#[derive(Debug, Serialize)]
struct Answer {
    /// True when the numbers of all instances add up. Where something was lost they say so, with the reason.
    ok: bool,
    /// Where everything of this process's log went, up to now; `null` where a store is shown that others write.
    accounting: Option<Accounting>,
    /// How long this process's log keeps what; `null` where a store is shown that others write.
    retention: Option<Kept>,
    #[serde(flatten)]
    store: Health,
}

/// How many seconds records are kept; `null`: for ever.
#[derive(Debug, Serialize)]
struct Kept {
    activities_s: Option<u64>,
    events_s: Option<u64>,
    previews_s: Option<u64>,
    sums_s: Option<u64>,
}

impl From<Retention> for Kept {
    fn from(retention: Retention) -> Self {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
        Kept {
            activities_s: seconds(retention.activities),
            events_s: seconds(retention.events),
            previews_s: seconds(retention.previews),
            sums_s: seconds(retention.sums),
        }
    }
}

pub(super) async fn health(State(app): State<App>, granted: Granted) -> Result<Json, Problem> {
    granted.everything()?;
    let accounting = app.log.as_ref().map(|log| log.accounting());
    let retention = app.log.as_ref().and_then(|log| log.retention());
    let read = app.readers.ask(move |reader| {
        let store = reader.health()?;
        let ok = store.instances.iter().all(|one| one.accounting.adds_up());
        Json::of(&Answer {
            ok,
            accounting,
            retention: retention.map(Kept::from),
            store,
        })
    });
    read.await
}
