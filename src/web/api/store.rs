//! `api/store`: what the API reads.

use axum::extract::State;

use crate::web::{
    access::Grant, described::StoreResponse, json::Json, problem::Problem, state::App,
};

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
