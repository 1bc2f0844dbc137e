//! The tracing bridge: what is logged with `tracing` inside of an activity becomes events of it.

mod fields;

use std::cell::Cell;

use serde_json::Value;
use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, layer::Context};

use crate::{
    activity::{Activity, Event, bridge::fields::Fields, current, intake},
    record::{EventRecord, Status},
};

/// The attribute of an activity that says how many lines were left out.
const DROPPED: &str = "log.dropped_count";

thread_local! {
    /// True while this thread records a line.
    static RECORDING: Cell<bool> = const { Cell::new(false) };
}

/// A [`tracing_subscriber`] layer that turns `tracing` events inside of an activity into events of that activity.
///
/// Each becomes an event of the type `log`: its summary is the message (else the target), its status `failed` for
/// the level `ERROR` and `success` for all others, its data `{"level", "target", "fields"}`, where numbers and
/// booleans stay what they are, and an error is told with its causes. It is redacted and charged to the log's memory
/// as any event.
///
/// The layer belongs to no log: a line goes to the log of the innermost activity that the code runs inside of
/// ([`Activity::current`]), and outside of any nowhere. A task that takes only a `tracing` span along is outside:
/// take the activity along with [`in_current`](crate::InActivity::in_current), which takes both.
///
/// A log with a list of types ([`Builder::event_types`](crate::Builder::event_types)) takes lines where `log` is on
/// it.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityEvents, ActivityLog, Describe};
/// use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// tracing_subscriber::registry()
///     .with(ActivityEvents::new()) // and beside it what prints them, say
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
/// Other choices than by level are those of `tracing` itself, such as by target:
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
/// An activity takes at most 128 lines ([`max_events`](Self::max_events)), and none after its end. What is logged
/// while a line is recorded (by a redactor, by the `Debug` of a field) is left out too. All of these are counted
/// ([`rejected_limit`](crate::store::RecordCounts::rejected_limit)), and while the activity runs also in its
/// attribute `log.dropped_count`. A field or message of more than 16 KiB is withheld, as is one whose `Debug` panics.
#[derive(Debug, Clone)]
#[must_use]
pub struct ActivityEvents {
    level: LevelFilter,
    most: u16,
}

impl Default for ActivityEvents {
    fn default() -> Self {
        ActivityEvents {
            level: LevelFilter::INFO,
            most: 128,
        }
    }
}

impl ActivityEvents {
    /// Takes lines from the level `INFO` on, 128 for each activity.
    pub fn new() -> Self {
        ActivityEvents::default()
    }

    /// Sets the level from which on lines are taken; `INFO` by default. Other layers see what they saw before.
    pub fn level(mut self, level: LevelFilter) -> Self {
        self.level = level;
        self
    }

    /// Sets how many lines an activity takes; 128 by default. The rest is counted.
    pub fn max_events(mut self, most: u16) -> Self {
        self.most = most;
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
        let recording = Recording::begin();
        let most = if recording.nested { 0 } else { self.most };
        // Nothing foreign runs in there: while the stack of activities is looked at, none can be entered.
        let Some(line) = current::find(|activity| take(activity, most)).flatten() else {
            return;
        };

        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = match fields.message {
            Some(message) => line.summary(message),
            None => line.summary(metadata.target()),
        };
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

/// The event that a line becomes; `Some(None)` where the activity takes no more, `None` where it is inert.
fn take(activity: &Activity, most: u16) -> Option<Option<Event>> {
    let open = activity.open()?;
    if open.shard.take_line(open.key, most) {
        return Some(Some(activity.event(EventRecord::LOG)));
    }
    open.shard
        .update(open.key, intake::counter_cost(), |started| {
            intake::count_up(started.details.get_or_insert_default(), DROPPED)
        });
    Some(None)
}

/// True for what this crate logs itself: that recording has trouble is nothing to record.
fn is_ours(target: &str) -> bool {
    target
        .strip_prefix("tower_activity")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Says that this thread records a line, until it is dropped.
struct Recording {
    /// It did so already.
    nested: bool,
}

impl Recording {
    fn begin() -> Self {
        Recording {
            nested: RECORDING.replace(true),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RECORDING.set(self.nested);
    }
}
