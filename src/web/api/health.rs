//! `api/health`: the health and the accounting of the store.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

#[cfg(feature = "webhook")]
use crate::notify::WebhookStatus;
use crate::{
    store::{Accounting, Health, LastCheck},
    web::{access::Grant, json::Json, problem::Problem, state::App},
};

/// The health of the store.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct HealthResponse {
    /// True if the accounting of every instance adds up and the last check found every committed row. Losses are counted in
    /// the accounting by reason, and do not make it false.
    ok: bool,
    /// Accounting of this process's log; `null` if the server only reads a store.
    accounting: Option<Accounting>,
    /// Webhooks of the store; `null` if they cannot be read (see the server's log). `url` is only the origin, because the rest
    /// may be a secret.
    #[cfg(feature = "webhook")]
    webhooks: Option<Vec<WebhookStatus>>,
    #[serde(flatten)]
    store: Health,
}

#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, description = "Health of the store", body = HealthResponse), Problem))]
pub(super) async fn health(State(app): State<App>, grant: Grant) -> Result<Json, Problem> {
    grant.require_everything()?;
    let accounting = app.log.as_ref().map(|log| log.accounting());
    #[cfg(feature = "webhook")]
    let webhooks = app.webhooks.clone();
    let read = app.readers.read(&grant, move |reader| {
        let store = reader.health()?;
        let adds_up = store.instances.iter().all(|one| one.accounting.adds_up());
        let check = store.last_check.as_ref();
        let ok = adds_up && check.is_none_or(LastCheck::found_all);
        Json::new(&HealthResponse {
            ok,
            accounting,
            #[cfg(feature = "webhook")]
            webhooks: super::webhooks::statuses(webhooks.as_ref()),
            store,
        })
    });
    read.await
}
