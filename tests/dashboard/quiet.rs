//! A store in which only the tests record.

use axum::{
    Router,
    extract::{Query, State},
    routing::get,
};
use tower_activity::{Describe, Outcome};

use crate::shown::Shown;

/// `/record?name=…&status=…` records an activity, and responds once it is shown.
pub(crate) fn control(shown: Shown) -> Router {
    Router::new()
        .route("/record", get(record))
        .with_state(shown)
}

async fn record(State(shown): State<Shown>, Query(query): Query<Vec<(String, String)>>) {
    let value = |name: &str| {
        let found = query.iter().find(|(one, _)| one == name);
        found.map_or_else(String::new, |(_, value)| value.clone())
    };
    let outcome = match &*value("status") {
        "failed" => Outcome::failed("tool_error"),
        _ => Outcome::success(),
    };
    (shown.log)
        .start(Describe::tool(value("name")))
        .end(outcome);
    shown.settle().await;
}
