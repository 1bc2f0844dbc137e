//! `activity top`: running calls, rates, failures and the slowest names, refreshed until ctrl-c.

mod rates;
mod screen;
mod view;

use std::{
    io::{self, IsTerminal},
    pin::{Pin, pin},
    time::{Duration, Instant},
};

use tokio::{task, time};
use tower_activity::{
    Status,
    query::ActivityReader,
    record::{ActivityRecord, Filter},
    store::LARGEST_PAGE,
};

use self::{
    rates::Rates,
    screen::{Key, Screen},
    view::View,
};
use crate::{
    args::Top,
    failure::Failure,
    outage::Outage,
    print::{self, json},
    signal, source,
};

/// How long the view is read before keys are read meanwhile.
const READ_TIMEOUT: Duration = Duration::from_millis(200);

pub(crate) fn run(store: &str, args: &Top) -> Result<(), Failure> {
    let filter = source::filter(&args.filter, args.tz)?;
    if args.json || args.once || !io::stdout().is_terminal() {
        let view = Watched::new(store, filter)?.view()?;
        match args.json {
            true => json::print(&view)?,
            false => print::text(&view.render(print::width(), None))?,
        }
        return Ok(());
    }
    let mut outage = Outage::new(store);
    let opened = outage.open(|| {
        let mut top = Watched::new(store, filter.clone())?;
        let view = top.view()?;
        Ok((top, view))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let interval = Duration::from_secs_f64(args.interval);
    let done = runtime.block_on(watch(opened, outage, interval));
    // Does not wait for a store that is away.
    runtime.shutdown_background();
    done
}

/// Refreshes the view until a key or a signal ends it.
async fn watch(
    (mut top, mut view): (Watched, View),
    mut outage: Outage,
    interval: Duration,
) -> Result<(), Failure> {
    let mut shutdown = pin!(signal::shutdown()?);
    let mut screen = Screen::enter()?;
    loop {
        screen.draw(&view)?;
        let refresh = Instant::now() + outage.pause(interval);
        if wait(refresh, shutdown.as_mut()).await? == Key::Quit {
            return Ok(());
        }
        // On another thread: a store that is away may take its time, and keys do not wait for it.
        let mut reading = task::spawn_blocking(move || {
            let view = top.view();
            (top, view)
        });
        let (back, next) = loop {
            if let Ok(read) = time::timeout(READ_TIMEOUT, &mut reading).await {
                break read.map_err(io::Error::other)?;
            }
            if wait(Instant::now() + READ_TIMEOUT, shutdown.as_mut()).await? == Key::Quit {
                return Ok(());
            }
        };
        top = back;
        match next {
            Ok(next) => {
                view = next;
                outage.end();
            }
            Err(error) => {
                if let Some(message) = outage.begin(error)? {
                    view.notice = Some(message);
                }
            }
        }
    }
}

/// Waits for the next refresh, a key or a signal.
async fn wait(
    refresh: Instant,
    mut shutdown: Pin<&mut impl Future<Output = io::Result<()>>>,
) -> io::Result<Key> {
    while Instant::now() < refresh {
        let key = tokio::task::spawn_blocking(move || screen::key(refresh));
        tokio::select! {
            signal = &mut shutdown => return signal.map(|()| Key::Quit),
            key = key => match key.map_err(io::Error::other)?? {
                Key::None => {}
                key => return Ok(key),
            },
        }
    }
    Ok(Key::None)
}

/// The store, and what has ended there lately.
struct Watched {
    reader: ActivityReader,
    store: String,
    filter: Filter,
    rates: Rates,
}

impl Watched {
    fn new(store: &str, filter: Filter) -> Result<Self, Failure> {
        let mut reader = source::open(store)?;
        let rates = Rates::new(&mut reader, &filter)?;
        Ok(Watched {
            reader,
            store: source::shown(store),
            filter,
            rates,
        })
    }

    fn view(&mut self) -> tower_activity::Result<View> {
        self.rates.update(&mut self.reader, &self.filter)?;
        let now = self.reader.present()?;
        let (running, more) = self.running()?;
        Ok(View::new(&self.store, now, running, more, &self.rates))
    }

    /// Returns running activities, the oldest first, and whether there are more.
    fn running(&mut self) -> tower_activity::Result<(Vec<ActivityRecord>, bool)> {
        let is_running = |status: &Status| *status == Status::Running;
        if !self.filter.status.allows(is_running) {
            return Ok((Vec::new(), false));
        }
        let mut running = self.filter.clone();
        running.status.any_of = vec![Status::Running];
        let page = self.reader.page(&running, None, LARGEST_PAGE)?;
        let mut records = page.records;
        records.sort_by_key(|one| one.started_at);
        Ok((records, page.next.is_some()))
    }
}
