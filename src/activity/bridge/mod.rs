//! The tracing bridge: `tracing` events inside an activity become events of the activity.

mod fields;

use std::cell::Cell;

use serde_json::Value;
use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, layer::Context};

use crate::{
    activity::{Activity, Event, bridge::fields::Fields, current, intake},
    record::{EventRecord, Status},
    store::DROPPED_COUNT,
};

thread_local! {
    /// True while this thread is recording a line.
    static RECORDING: Cell<bool> = const { Cell::new(false) };
}

/// A [`tracing_subscriber`] layer that turns `tracing` events inside an activity into events of that activity.
///
/// Each becomes an event of the type `log`. Its summary is the message, or the target if there is no message; its status
/// is `failed` for the level `ERROR` and `success` for all others; its data is `{"level", "target", "fields"}`, where
/// numbers and booleans keep their types and an error is written with its causes. Like any event it is redacted and
/// counts towards the log's memory limit.
///
/// The layer belongs to no log: a line goes to the log of the current activity ([`Activity::current`]), and is ignored
/// outside of any. A task that carries only a `tracing` span is outside: carry the activity along with
/// [`in_current`](crate::InActivity::in_current), which carries both.
///
/// A log with a list of event types ([`Builder::event_types`](crate::log::Builder::event_types)) accepts lines only if
/// `log` is in the list.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityEvents, ActivityLog, Describe};
/// use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// tracing_subscriber::registry()
///     .with(ActivityEvents::new()) // beside a layer that prints them, for example
///     .try_init()?;
///
/// let log = ActivityLog::open(":memory:")?;
/// let lookup = log.start(Describe::tool("lookup"));
/// let id = lookup.id().ok_or("not admitted")?;
/// lookup.run(|| tracing::info!(user = 7, "looking up"));
///
/// log.flush().wait()?;
/// let events = log.reader()?.events_of(id, 10)?;
/// assert_eq!(events[0].summary.as_deref(), Some("looking up"));
/// assert_eq!(events[0].data.as_ref().ok_or("no data")?["fields"]["user"], 7);
/// # Ok(())
/// # }
/// ```
///
/// To select lines by target, use the filters of `tracing-subscriber`:
///
/// ```
/// use tower_activity::ActivityEvents;
/// use tracing::level_filters::LevelFilter;
/// use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt};
///
/// let targets = Targets::new().with_target("shop", LevelFilter::DEBUG).with_default(LevelFilter::WARN);
/// let events = ActivityEvents::new().level(LevelFilter::DEBUG).with_filter(targets);
/// let subscriber = tracing_subscriber::registry().with(events);
/// # drop(subscriber);
/// ```
///
/// # Loss
///
/// An activity takes at most 128 lines ([`max_events`](Self::max_events)), and none after its end. Lines that are logged
/// while a line is recorded (by a redactor, by the `Debug` of a field) are dropped too, as are those of a request under
/// `mcp::HttpTapLayer` before its body is read: its call is not known yet. Dropped lines are counted in
/// [`rejected_limit`](crate::store::RecordCounts::rejected_limit), and while the activity runs also in its attribute
/// `log.dropped_count`. A field or message of more than 16 KiB is withheld, as is one whose `Debug` panics.
#[derive(Debug, Clone)]
#[must_use]
pub struct ActivityEvents {
    level: LevelFilter,
    max_events: u16,
}

impl Default for ActivityEvents {
    fn default() -> Self {
        ActivityEvents {
            level: LevelFilter::INFO,
            max_events: 128,
        }
    }
}

impl ActivityEvents {
    /// Creates a layer for lines of the level `INFO` or above, at most 128 for each activity.
    pub fn new() -> Self {
        ActivityEvents::default()
    }

    /// Sets the lowest level to record; `INFO` by default. Other layers are not affected.
    pub fn level(mut self, level: LevelFilter) -> Self {
        self.level = level;
        self
    }

    /// Sets the maximum number of lines of one activity; 128 by default. The rest is dropped and counted.
    pub fn max_events(mut self, max: u16) -> Self {
        self.max_events = max;
        self
    }
}

// No `enabled` and no `max_level_hint`: both would silence the other layers too.
impl<S: Subscriber> Layer<S> for ActivityEvents {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > self.level || is_ours(metadata.target()) {
            return;
        }
        let recording = RecordingGuard::new();
        let max = if recording.nested { 0 } else { self.max_events };
        // No foreign code runs in the closure: no activity can be entered while the stack of activities is borrowed.
        let Some(line) = current::find(|activity| take(activity, max)).flatten() else {
            return;
        };

        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = line.summary_text(match fields.message {
            Some(message) => message.into(),
            None => metadata.target().into(),
        });
        let status = match *metadata.level() {
            Level::ERROR => Status::Failed,
            _ => Status::Success,
        };
        let data = Value::from_iter([
            ("level", Value::from(metadata.level().as_str())),
            ("target", Value::from(metadata.target())),
            ("fields", Value::from(fields.others)),
        ]);
        line.status(status).data(data).record();
    }
}

/// Creates the event of a line; `Some(None)` if the activity does not take it, `None` if it is inert or was discarded.
fn take(activity: &Activity, max: u16) -> Option<Option<Event>> {
    let open = activity.open().filter(|open| !open.is_discarded())?;
    if open.shard.take_line(open.key, max) {
        return Some(Some(activity.event(EventRecord::LOG)));
    }
    open.shard
        .update(open.key, intake::counter_cost(), |started| {
            intake::count_up(started.details.get_or_insert_default(), DROPPED_COUNT)
        });
    Some(None)
}

/// True for this crate's own log lines: failures of recording are not recorded.
fn is_ours(target: &str) -> bool {
    target
        .strip_prefix("tower_activity")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Marks this thread as recording a line until it is dropped.
struct RecordingGuard {
    /// True if the thread was recording already.
    nested: bool,
}

impl RecordingGuard {
    fn new() -> Self {
        RecordingGuard {
            nested: RECORDING.replace(true),
        }
    }
}

impl Drop for RecordingGuard {
    fn drop(&mut self) {
        RECORDING.set(self.nested);
    }
}
