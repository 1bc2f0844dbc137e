//! Who tells live listeners that something was committed: one look-up a time for all of them.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::watch, time};

use super::{problem::Problem, readers::Readers};
use crate::{
    query::ActivityReader,
    record::{ActivityRecord, EventRecord},
    store::Position,
};

/// Short enough to feel at once, long enough to cost nothing.
const EVERY: Duration = Duration::from_millis(200);

/// A place in the order of commits: of activities, and of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) activities: Position<ActivityRecord>,
    pub(super) events: Position<EventRecord>,
}

impl Place {
    /// The newest place.
    pub(super) fn newest(reader: &mut ActivityReader) -> crate::error::Result<Place> {
        Ok(Place {
            activities: reader.newest()?,
            events: reader.newest()?,
        })
    }
}

/// The newest place, for whoever listens. Nobody looks it up while nobody does.
#[derive(Debug, Clone, Default)]
pub(super) struct Feed {
    newest: Arc<Mutex<Option<watch::Sender<Place>>>>,
}

impl Feed {
    /// Listens: what changes is the newest place.
    pub(super) fn listen(&self, readers: &Readers, now: Place) -> watch::Receiver<Place> {
        let mut newest = self.newest.lock();
        if let Some(sender) = &*newest {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(now);
        *newest = Some(sender);
        tokio::spawn(look(self.clone(), readers.clone()));
        receiver
    }

    /// Stops where nobody listens any more.
    fn stops(&self) -> bool {
        let mut newest = self.newest.lock();
        let listened = newest
            .as_ref()
            .is_some_and(|sender| sender.receiver_count() > 0);
        if !listened {
            *newest = None;
        }
        !listened
    }

    fn tell(&self, place: Place) {
        if let Some(sender) = &*self.newest.lock() {
            sender.send_if_modified(|known| {
                let news = *known != place;
                *known = place;
                news
            });
        }
    }
}

async fn look(feed: Feed, readers: Readers) {
    while !feed.stops() {
        time::sleep(EVERY).await;
        // A store that cannot be read now may be later, and whoever listens finds out by asking it.
        if let Ok(place) = newest(&readers).await {
            feed.tell(place);
        }
    }
}

/// The newest place.
pub(super) async fn newest(readers: &Readers) -> Result<Place, Problem> {
    readers.ask(|reader| Ok(Place::newest(reader)?)).await
}
