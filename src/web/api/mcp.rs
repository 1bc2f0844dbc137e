//! `api/mcp`: MCP calls by server, client and tool.

use axum::extract::State;

use super::metrics::WindowQuery;
use crate::{
    query::McpUse,
    web::{access::Grant, extract::Query, json::Json, problem::Problem, state::App},
};

/// The most entries of each list of a response.
const MOST_ROWS: usize = 100;

#[utoipa::path(get, path = "/mcp", tag = "mcp", params(WindowQuery), responses((status = 200, description = "MCP calls by server, client and tool: 100 of each", body = McpUse), Problem))]
pub(super) async fn mcp(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    let query = query.parse(&grant)?;
    let read = app.readers.read(&grant, move |reader| {
        Json::new(&reader.mcp(&query, MOST_ROWS)?)
    });
    read.await
}
