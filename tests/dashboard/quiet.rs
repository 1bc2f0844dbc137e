//! A store in which only the tests record.

use axum::{
    Router,
    extract::{Query, State},
    routing::get,
};
use tower_activity::{ActivityLog, Describe, Outcome};

/// `/record?name=…&status=…` records an activity, and responds once it is committed.
pub(crate) fn control(log: ActivityLog) -> Router {
    Router::new().route("/record", get(record)).with_state(log)
}

async fn record(State(log): State<ActivityLog>, Query(query): Query<Vec<(String, String)>>) {
    let value = |name: &str| {
        let found = query.iter().find(|(one, _)| one == name);
        found.map_or_else(String::new, |(_, value)| value.clone())
    };
    let outcome = match &*value("status") {
        "failed" => Outcome::failed("tool_error"),
        _ => Outcome::success(),
    };
    log.start(Describe::tool(value("name"))).end(outcome);
    log.flush().await.unwrap();
}
