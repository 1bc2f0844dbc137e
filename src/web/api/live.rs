//! `api/live`: what happens, as it happens (server-sent events).

use std::{collections::HashSet, fmt, str::FromStr, time::Duration};

use axum::{extract::State, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{self, Instant},
};
use utoipa::IntoParams;

use crate::{
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, EventRecord, Filter, Status},
    store::{LARGEST_PAGE, Position, Record},
    web::{
        access::Granted,
        answer::Json,
        asked::Asked,
        feed::{self, Place},
        problem::Problem,
        state::App,
        stream::{self, Pieces},
    },
};

/// A listener that is so many commits behind is told that there is a gap, and goes on after it.
const FARTHEST: u64 = 10_000;
/// How many running activities a listener is told of at most.
const MOST_RUNNING: usize = 200;
/// How often running activities are looked for.
const RUNNING_EVERY: Duration = Duration::from_secs(1);
/// A comment keeps connections open that proxies would close.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// What is listened to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Listened {
    /// The filter.
    q: Option<String>,
    /// Goes on after this id of a message; the header `Last-Event-ID` comes first.
    #[param(pattern = r"^([0-9a-f]{1,16}\.)?[0-9]{1,18}-([0-9a-f]{1,16}\.)?[0-9]{1,18}$")]
    after: Option<String>,
}

