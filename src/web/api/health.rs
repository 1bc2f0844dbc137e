//! `api/health`: how the store stands, and where everything went.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

#[cfg(feature = "webhook")]
use crate::notify::WebhookStatus;
use crate::{
    store::{Accounting, Health, LastCheck},
    web::{access::Granted, answer::Json, problem::Problem, state::App},
};

/// How it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct HealthAnswer {
    /// True when the numbers of all instances add up, and the last check found every row that was committed. Where
    /// something was lost the numbers say so, with the reason.
    ok: bool,
    /// Where everything of this process's log went, up to now; `null` where a store is shown that others write.
    accounting: Option<Accounting>,
    /// Every webhook that is kept beside the store; `null` where they cannot be read, and the server's log says why. The
    /// `url` says which host it is: more of it may be a secret.
    #[cfg(feature = "webhook")]
    webhooks: Option<Vec<WebhookStatus>>,
    #[serde(flatten)]
    store: Health,
}

#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, description = "How the store stands", body = HealthAnswer), Problem))]
pub(super) async fn health(State(app): State<App>, granted: Granted) -> Result<Json, Problem> {
    granted.everything()?;
    let accounting = app.log.as_ref().map(|log| log.accounting());
    #[cfg(feature = "webhook")]
    let webhooks = app.webhooks.clone();
    let read = app.readers.ask(move |reader| {
        let store = reader.health()?;
        let adds_up = store.instances.iter().all(|one| one.accounting.adds_up());
        let checked = store.last_check.as_ref();
        let ok = adds_up && checked.is_none_or(LastCheck::found_all);
        Json::of(&HealthAnswer {
            ok,
            accounting,
            #[cfg(feature = "webhook")]
            webhooks: super::webhooks::shown(webhooks.as_ref()),
            store,
        })
    });
    read.await
}
