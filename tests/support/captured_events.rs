//! What was said to `tracing`, kept to be looked at.

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

/// Every event that was said while this listened, in order: its level, and its fields as text.
#[derive(Debug, Clone, Default)]
pub struct CapturedEvents(Arc<Mutex<Vec<(Level, String)>>>);

impl CapturedEvents {
    /// Listens on this thread while `work` runs.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let subscriber = tracing_subscriber::registry().with(self.clone());
        tracing::subscriber::with_default(subscriber, work)
    }

    /// The one event that was said of the log itself.
    pub fn one(&self) -> (Level, String) {
        let said = self.0.lock().unwrap();
        assert_eq!(said.len(), 1, "{said:#?}");
        said[0].clone()
    }
}

impl<S: Subscriber> Layer<S> for CapturedEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "tower_activity::log" {
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
