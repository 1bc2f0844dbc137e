//! `activity tail`: follows activities as they start and end.

use std::{
    collections::HashSet,
    io::{self, Write},
    pin::pin,
    time::Duration,
};

use chrono::{Local, Utc};
use tokio::task;
use tower_activity::{
    Result, Status,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, Filter},
    store::{LARGEST_PAGE, Position},
};

use crate::{
    args::Tail,
    failure::Failure,
    outage::Outage,
    print::{
        self, json, safe,
        status::{self, BOLD, DIM, elapsed, styled},
    },
    source,
};

/// Polling interval: feels immediate, and costs one look-up each time.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(200);

pub(crate) fn run(store: &str, args: &Tail) -> Result<(), Failure> {
    let filter = source::filter(&args.filter, args.tz)?;
    let mut outage = Outage::new(store);
    let (store, limit) = (store.to_owned(), args.limit);
    let open = move || {
        let mut follower = Follower::new(source::open(&store)?, filter.clone())?;
        let earlier = follower.earlier(limit)?;
        Ok::<_, Failure>((follower, earlier))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        let opening = task::spawn_blocking(move || {
            let opened = outage.open(open);
            (outage, opened)
        });
        let (mut outage, opened) = tokio::select! {
            opened = opening => opened.map_err(io::Error::other)?,
            signal = &mut interrupted => return Ok(signal?),
        };
        let (mut follower, earlier) = opened?;
        print(&earlier, args)?;
        loop {
            // On another thread: a store that is away may take its time.
            let polling = task::spawn_blocking(move || {
                let mut news = Vec::new();
                let polled = follower.poll(&mut news);
                (follower, news, polled)
            });
            let (back, news, polled) = tokio::select! {
                polled = polling => polled.map_err(io::Error::other)?,
                signal = &mut interrupted => return Ok(signal?),
            };
            follower = back;
            print(&news, args)?;
            outage.note(polled)?;
            let pause = outage.pause(POLL_INTERVAL);
            if let Ok(signal) = tokio::time::timeout(pause, &mut interrupted).await {
                return Ok(signal?);
            }
        }
    });
    // Does not wait for a store that is away.
    runtime.shutdown_background();
    done
}

/// Follows started and ended activities.
struct Follower {
    reader: ActivityReader,
    filter: Filter,
    /// The filter restricted to running activities; `None` if it excludes them.
    running: Option<Filter>,
    /// Running activities that were already printed.
    listed: HashSet<ActivityId>,
    position: Position<ActivityRecord>,
}

impl Follower {
    fn new(mut reader: ActivityReader, filter: Filter) -> Result<Self> {
        let position = reader.newest()?;
        let running = filter
            .status
            .allows(|status| *status == Status::Running)
            .then(|| {
                let mut running = filter.clone();
                running.status.any_of = vec![Status::Running];
                running
            });
        Ok(Follower {
            reader,
            filter,
            running,
            listed: HashSet::new(),
            position,
        })
    }

    /// Returns the last activities that ended before the follower started, oldest first.
    fn earlier(&mut self, lines: usize) -> Result<Vec<ActivityRecord>> {
        if lines == 0 {
            // Runs the filter anyway, so that an unsupported one fails now.
            self.reader.after(self.position, &self.filter, 1)?;
            return Ok(Vec::new());
        }
        let mut ended = self.filter.clone();
        ended.status.none_of.push(Status::Running);
        let mut earlier = self.reader.page(&ended, None, lines)?.records;
        earlier.retain(|activity| activity.seq.is_some_and(|seq| seq <= self.position.seq()));
        earlier.reverse();
        Ok(earlier)
    }

    /// Adds what has started or ended since the last call. What was read before an error is added, too.
    fn poll(&mut self, news: &mut Vec<ActivityRecord>) -> Result<()> {
        news.extend(self.started()?);
        loop {
            let after = self
                .reader
                .after(self.position, &self.filter, LARGEST_PAGE)?;
            let complete = after.records.len() < LARGEST_PAGE;
            self.position = after.next;
            news.extend(after.records);
            if complete {
                return Ok(());
            }
        }
    }

    /// Returns running activities that were not there at the last call. Short ones are never seen running.
    fn started(&mut self) -> Result<Vec<ActivityRecord>> {
        let Some(filter) = &self.running else {
            return Ok(Vec::new());
        };
        let mut running = self.reader.page(filter, None, LARGEST_PAGE)?.records;
        running.reverse();
        let listed = running.iter().map(|activity| activity.id).collect();
        let before = std::mem::replace(&mut self.listed, listed);
        running.retain(|activity| !before.contains(&activity.id));
        Ok(running)
    }
}

fn print(activities: &[ActivityRecord], args: &Tail) -> io::Result<()> {
    if activities.is_empty() {
        return Ok(());
    }
    if args.json {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for activity in activities {
            json::line(&mut out, activity)?;
        }
        return out.flush();
    }
    let width = print::width();
    let lines: String = activities
        .iter()
        .map(|activity| line(activity, width))
        .collect();
    print::text(&lines)
}

/// Columns of time, status, duration and kind, with the spaces after them.
const BEFORE_NAME: usize = 8 + 2 + 11 + 2 + 12 + 2 + 8 + 2;

fn line(activity: &ActivityRecord, width: Option<usize>) -> String {
    let style = status::style(activity.status);
    let at = activity
        .ended_at
        .unwrap_or(activity.started_at)
        .with_timezone(&Local);
    let duration = match activity.status {
        Status::Running => "started".to_owned(),
        _ => elapsed(activity, Utc::now()),
    };
    let scope = [
        ("project", &activity.scope.project),
        ("brand", &activity.scope.brand),
        ("actor", &activity.scope.actor),
    ];
    let mut rest: Vec<String> = scope
        .into_iter()
        .filter_map(|(name, text)| Some(format!("{name}={}", safe::line(text.as_deref()?))))
        .collect();
    rest.extend(Some(status::error(activity)).filter(|error| !error.is_empty()));
    let name = safe::line(&status::named(&activity.name));
    let rest = rest.join(" ");
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(BEFORE_NAME));
    // A long name leaves half of the room to the rest.
    let name = safe::truncate(&name, room - (safe::width(&rest) + 2).min(room / 2));
    let rest = match room.saturating_sub(safe::width(&name) + 2) {
        // Nothing but an ellipsis.
        0..4 => String::new(),
        room => safe::truncate(&rest, room),
    };
    let rest = if rest.is_empty() {
        rest
    } else {
        format!("  {}", styled(DIM, &rest))
    };
    let state = format!(
        "{} {:<9}",
        status::sign(activity.status),
        activity.status.as_str()
    );
    format!(
        "{}  {}  {duration:>12}  {:<8}  {}{rest}\n",
        styled(DIM, &at.format("%H:%M:%S").to_string()),
        styled(style, &state),
        activity.kind.as_str(),
        styled(BOLD, &name),
    )
}
