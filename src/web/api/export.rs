//! `api/export`: all records that a filter means, as a file.

use axum::{extract::State, response::Response};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    query::{Export, Format},
    web::{
        access::Granted,
        asked::Asked,
        problem::Problem,
        router::App,
        stream::{self, Pieces},
    },
};

/// Which export is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Exported {
    /// The filter.
    q: Option<String>,
    /// `jsonl`, `csv` or `cloudevents`.
    #[param(pattern = "^(jsonl|csv|cloudevents)$")]
    format: Option<String>,
    /// `activities` or `events`.
    #[param(pattern = "^(activities|events)$")]
    what: Option<String>,
    /// Begins after this place in the order of commits, where an earlier export ended.
    after: Option<i64>,
}

#[utoipa::path(get, path = "/export", tag = "export", params(Exported), responses((status = 200, description = "All records that are meant", content((String = "application/x-ndjson"), (String = "text/csv"))), Problem))]
pub(super) async fn export(
    State(app): State<App>,
    granted: Granted,
    Asked(exported): Asked<Exported>,
) -> Result<Response, Problem> {
    let filter = granted.filter(exported.q.as_deref())?;
    let format: Format = exported
        .format
        .as_deref()
        .map(str::parse)
        .transpose()?
        .unwrap_or_default();
    let what = exported.what.as_deref().unwrap_or("activities");
    let export = match what {
        "activities" => Export::activities(filter, format),
        "events" => Export::events(filter, format),
        other => {
            let what = format!("{other:?} cannot be exported: it is `activities` or `events`");
            return Err(Problem::invalid(what));
        }
    };
    let after = exported.after.unwrap_or(0).max(0);
    // The first page before the answer begins: what goes wrong there is a problem, not a file that is cut off.
    let first = page(&app, export.after(after)).await?;
    let (pieces, body) = stream::body();
    tokio::spawn(send(app, first, pieces));

    let mut response = Response::new(body);
    let (kind, ending) = match format {
        Format::JsonLines => ("application/x-ndjson", "jsonl"),
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::CloudEvents => ("application/x-ndjson", "cloudevents.jsonl"),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = format!("attachment; filename=\"{what}.{ending}\"");
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// An export on its way: the page that it has just written, and whether there are more.
struct Page {
    export: Export,
    bytes: Vec<u8>,
    more: bool,
}

async fn page(app: &App, mut export: Export) -> Result<Page, Problem> {
    let read = app.readers.ask(move |reader| {
        let mut bytes = Vec::new();
        let more = export.page(reader, &mut bytes)?;
        Ok(Page {
            export,
            bytes,
            more,
        })
    });
    read.await
}

/// Reads page by page, each once the client has taken the one before.
async fn send(app: App, mut now: Page, pieces: Pieces) {
    loop {
        if !now.bytes.is_empty() {
            let Ok(()) = stream::send(&pieces, now.bytes.into()).await else {
                return;
            };
        }
        if !now.more {
            return;
        }
        match page(&app, now.export).await {
            Ok(next) => now = next,
            Err(problem) => return stream::broken(&pieces, problem).await,
        }
    }
}
