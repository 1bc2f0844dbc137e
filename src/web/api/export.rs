//! `api/export`: all records that a filter means, as a file.

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    query::{Export, Exported, Format},
    record::{ActivityRecord, EventRecord, Filter},
    web::{
        access::Granted,
        asked::Asked,
        problem::Problem,
        state::App,
        stream::{self, Pieces},
    },
};

/// Which export is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Wanted {
    /// The filter.
    q: Option<String>,
    /// `jsonl`, `csv` or `cloudevents`.
    #[param(pattern = "^(jsonl|csv|cloudevents)$")]
    format: Option<String>,
    /// `activities` or `events`.
    #[param(pattern = "^(activities|events)$")]
    what: Option<String>,
    /// Begins after this place in the order of commits, where an earlier export ended.
    #[param(pattern = r"^([0-9a-f]{1,16}\.)?[0-9]{1,18}$")]
    after: Option<String>,
}

#[utoipa::path(get, path = "/export", tag = "export", params(Wanted), responses((status = 200, description = "All records that are meant", content((String = "application/x-ndjson"), (String = "text/csv"))), Problem))]
pub(super) async fn export(
    State(app): State<App>,
    granted: Granted,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let filter = granted.filter(wanted.q.as_deref())?;
    let format: Format = wanted
        .format
        .as_deref()
        .map(str::parse)
        .transpose()?
        .unwrap_or_default();
    let what = wanted.what.as_deref().unwrap_or("activities");
    let begin = Begin {
        filter,
        format,
        after: wanted.after,
    };
    let body = match what {
        "activities" => begin.answer::<ActivityRecord>(app).await?,
        "events" => begin.answer::<EventRecord>(app).await?,
        other => {
            let what = format!("{other:?} cannot be exported: it is `activities` or `events`");
            return Err(Problem::invalid(what));
        }
    };

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

/// How an export begins.
struct Begin {
    filter: Filter,
    format: Format,
    after: Option<String>,
}

impl Begin {
    async fn answer<R: Exported>(self, app: App) -> Result<Body, Problem> {
        let mut export = Export::<R>::new(self.filter, self.format);
        if let Some(after) = self.after {
            export = export.after(after.parse()?);
        }
        // The first page before the answer begins: what goes wrong there is a problem, not a file that is cut off.
        let first = page(&app, export).await?;
        let (pieces, body) = stream::body();
        tokio::spawn(send(app, first, pieces));
        Ok(body)
    }
}

/// An export on its way: the page that it has just written, and whether there are more.
struct Page<R> {
    export: Export<R>,
    bytes: Vec<u8>,
    more: bool,
}

async fn page<R: Exported>(app: &App, mut export: Export<R>) -> Result<Page<R>, Problem> {
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
async fn send<R: Exported>(app: App, mut now: Page<R>, pieces: Pieces) {
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
