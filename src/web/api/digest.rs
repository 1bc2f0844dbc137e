//! `api/digest`: recent events for a prompt.

use axum::extract::State;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    query::{Digest, DigestQuery},
    web::{
        access::Grant,
        extract::{self, Query},
        json::Json,
        problem::Problem,
        state::App,
    },
};

/// The query of a digest.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct DigestParams {
    /// The filter.
    q: Option<String>,
    /// Only events of this user.
    actor: Option<String>,
    /// Maximum number of events to list [default: 10].
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Number of days (24 hours each) to cover [default: 7].
    #[param(value_type = i64, minimum = 0, maximum = 4294967295_u32)]
    days: Option<u32>,
    /// Start at midnight instead.
    #[serde(default)]
    today: bool,
    /// Token budget [default: 300].
    tokens: Option<usize>,
    /// Counts by type, followed by failures.
    #[serde(default)]
    grouped: bool,
    /// Time zone, such as `Asia/Kathmandu` [default: UTC].
    tz: Option<String>,
}

/// A digest as data and as Markdown.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct DigestResponse {
    markdown: String,
    #[serde(flatten)]
    digest: Digest,
}

#[utoipa::path(get, path = "/digest", tag = "digest", params(DigestParams), responses((status = 200, description = "Recent events", body = DigestResponse), Problem))]
pub(super) async fn digest(
    State(app): State<App>,
    grant: Grant,
    Query(params): Query<DigestParams>,
) -> Result<Json, Problem> {
    let mut query = DigestQuery::new(Utc::now())
        .filter(grant.parse_filter(params.q.as_deref(), params.tz.as_deref())?)
        .limit(extract::limit(Some(params.limit.unwrap_or(10)))?)
        .zone(extract::zone(params.tz.as_deref())?);
    if let Some(actor) = params.actor {
        query = query.actor(actor);
    }
    let query = match (params.today, params.days) {
        (true, Some(_)) => return Err(Problem::invalid("`today` and `days` exclude each other")),
        (true, None) => query.today(),
        (false, days) => query.days(days.unwrap_or(7)),
    };
    let (tokens, grouped) = (params.tokens.unwrap_or(300), params.grouped);
    let read = app.readers.read(&grant, move |reader| {
        let digest = reader.digest(&query)?;
        let markdown = match grouped {
            true => digest.grouped(tokens)?,
            false => digest.list(tokens)?,
        };
        Json::new(&DigestResponse { markdown, digest })
    });
    read.await
}