#[utoipa::path(get, path = "/live", tag = "live", params(Listened, ("last-event-id" = Option<String>, Header, description = "Goes on after this message")), responses((status = 200, description = "What happens, as it happens: `activity`, `event` and `gap`", body = String, content_type = "text/event-stream"), Problem))]
pub(super) async fn live(
    State(app): State<App>,
    granted: Granted,
    Asked(listened): Asked<Listened>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = granted.filter(listened.q.as_deref())?;
    let last = headers
        .get("last-event-id")
        .map(|id| id.to_str().unwrap_or("?"));
    let after: Option<Place> = last
        .or(listened.after.as_deref())
        .map(str::parse)
        .transpose()?;
    let Ok(turn) = app.listeners.clone().try_acquire_owned() else {
        return Err(Problem::busy("too many clients listen at once"));
    };
    let newest = feed::newest(&app.readers).await?;
    let listener = Listener::new(filter, after.unwrap_or(newest));
    // Asked once before the answer begins, so that a filter that makes no sense is a problem.
    let (listener, first) = listener.ask(&app).await?;
    let places = app.feed.listen(&app.readers, newest);
    let (pieces, body) = stream::body();
    tokio::spawn(tell(app, listener, first, places, pieces, turn));

    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that buffer answers would keep what happens to themselves.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Sends what there is to tell, no faster than the client takes it.
async fn tell(
    app: App,
    mut listener: Listener,
    first: Vec<u8>,
    mut places: watch::Receiver<Place>,
    pieces: Pieces,
    _turn: OwnedSemaphorePermit,
) {
    let mut messages = first;
    let mut sent = Instant::now();
    let mut moves = true;
    messages.splice(0..0, *b"retry: 1000\n\n");
    loop {
        if messages.is_empty() && sent.elapsed() >= SIGN_OF_LIFE {
            messages.extend(b": still here\n\n");
        }
        if !messages.is_empty() {
            let piece = Bytes::from(std::mem::take(&mut messages));
            let Ok(()) = stream::send(&pieces, piece).await else {
                return;
            };
            sent = Instant::now();
        }
        if listener.place == *places.borrow_and_update() || !moves {
            tokio::select! {
                () = time::sleep(RUNNING_EVERY) => {}
                _ = places.changed() => {}
                () = pieces.closed() => return,
            }
        }
        let place = listener.place;
        match listener.ask(&app).await {
            Ok(asked) => {
                (listener, messages) = asked;
                // What it does not listen to, and a place that is not there yet, keep it behind the newest.
                moves = listener.place != place || !messages.is_empty();
            }
            Err(problem) => {
                // The client asks again, from where it is, and is told then.
                let end = format!(": {problem}\n\n");
                // Whoever does not take it is gone.
                let _ = stream::send(&pieces, end.into()).await;
                return;
            }
        }
    }
}

/// What one listener has been told.
struct Listener {
    filter: Filter,
    /// The running ones of it; `None` where the filter means none of those.
    running: Option<Filter>,
    listed: HashSet<ActivityId>,
    looked: Option<Instant>,
    place: Place,
    /// Whether the filter makes sense for activities, for events.
    of: Option<(bool, bool)>,
}

impl Listener {
    fn new(filter: Filter, place: Place) -> Self {
        let means_running = filter.status.allows(|status| *status == Status::Running);
        let running = means_running.then(|| {
            let mut running = filter.clone();
            running.status.any_of = vec![Status::Running];
            running
        });
        Listener {
            filter,
            running,
            listed: HashSet::new(),
            looked: None,
            place,
            of: None,
        }
    }

    async fn ask(mut self, app: &App) -> Result<(Self, Vec<u8>), Problem> {
        let read = app.readers.ask(move |reader| {
            let mut out = Vec::new();
            let of = match self.of {
                Some(of) => of,
                None => *self.of.insert(sense(&self.filter, self.place, reader)?),
            };
            self.skip(reader, &mut out)?;
            if of.0 {
                self.started(reader, &mut out)?;
                self.committed::<ActivityRecord>(reader, &mut out)?;
            }
            if of.1 {
                self.committed::<EventRecord>(reader, &mut out)?;
            }
            Ok((self, out))
        });
        read.await
    }

    /// Goes on after a gap where the listener is too far behind.
    fn skip(&mut self, reader: &mut ActivityReader, out: &mut Vec<u8>) -> Result<(), Problem> {
        let newest = Place::newest(reader)?;
        let is_far = is_far(self.place.activities, newest.activities)
            || is_far(self.place.events, newest.events);
        if is_far {
            self.place = newest;
            message(out, "gap", Some(newest), &serde_json::json!({}))?;
        }
        Ok(())
    }

    /// Running activities that were not there before. Short ones are never listed as running.
    fn started(&mut self, reader: &mut ActivityReader, out: &mut Vec<u8>) -> Result<(), Problem> {
        let Some(filter) = &self.running else {
            return Ok(());
        };
        if self.looked.is_some_and(|at| at.elapsed() < RUNNING_EVERY) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let running = reader.page(filter, None, MOST_RUNNING)?.records;
        let listed = running.iter().map(|activity| activity.id).collect();
        let before = std::mem::replace(&mut self.listed, listed);
        for activity in running.iter().rev() {
            if !before.contains(&activity.id) {
                message(out, "activity", None, activity)?;
            }
        }
        Ok(())
    }

    /// What was committed since.
    fn committed<R: Record>(
        &mut self,
        reader: &mut ActivityReader,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem>
    where
        Place: Of<R>,
    {
        let after = reader.after(*self.place.of(), &self.filter, LARGEST_PAGE)?;
        for record in &after.records {
            if let Some(seq) = record.seq() {
                *self.place.of() = Position::new(after.next.log(), seq);
            }
            message(out, Place::MESSAGE, Some(self.place), record)?;
        }
        *self.place.of() = after.next;
        if after.restarted {
            message(out, "gap", Some(self.place), &serde_json::json!({}))?;
        }
        Ok(())
    }
}

/// Of which records a filter asks for what they have. One that makes no sense for either is refused.
fn sense(
    filter: &Filter,
    place: Place,
    reader: &mut ActivityReader,
) -> Result<(bool, bool), Problem> {
    let activities = reader.after(place.activities, filter, 1).map(|_| ());
    let events = reader.after(place.events, filter, 1).map(|_| ());
    match (activities, events) {
        (Ok(()), Ok(())) => Ok((true, true)),
        (Ok(()), Err(error)) if error.is_invalid() => Ok((true, false)),
        (Err(error), Ok(())) if error.is_invalid() => Ok((false, true)),
        (Err(error), _) | (_, Err(error)) => Err(error.into()),
    }
}

fn message(
    out: &mut Vec<u8>,
    event: &str,
    place: Option<Place>,
    data: &impl Serialize,
) -> Result<(), Problem> {
    let id = place
        .map(|place| format!("id: {place}\n"))
        .unwrap_or_default();
    out.extend(format!("event: {event}\n{id}data: ").into_bytes());
    Json::append(out, data)?;
    out.extend(b"\n\n");
    Ok(())
}

/// True where too much was committed since to tell of each. What another log has in its place is told as a gap, too.
fn is_far<R>(place: Position<R>, newest: Position<R>) -> bool {
    let same = place.log() == 0 || place.log() == newest.log();
    same && place.behind(newest) > FARTHEST
}

/// The part of a place that is one of activities, or of events.
trait Of<R> {
    /// What messages with such records are called.
    const MESSAGE: &'static str;

    fn of(&mut self) -> &mut Position<R>;
}

impl Of<ActivityRecord> for Place {
    const MESSAGE: &'static str = "activity";

    fn of(&mut self) -> &mut Position<ActivityRecord> {
        &mut self.activities
    }
}

impl Of<EventRecord> for Place {
    const MESSAGE: &'static str = "event";

    fn of(&mut self) -> &mut Position<EventRecord> {
        &mut self.events
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.activities, self.events)
    }
}

impl FromStr for Place {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let place = text.split_once('-').and_then(|(activities, events)| {
            Some(Place {
                activities: activities.parse().ok()?,
                events: events.parse().ok()?,
            })
        });
        place.ok_or_else(|| Problem::invalid(format!("{text:?} is not the id of a message")))
    }
}
