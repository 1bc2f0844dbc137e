//! `api/health`: how the store stands, and where everything went.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    store::{Accounting, Health, Retention},
    web::{access::Granted, answer::Json, problem::Problem, router::App},
};

/// How it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct HealthAnswer {
    /// True when the numbers of all instances add up. Where something was lost they say so, with the reason.
    ok: bool,
    /// Where everything of this process's log went, up to now; `null` where a store is shown that others write.
    accounting: Option<Accounting>,
    /// How long this process's log keeps what; `null` where a store is shown that others write.
    retention: Option<Retained>,
    #[serde(flatten)]
    store: Health,
}

/// How many seconds records are kept; `null`: for ever.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Retained {
    activities_s: Option<u64>,
    events_s: Option<u64>,
    previews_s: Option<u64>,
    sums_s: Option<u64>,
}

impl From<Retention> for Retained {
    fn from(retention: Retention) -> Self {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
        Retained {
            activities_s: seconds(retention.activities),
            events_s: seconds(retention.events),
            previews_s: seconds(retention.previews),
            sums_s: seconds(retention.sums),
        }
    }
}

#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, description = "How the store stands", body = HealthAnswer), Problem))]
pub(super) async fn health(State(app): State<App>, granted: Granted) -> Result<Json, Problem> {
    granted.everything()?;
    let accounting = app.log.as_ref().map(|log| log.accounting());
    let retention = app.log.as_ref().and_then(|log| log.retention());
    let read = app.readers.ask(move |reader| {
        let store = reader.health()?;
        let ok = store.instances.iter().all(|one| one.accounting.adds_up());
        Json::of(&HealthAnswer {
            ok,
            accounting,
            retention: retention.map(Retained::from),
            store,
        })
    });
    read.await
}
