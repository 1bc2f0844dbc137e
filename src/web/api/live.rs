//! `api/live`: a live stream of activities and events (server-sent events).

use std::{collections::HashSet, fmt, str::FromStr, time::Duration};

use axum::{extract::State, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    time::{self, Instant},
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, EventRecord, Filter, Status},
    store::{LARGEST_PAGE, Position, Record},
    web::{
        access::Grant,
        commits::{self, Positions},
        extract::Query,
        fair::FairPermit,
        json::Json,
        problem::Problem,
        state::App,
        stream::{self, BodySender},
    },
};

/// A client further behind than this, in commits, gets a `gap` and continues at the newest position.
const MAX_LAG: u64 = 10_000;
/// Running activities to report at once.
const MAX_RUNNING: usize = 200;
/// Interval of the queries for running activities.
const RUNNING_INTERVAL: Duration = Duration::from_secs(1);
/// Interval of the comments that stop proxies from closing an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The query of a live stream.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct LiveQuery {
    /// The filter.
    q: Option<String>,
    /// Time zone of days and times in the filter, such as `Asia/Kathmandu` [default: UTC].
    tz: Option<String>,
    /// Continues after this message ID; the header `Last-Event-ID` takes precedence.
    #[param(pattern = r"^([0-9a-f]{1,16}\.)?[0-9]{1,18}-([0-9a-f]{1,16}\.)?[0-9]{1,18}$")]
    after: Option<String>,
    /// Sends a `change` message for what is not sent as a record.
    #[param(inline)]
    changes: Option<Changes>,
}

/// The `change` messages of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::web) enum Changes {
    /// Beside records.
    Also,
    /// Instead of records.
    Only,
}

