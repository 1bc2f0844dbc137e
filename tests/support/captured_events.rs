//! Capturing events of `tracing`.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

/// The log's own events in order: level, and fields as text.
#[derive(Debug, Clone, Default)]
pub struct CapturedEvents(Arc<Mutex<Vec<(Level, String)>>>);

impl CapturedEvents {
    /// Captures events of this thread while `work` runs.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let subscriber = tracing_subscriber::registry().with(self.clone());
        tracing::subscriber::with_default(subscriber, work)
    }

    /// Returns the only event.
    pub fn one(&self) -> (Level, String) {
        let said = self.0.lock().unwrap();
        assert_eq!(said.len(), 1, "{said:#?}");
        said[0].clone()
    }
}

impl<S: Subscriber> Layer<S> for CapturedEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        if ["tower_activity::log", "tower_activity::mcp"].contains(&target) {
            let mut text = String::new();
            event.record(&mut Fields(&mut text));
            let level = *event.metadata().level();
            self.0.lock().unwrap().push((level, text));
        }
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}
