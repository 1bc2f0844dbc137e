//! Browser recordings: every page as rrweb events, over the DevTools of a browser driven by any library.

mod cdp;
mod console;
mod driver;
mod endpoint;
mod message;
mod recorder;
mod redact;
mod script;
mod tab;

use std::fmt;

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

pub use self::driver::BrowserDriver;
use self::{cdp::Connection, endpoint::Endpoint, recorder::Recorder};
use crate::{
    error::{Error, ErrorKind, Result},
    record::Text,
    recording::{Resource, Sink, actor::Request},
};

/// Records a browser: every page, popup and iframe, as rrweb events for session replay.
///
/// Opens its own connection to the DevTools, separate from the driver's, so that it works with any driver. Each tab is a
/// track, and so is each cross-origin iframe, which appears as an empty box in its page. Typed text is masked, and
/// secrets are redacted. The browser stays open when the recording ends.
///
/// Errors and warnings on the console of a page, and its uncaught errors, are recorded as events of rrweb's console plugin: up
/// to 1,000 in a recording, further ones are counted as lost.
///
/// If there is no browser, the recording's [`outcome`](crate::recording::Recording::outcome) is an error. A browser that
/// is killed ends the recording as `gone`; a page that crashes marks it `crashed`, and a page that hangs `timed_out`.
///
/// # Examples
///
/// ```no_run
/// use tower_activity::{Activity, recording::Browser};
///
/// # async fn run() {
/// // Or `Browser::from_driver(&browser)`, with a `chromiumoxide::Browser`.
/// let recording = Activity::current().attach(Browser::at("http://127.0.0.1:9222")).await;
/// # }
/// ```
///
/// # Loss
///
/// Pages send their events every 50 ms, and when they are left. If a page or the browser crashes, events not yet sent are
/// missing.
pub struct Browser {
    address: Endpoint,
    target: Target,
    world: World,
    settings: script::Settings,
    requests: Option<mpsc::UnboundedSender<Request>>,
    /// The recorder task; aborted on drop, even if the browser does not respond.
    task: JoinSet<()>,
}

/// Which pages are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    All,
    /// The pages of this browser context.
    Context(String),
    /// This page, and the pages it opens.
    Page(String),
}

/// The JavaScript world in which the script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    /// The world of the page's own scripts.
    Main,
    /// A separate world, invisible to the page's scripts.
    Isolated,
}

impl Browser {
    /// Records the browser at this DevTools address: `ws://…`, or `http://host:port` for a `--remote-debugging-port`.
    pub fn at(address: impl Into<String>) -> Self {
        Browser {
            address: Endpoint::new(address.into()),
            target: Target::All,
            world: World::Main,
            settings: script::Settings::default(),
            requests: None,
            task: JoinSet::new(),
        }
    }

    /// Records the browser of a driver. If the browser has no DevTools, nothing is recorded.
    pub fn from_driver(driver: &impl BrowserDriver) -> Self {
        Browser::at(driver.devtools().unwrap_or_default())
    }

    /// Records only the pages of one browser context, for calls that share a browser.
    #[must_use]
    pub fn context(mut self, browser_context_id: impl Into<String>) -> Self {
        self.target = Target::Context(browser_context_id.into());
        self
    }

    /// Records only one page and the pages it opens.
    #[must_use]
    pub fn page(mut self, target_id: impl Into<String>) -> Self {
        self.target = Target::Page(target_id.into());
        self
    }

    /// Records from an isolated JavaScript world, where pages can neither see the recorder nor interfere with it.
    ///
    /// # Loss
    ///
    /// Changes visible only in the page's main world are missing: values that scripts put into inputs, and rules that
    /// scripts add to style sheets.
    #[must_use]
    pub fn isolated(mut self) -> Self {
        self.world = World::Isolated;
        self
    }

    /// Records elements that match this CSS selector as empty boxes.
    #[must_use]
    pub fn block(mut self, selector: impl Into<String>) -> Self {
        self.settings.block_selector = Some(selector.into());
        self
    }

    /// Ignores input into elements that match this CSS selector.
    #[must_use]
    pub fn ignore(mut self, selector: impl Into<String>) -> Self {
        self.settings.ignore_selector = Some(selector.into());
        self
    }

    /// Sends a request to the recorder and waits until it is done.
    async fn request(&mut self, request: impl FnOnce(oneshot::Sender<()>) -> Request) {
        if let Some(requests) = &self.requests {
            let (done, answered) = oneshot::channel();
            // If the browser is gone, nothing is buffered.
            if requests.send(request(done)).is_ok() {
                let _ = answered.await;
            }
        }
    }
}

impl Resource for Browser {
    fn format(&self) -> Text {
        Text::from_static("rrweb")
    }

    async fn start(&mut self, sink: Sink) -> Result<()> {
        let endpoint = self.address.websocket().await?;
        let connection = Connection::open(&endpoint).await?;
        let start_timeout = sink.limits().timeout / 4;
        let (requests, received) = mpsc::unbounded_channel();
        let ((attached, is_attached), (ready, is_ready)) = (oneshot::channel(), oneshot::channel());
        let recorder = Recorder::new(
            connection,
            sink,
            self.target.clone(),
            self.world,
            &self.settings,
        )?;
        self.task.spawn(recorder.run(received, attached, ready));
        self.requests = Some(requests);
        is_attached.await.map_err(|_| {
            let message =
                format!("the browser at {endpoint} disconnected before its pages were recorded");
            Error::new(ErrorKind::NotFound, message)
        })?;
        // Do not wait for a page that hangs: it is recorded once it responds.
        let _ = timeout(start_timeout, is_ready).await;
        Ok(())
    }

    async fn flush(&mut self) {
        self.request(Request::Flush).await;
    }

    async fn stop(&mut self) {
        self.request(Request::Stop).await;
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("address", &self.address)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
