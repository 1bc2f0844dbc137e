//! `api/health`: how the store stands, and where everything went.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

#[cfg(feature = "webhook")]
use crate::notify::WebhookStatus;
use crate::{
    log::ActivityLog,
    store::{Accounting, Health, Keep},
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
    /// Every webhook that is kept beside the store; `null` where they cannot be read, and the server's log says why. The
    /// `url` says which host it is: more of it may be a secret.
    #[cfg(feature = "webhook")]
    webhooks: Option<Vec<WebhookStatus>>,
    #[serde(flatten)]
    store: Health,
}

/// How many seconds records are kept, `null`: for ever; and how many bytes of them, where there is a limit.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Retained {
    activities_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activities_bytes: Option<u64>,
    events_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_bytes: Option<u64>,
    previews_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previews_bytes: Option<u64>,
    sums_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sums_bytes: Option<u64>,
    recordings_s: u64,
    recordings_bytes: u64,
}

impl Retained {
    fn of(log: &ActivityLog) -> Option<Self> {
        let retention = log.retention()?;
        let (recordings, recordings_bytes) = log.recordings_kept()?;
        let seconds = |keep: Keep| keep.time.map(|time| time.as_secs());
        Some(Retained {
            activities_s: seconds(retention.activities),
            activities_bytes: retention.activities.bytes,
            events_s: seconds(retention.events),
            events_bytes: retention.events.bytes,
            previews_s: seconds(retention.previews),
            previews_bytes: retention.previews.bytes,
            sums_s: seconds(retention.sums),
            sums_bytes: retention.sums.bytes,
            recordings_s: recordings.as_secs(),
            recordings_bytes,
        })
    }
}

#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, description = "How the store stands", body = HealthAnswer), Problem))]
pub(super) async fn health(State(app): State<App>, granted: Granted) -> Result<Json, Problem> {
    granted.everything()?;
    let accounting = app.log.as_ref().map(|log| log.accounting());
    let retention = app.log.as_ref().and_then(Retained::of);
    #[cfg(feature = "webhook")]
    let webhooks = app.webhooks.clone();
    let read = app.readers.ask(move |reader| {
        let store = reader.health()?;
        let ok = store.instances.iter().all(|one| one.accounting.adds_up());
        Json::of(&HealthAnswer {
            ok,
            accounting,
            retention,
            #[cfg(feature = "webhook")]
            webhooks: super::webhooks::shown(webhooks.as_ref()),
            store,
        })
    });
    read.await
}