#[utoipa::path(get, path = "/live", tag = "live", params(LiveQuery, ("last-event-id" = Option<String>, Header, description = "Continues after this message")), responses((status = 200, description = "Messages `activity`, `event`, `gap` and `change`", body = String, content_type = "text/event-stream"), Problem))]
pub(super) async fn live(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<LiveQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = grant.parse_filter(query.q.as_deref(), query.tz.as_deref())?;
    let event_filter = grant.parse_event_filter(query.q.as_deref(), query.tz.as_deref())?;
    let last = headers
        .get("last-event-id")
        .map(|id| id.to_str().unwrap_or("?"));
    let after: Option<Positions> = last
        .or(query.after.as_deref())
        .map(str::parse)
        .transpose()?;
    let Some(permit) = app.listeners.try_acquire(&grant.client) else {
        return Err(Problem::busy("too many live streams of this client"));
    };
    let newest = commits::newest(&app.readers, &grant).await?;
    let mut listener = Listener::new(grant, filter, event_filter, after.unwrap_or(newest));
    listener.changes = query.changes;
    // Before the response starts, so that an invalid filter is a problem.
    let (listener, mut first) = listener.poll(&app).await?;
    if query.changes.is_some() && after.is_none() {
        // The position from which on the client misses nothing.
        write_message(&mut first, "change", Some(newest), &serde_json::json!({}))?;
    }
    let newest = app.commits.subscribe(&app.readers, newest);
    let (sender, body) = stream::body();
    tokio::spawn(send_messages(app, listener, first, newest, sender, permit));

    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Tells nginx not to buffer the response.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Sends messages until the client disconnects, and waits for it whenever it is slow.
async fn send_messages(
    app: App,
    mut listener: Listener,
    first: Vec<u8>,
    mut newest: watch::Receiver<Positions>,
    sender: BodySender,
    _permit: FairPermit,
) {
    let mut messages = first;
    let mut sent = Instant::now();
    let mut progressed = true;
    messages.splice(0..0, *b"retry: 1000\n\n");
    loop {
        if messages.is_empty() && sent.elapsed() >= KEEP_ALIVE {
            messages.extend(b": keep-alive\n\n");
        }
        if !messages.is_empty() {
            let chunk = Bytes::from(std::mem::take(&mut messages));
            let Ok(()) = stream::send(&sender, chunk).await else {
                return;
            };
            sent = Instant::now();
        }
        if listener.positions == *newest.borrow_and_update() || !progressed {
            tokio::select! {
                () = time::sleep(RUNNING_INTERVAL) => {}
                _ = newest.changed() => {}
                () = sender.closed() => return,
            }
        }
        let before = listener.positions;
        match listener.poll(&app).await {
            Ok(polled) => {
                (listener, messages) = polled;
                // Without progress it may stay behind the newest positions: its filter excludes one of the two kinds of
                // record, or the client sent a position of the future.
                progressed = listener.positions != before || !messages.is_empty();
            }
            Err(problem) => {
                // The client reconnects from its position, and gets the problem as the response.
                let comment = format!(": {problem}\n\n");
                // Nothing is left to do for a client that is gone.
                let _ = stream::send(&sender, comment.into()).await;
                return;
            }
        }
    }
}

/// The state of one client.
struct Listener {
    grant: Grant,
    filter: Filter,
    /// The filter of events: without log lines, unless it has a `type:`.
    event_filter: Filter,
    /// The filter, limited to running activities; `None` if it excludes those.
    running: Option<Filter>,
    /// Running activities of the last query.
    listed: HashSet<ActivityId>,
    queried_at: Option<Instant>,
    positions: Positions,
    kinds: Option<RecordKinds>,
    changes: Option<Changes>,
}

/// The kinds of record that a filter applies to.
#[derive(Clone, Copy)]
struct RecordKinds {
    activities: bool,
    events: bool,
}

impl Listener {
    fn new(grant: Grant, filter: Filter, event_filter: Filter, positions: Positions) -> Self {
        let allows_running = filter.status.allows(|status| *status == Status::Running);
        let running = allows_running.then(|| {
            let mut running = filter.clone();
            running.status.any_of = vec![Status::Running];
            running
        });
        Listener {
            grant,
            filter,
            event_filter,
            running,
            listed: HashSet::new(),
            queried_at: None,
            positions,
            kinds: None,
            changes: None,
        }
    }

    /// Reads what is new, and returns it as messages.
    async fn poll(mut self, app: &App) -> Result<(Self, Vec<u8>), Problem> {
        let grant = self.grant.clone();
        let read = app.readers.read(&grant, move |reader| {
            let mut out = Vec::new();
            let before = self.positions;
            let kinds = match self.kinds {
                Some(kinds) => kinds,
                None => *self.kinds.insert(kinds(
                    &self.filter,
                    &self.event_filter,
                    self.positions,
                    reader,
                )?),
            };
            self.skip_gap(reader, &mut out)?;
            if self.skips_records() {
                self.positions = Positions::newest(reader)?;
            }
            if kinds.activities {
                self.write_started(reader, &mut out)?;
                write_committed::<ActivityRecord>(
                    reader,
                    &self.filter,
                    &mut self.positions,
                    &mut out,
                )?;
            }
            if kinds.events {
                write_committed::<EventRecord>(
                    reader,
                    &self.event_filter,
                    &mut self.positions,
                    &mut out,
                )?;
            }
            self.write_change(before, &mut out)?;
            Ok((self, out))
        });
        read.await
    }

    /// Whether the client needs no record, because it may know of every commit.
    fn skips_records(&self) -> bool {
        self.changes == Some(Changes::Only) && self.grant.is_everything()
    }

    /// Writes a `change` in place of records, or for commits that no record reports. Clients with limited access do not learn
    /// of the latter.
    fn write_change(&self, before: Positions, out: &mut Vec<u8>) -> Result<(), Problem> {
        let Some(changes) = self.changes else {
            return Ok(());
        };
        let replaces = changes == Changes::Only && !out.is_empty();
        let is_unreported =
            out.is_empty() && self.positions != before && self.grant.is_everything();
        if replaces {
            out.clear();
        }
        match replaces || is_unreported {
            true => write_message(out, "change", Some(self.positions), &serde_json::json!({})),
            false => Ok(()),
        }
    }

    /// Skips to the newest positions, with a `gap`, if the client is too far behind.
    fn skip_gap(&mut self, reader: &mut ActivityReader, out: &mut Vec<u8>) -> Result<(), Problem> {
        // For a position in another log, which was replaced, the gap is reported on reading.
        let too_far = reader.behind(self.positions.activities)? > MAX_LAG
            || reader.behind(self.positions.events)? > MAX_LAG;
        if too_far {
            let newest = Positions::newest(reader)?;
            self.positions = newest;
            write_message(out, "gap", Some(newest), &serde_json::json!({}))?;
        }
        Ok(())
    }

    /// Writes running activities that the last query did not list. Short ones are never listed as running.
    fn write_started(
        &mut self,
        reader: &mut ActivityReader,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let Some(filter) = &self.running else {
            return Ok(());
        };
        if (self.queried_at).is_some_and(|at| at.elapsed() < RUNNING_INTERVAL) {
            return Ok(());
        }
        self.queried_at = Some(Instant::now());
        let running = reader.page(filter, None, MAX_RUNNING)?.records;
        let listed = running.iter().map(|activity| activity.id).collect();
        let before = std::mem::replace(&mut self.listed, listed);
        for activity in running.iter().rev() {
            if !before.contains(&activity.id) {
                write_message(out, "activity", None, activity)?;
            }
        }
        Ok(())
    }
}

/// Writes records that were committed since these positions, and advances them.
fn write_committed<R: Record>(
    reader: &mut ActivityReader,
    filter: &Filter,
    positions: &mut Positions,
    out: &mut Vec<u8>,
) -> Result<(), Problem>
where
    Positions: PositionOf<R>,
{
    let after = reader.after(*positions.of(), filter, LARGEST_PAGE)?;
    for record in &after.records {
        if let Some(seq) = record.seq() {
            *positions.of() = Position::new(after.next.log(), seq);
        }
        write_message(out, Positions::MESSAGE, Some(*positions), record)?;
    }
    *positions.of() = after.next;
    if after.restarted {
        write_message(out, "gap", Some(*positions), &serde_json::json!({}))?;
    }
    Ok(())
}

/// Returns the kinds of record that have all fields of a filter. A filter that fits neither is an error.
fn kinds(
    filter: &Filter,
    event_filter: &Filter,
    positions: Positions,
    reader: &mut ActivityReader,
) -> Result<RecordKinds, Problem> {
    let of_activities = reader.after(positions.activities, filter, 1).map(|_| ());
    let of_events = reader.after(positions.events, event_filter, 1).map(|_| ());
    let (activities, events) = (of_activities.is_ok(), of_events.is_ok());
    match (of_activities, of_events) {
        (Ok(()), Ok(())) => {}
        (Ok(()), Err(error)) | (Err(error), Ok(())) if error.is_invalid() => {}
        (Err(error), _) | (_, Err(error)) => return Err(error.into()),
    }
    Ok(RecordKinds { activities, events })
}

fn write_message(
    out: &mut Vec<u8>,
    event: &str,
    positions: Option<Positions>,
    data: &impl Serialize,
) -> Result<(), Problem> {
    let id = positions
        .map(|positions| format!("id: {positions}\n"))
        .unwrap_or_default();
    out.extend(format!("event: {event}\n{id}data: ").into_bytes());
    Json::append(out, data)?;
    out.extend(b"\n\n");
    Ok(())
}

/// Access to the position of one kind of record.
trait PositionOf<R> {
    /// The event name of its messages.
    const MESSAGE: &'static str;

    fn of(&mut self) -> &mut Position<R>;
}

impl PositionOf<ActivityRecord> for Positions {
    const MESSAGE: &'static str = "activity";

    fn of(&mut self) -> &mut Position<ActivityRecord> {
        &mut self.activities
    }
}

impl PositionOf<EventRecord> for Positions {
    const MESSAGE: &'static str = "event";

    fn of(&mut self) -> &mut Position<EventRecord> {
        &mut self.events
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.activities, self.events)
    }
}

impl FromStr for Positions {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let positions = text.split_once('-').and_then(|(activities, events)| {
            Some(Positions {
                activities: activities.parse().ok()?,
                events: events.parse().ok()?,
            })
        });
        positions.ok_or_else(|| Problem::invalid(format!("not a message ID: {text:?}")))
    }
}
