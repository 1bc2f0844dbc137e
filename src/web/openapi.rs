//! The description of the API, made from its code.

use std::{collections::BTreeMap, sync::OnceLock};

use utoipa::{
    IntoResponses, OpenApi, PartialSchema, ToSchema,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder, Schema},
};

use super::{answer::Json, api, problem::Problem, state::Writes};
use crate::record::{ActivityId, EventId, InstanceId, RecordingId, SpanId, Text, TraceId};

/// What can be read.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "tower-activity",
        description = "What is on record: tool calls, requests, events and recordings. Times are RFC 3339 in UTC, durations \
                       nanoseconds, ids and cursors opaque."
    ),
    servers((url = ".", description = "Beside this document")),
    components(schemas(Problem)),
    paths(
        api::activities::list, api::activities::one, api::activities::tree, api::recordings::of_activity, api::recordings::one,
        api::events::list, api::metrics::overall, api::metrics::projects, api::metrics::project, api::metrics::agents,
        api::metrics::agent, api::metrics::names, api::metrics::name, api::metrics::brands, api::metrics::brand,
        api::metrics::types, api::digest::digest, api::export::export, api::health::health, api::live::live,
    )
)]
struct Read;

/// What recordings hold.
#[cfg(feature = "recording")]
#[derive(OpenApi)]
#[openapi(paths(api::chunks::chunks))]
struct Chunks;

/// What can be written besides.
#[derive(OpenApi)]
#[openapi(paths(api::write::event))]
struct Write;

/// The description, as JSON.
pub(super) fn document(writes: Writes) -> Result<Json, Problem> {
    static READ: OnceLock<utoipa::openapi::OpenApi> = OnceLock::new();
    let read = READ.get_or_init(|| {
        let read = Read::openapi();
        #[cfg(feature = "recording")]
        let read = Chunks::openapi().merge_from(read);
        read
    });
    match writes {
        Writes::Nothing => Json::of(read),
        Writes::Events => Json::of(&Write::openapi().merge_from(read.clone())),
    }
}

/// The statuses of problems, and when they come.
const PROBLEMS: [(u16, &str); 12] = [
    (400, "What is asked for makes no sense; `detail` says why"),
    (401, "The token is missing, or wrong"),
    (
        403,
        "This may not be seen, or is asked for by a page of another origin",
    ),
    (404, "There is no such thing, or it may not be seen"),
    (413, "The body is too long"),
    (415, "The body is no JSON"),
    (421, "The server does not go by this name"),
    (422, "The store refuses it"),
    (429, "Too many requests, or wrong tokens"),
    (500, "The store could not be read"),
    (
        503,
        "Too much is asked at once, the store takes too long, or there is none",
    ),
    (504, "The store takes it later"),
];

impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let response = |(status, when): (u16, &str)| {
            let problem = Content::new(Some(Ref::from_schema_name("Problem")));
            let response = ResponseBuilder::new().description(when);
            let response = response
                .content("application/problem+json", problem)
                .build();
            (status.to_string(), response.into())
        };
        PROBLEMS.map(response).into()
    }
}

/// Texts in JSON.
macro_rules! texts {
    ($($of:ty),*) => {$(
        impl PartialSchema for $of {
            fn schema() -> RefOr<Schema> {
                String::schema()
            }
        }

        impl ToSchema for $of {}
    )*};
}

texts!(
    ActivityId,
    EventId,
    InstanceId,
    RecordingId,
    SpanId,
    Text,
    TraceId
);
