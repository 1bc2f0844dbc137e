//! `api/export`: all records that match a filter, as a file.

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    query::{Export, ExportRecord, Format},
    record::{ActivityRecord, EventRecord, Filter},
    web::{
        access::Grant,
        extract::Query,
        problem::Problem,
        state::App,
        stream::{self, BodySender},
    },
};

/// The query of an export.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct ExportQuery {
    /// The filter.
    q: Option<String>,
    /// Time zone of days and times in the filter, such as `Asia/Kathmandu` [default: UTC].
    tz: Option<String>,
    /// `jsonl`, `csv` or `cloudevents` [default: jsonl].
    #[param(pattern = "^(jsonl|csv|cloudevents)$")]
    format: Option<String>,
    /// `activities` or `events` [default: activities].
    #[param(pattern = "^(activities|events)$")]
    what: Option<String>,
    /// Continues after this position in commit order, where an earlier export ended.
    #[param(pattern = r"^([0-9a-f]{1,16}\.)?[0-9]{1,18}$")]
    after: Option<String>,
}

#[utoipa::path(get, path = "/export", tag = "export", params(ExportQuery), responses((status = 200, description = "All matching records", content((String = "application/x-ndjson"), (String = "text/csv"))), Problem))]
pub(super) async fn export(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let filter = grant.parse_filter(query.q.as_deref(), query.tz.as_deref())?;
    let format: Format = query
        .format
        .as_deref()
        .map(str::parse)
        .transpose()?
        .unwrap_or_default();
    let what = query.what.as_deref().unwrap_or("activities");
    let options = Options {
        filter,
        format,
        after: query.after,
        grant,
    };
    let body = match what {
        "activities" => options.start::<ActivityRecord>(app).await?,
        "events" => options.start::<EventRecord>(app).await?,
        other => {
            let what = format!("invalid `what`: {other:?}; use `activities` or `events`");
            return Err(Problem::invalid(what));
        }
    };

    let mut response = Response::new(body);
    let (media_type, extension) = match format {
        Format::JsonLines => ("application/x-ndjson", "jsonl"),
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::CloudEvents => ("application/x-ndjson", "cloudevents.jsonl"),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = format!("attachment; filename=\"{what}.{extension}\"");
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

struct Options {
    filter: Filter,
    format: Format,
    after: Option<String>,
    grant: Grant,
}

impl Options {
    /// Starts the export, and returns the body that it streams into.
    async fn start<R: ExportRecord>(self, app: App) -> Result<Body, Problem> {
        let mut export = Export::<R>::new(self.filter, self.format);
        if let Some(after) = self.after {
            export = export.after(after.parse()?);
        }
        // Before the response starts: a failure of the first page is a problem, not a truncated file.
        let first = page(&app, &self.grant, export).await?;
        let (sender, body) = stream::body();
        tokio::spawn(send(app, self.grant, first, sender));
        Ok(body)
    }
}

/// A running export with the page that it has just written.
struct Page<R> {
    export: Export<R>,
    bytes: Vec<u8>,
    more: bool,
}

async fn page<R: ExportRecord>(
    app: &App,
    grant: &Grant,
    mut export: Export<R>,
) -> Result<Page<R>, Problem> {
    let read = app.readers.read(grant, move |reader| {
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

/// Streams page by page, each read once the one before is sent.
async fn send<R: ExportRecord>(app: App, grant: Grant, mut current: Page<R>, sender: BodySender) {
    loop {
        if !current.bytes.is_empty() {
            let Ok(()) = stream::send(&sender, current.bytes.into()).await else {
                return;
            };
        }
        if !current.more {
            return;
        }
        match page(&app, &grant, current.export).await {
            Ok(next) => current = next,
            Err(problem) => return stream::abort(&sender, problem).await,
        }
    }
}
