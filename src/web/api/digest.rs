//! `api/digest`: what happened lately, for a prompt.

use axum::extract::State;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    query::{Digest, DigestQuery},
    record::{Filter, Pattern},
    web::{
        access::Granted,
        answer::Json,
        asked::{self, Asked},
        problem::Problem,
        state::App,
    },
};

/// Which digest is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Digested {
    /// The filter.
    q: Option<String>,
    /// Only events of this user.
    actor: Option<String>,
    /// How many events at most are told one by one; 10 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// How many times 24 hours it goes back; 7 where nothing is said.
    #[param(value_type = i64, minimum = 0, maximum = 4294967295_u32)]
    days: Option<u32>,
    /// Goes back to midnight instead.
    #[serde(default)]
    today: bool,
    /// How many tokens at most; 300 where nothing is said.
    tokens: Option<usize>,
    /// Counts by type, then lists what failed.
    #[serde(default)]
    grouped: bool,
    /// The name of the time zone whose clock is shown.
    tz: Option<String>,
}

/// A digest, and as Markdown.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct DigestAnswer {
    markdown: String,
    #[serde(flatten)]
    digest: Digest,
}

#[utoipa::path(get, path = "/digest", tag = "digest", params(Digested), responses((status = 200, description = "What happened lately", body = DigestAnswer), Problem))]
pub(super) async fn digest(
    State(app): State<App>,
    granted: Granted,
    Asked(digested): Asked<Digested>,
) -> Result<Json, Problem> {
    let mut filter = granted.filter(digested.q.as_deref())?;
    if let Some(actor) = digested.actor {
        let mut of_actor = Filter::default();
        of_actor.actor.any_of.push(Pattern::exact(actor));
        filter = filter.and(&of_actor);
    }
    let query = DigestQuery::new(Utc::now())
        .filter(filter)
        .limit(asked::limit(Some(digested.limit.unwrap_or(10)))?)
        .zone(asked::zone(digested.tz.as_deref())?);
    let query = match (digested.today, digested.days) {
        (true, Some(_)) => return Err(Problem::invalid("`today` and `days` cannot both be given")),
        (true, None) => query.today(),
        (false, days) => query.days(days.unwrap_or(7)),
    };
    let (tokens, grouped) = (digested.tokens.unwrap_or(300), digested.grouped);
    let read = app.readers.ask(move |reader| {
        let digest = reader.digest(&query)?;
        let markdown = match grouped {
            true => digest.grouped(tokens)?,
            false => digest.list(tokens)?,
        };
        Json::of(&DigestAnswer { markdown, digest })
    });
    read.await
}
