//! The API's description (OpenAPI), generated from its code.
//!
//! `src/web/openapi.json` is a copy with everything that can be enabled: the dashboard's TypeScript types are generated from
//! it. `cargo xtask openapi` writes it.

mod filter;

use std::{collections::BTreeMap, sync::OnceLock};

use utoipa::{
    IntoResponses, OpenApi, PartialSchema, ToSchema,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder, Schema, extensions::Extensions},
};

use super::{api, json::Json, problem::Problem, state::Writes};
use crate::record::{
    ActivityId, EventId, Fingerprint, InstanceId, RecordingId, SpanId, Text, TraceId,
};

/// The read-only endpoints.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "tower-activity",
        description = "Recorded tool calls, requests, events and recordings. Times are RFC 3339 in UTC, durations are in \
                       nanoseconds, IDs and cursors are opaque. `x-filter` lists the fields of the filter grammar (`q`)."
    ),
    servers((url = ".", description = "Relative to this document")),
    components(schemas(Problem)),
    paths(
        api::activities::list, api::activities::one, api::activities::tree, api::activities::descendants, api::errors::errors,
        api::recordings::of_activity, api::recordings::list, api::recordings::one,
        api::events::list, api::metrics::overall, api::metrics::projects, api::metrics::project, api::metrics::agents,
        api::metrics::agent, api::metrics::names, api::metrics::name, api::metrics::brands, api::metrics::brand,
        api::metrics::actors, api::metrics::environments, api::metrics::errors, api::metrics::attribute, api::metrics::types, api::digest::digest, api::export::export, api::health::health, api::store::store, api::live::live, api::mcp::mcp,
    )
)]
struct Read;

/// The endpoint for chunks of recordings.
#[cfg(feature = "recording")]
#[derive(OpenApi)]
#[openapi(paths(api::chunks::chunks))]
struct Chunks;

/// The endpoints that write.
#[derive(OpenApi)]
#[openapi(paths(api::write::event))]
struct Write;

/// Returns the description as JSON.
pub(super) fn document(writes: Writes) -> Result<Json, Problem> {
    static READ: OnceLock<utoipa::openapi::OpenApi> = OnceLock::new();
    let read = READ.get_or_init(|| {
        let read = Read::openapi();
        #[cfg(feature = "recording")]
        let read = read.merge_from(Chunks::openapi());
        finished(read)
    });
    match writes {
        Writes::Nothing => Json::new(read),
        Writes::Events => Json::new(&read.clone().merge_from(Write::openapi())),
    }
}

/// Schemas whose optional fields may be missing. In all others they are present, and `null` when unknown.
const MAY_LACK_FIELDS: [&str; 2] = ["Problem", "RetentionFields"];

/// Adds what the derives cannot express: fields that are `null` instead of missing, and the filter grammar.
fn finished(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for (name, schema) in document
        .components
        .iter_mut()
        .flat_map(|all| &mut all.schemas)
    {
        if !MAY_LACK_FIELDS.contains(&name.as_str()) {
            require_all(schema);
        }
    }
    // Cannot fail: strings and booleans are always valid JSON.
    let fields = serde_json::to_value(filter::fields()).unwrap_or_default();
    document.extensions = Some(Extensions::from_iter([(filter::EXTENSION, fields)]));
    document
}

fn require_all(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            object.required = object.properties.keys().cloned().collect();
        }
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(require_all),
        _ => {}
    }
}

/// The status codes of problems and their causes.
const PROBLEMS: [(u16, &str); 12] = [
    (400, "Invalid request; `detail` says why"),
    (401, "Missing or wrong token"),
    (403, "Access denied, or a cross-origin request"),
    (404, "Not found, or not visible to the caller"),
    (413, "Body too long"),
    (415, "Body is not JSON"),
    (421, "Unknown host name"),
    (422, "Refused by the store"),
    (429, "Too many requests or wrong tokens"),
    (500, "The store could not be read"),
    (
        503,
        "Too many requests at once, a query timeout, or no store",
    ),
    (504, "Timed out waiting for the commit"),
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

/// Implements the schema traits for types that are strings in JSON.
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
    Fingerprint,
    InstanceId,
    RecordingId,
    SpanId,
    Text,
    TraceId
);
