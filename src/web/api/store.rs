//! `api/store`: what the API reads, as the header of every page names it.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    store::{LogCounts, Store, hostname},
    web::{access::Grant, json::Json, problem::Problem, state::App},
};

/// The store whose records the API returns.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(in crate::web) struct StoreResponse {
    /// Its name: that of a file, or the address of a database without user and password; `null` for clients with limited access.
    name: Option<String>,
    /// The host whose file it is; `null` for a central store, and for clients with limited access.
    host: Option<String>,
    /// The numbers of logs of a central store; `null` for a file, which has the records of one machine, and for clients with
    /// limited access.
    logs: Option<LogCounts>,
}

impl StoreResponse {
    /// Describes a store, without its logs.
    pub(in crate::web) fn new(store: &dyn Store) -> Self {
        // Without its folder: pages may be seen by people who have no account on this machine.
        let file = store
            .file()
            .map(|file| file.file_name().unwrap_or_default());
        StoreResponse {
            name: Some(match file {
                Some(name) => name.to_string_lossy().into_owned(),
                None => store.name(),
            }),
            host: file.map(|_| hostname()),
            logs: None,
        }
    }
}

#[utoipa::path(get, path = "/store", tag = "health", responses((status = 200, description = "What the API reads: a file, or all logs of a central store", body = StoreResponse), Problem))]
pub(super) async fn store(State(app): State<App>, grant: Grant) -> Result<Json, Problem> {
    let known = match (&app.store, grant.is_everything()) {
        (Some(store), true) => store.clone(),
        // Not a problem: every page asks.
        _ => return Json::new(&StoreResponse::default()),
    };
    let read = app.readers.read(&grant, move |reader| {
        let logs = reader.vitals()?.logs;
        Json::new(&StoreResponse { logs, ..known })
    });
    read.await
}
