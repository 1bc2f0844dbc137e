//! Browsers, over the DevTools of any driver's: every page as rrweb events.

mod cdp;
mod driver;
mod endpoint;
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

/// Records a browser: every page, popup and iframe in it, as rrweb events that a player shows as a film.
///
/// It opens a connection of its own to the DevTools, beside the driver's, so that any driver will do. Each tab is a
/// track, and so is each iframe of another origin, of which its page shows an empty box. What is typed is masked, and secrets are redacted. The browser stays open when the recording ends.
///
/// Where there is no browser the recording's [`outcome`](crate::recording::Recording::outcome) says so; a browser that
/// is killed ends it as `gone`, a page that crashes marks it `crashed`, a page that hangs `timed_out`.
///
/// # Examples
///
/// ```no_run
/// use tower_activity::{Activity, recording::Browser};
///
/// # async fn run() {
/// // Or `Browser::from_driver(&browser)`, with what drives it in `chromiumoxide`.
/// let recording = Activity::current().attach(Browser::at("http://127.0.0.1:9222")).await;
/// # }
/// ```
///
/// # Loss
///
/// Pages hand events out every 50 ms, and when they are left. What a page or browser had not handed out when it crashed
/// is missing.
pub struct Browser {
    address: Endpoint,
    scope: Scope,
    world: World,
    settings: script::Settings,
    requests: Option<mpsc::UnboundedSender<Request>>,
    /// The recorder, which ends with this also where the browser does not even listen any more.
    task: JoinSet<()>,
}

/// Which pages are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    All,
    /// Those of this browser context.
    Context(String),
    /// This one, and what it opens.
    Page(String),
}

/// Where the script runs in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    /// Beside the page's own scripts.
    Main,
    /// Where those cannot see it.
    Isolated,
}

impl Browser {
    /// Names the browser by its DevTools: `ws://..`, or `http://host:port` of `--remote-debugging-port`.
    pub fn at(address: impl Into<String>) -> Self {
        Browser {
            address: Endpoint::at(address.into()),
            scope: Scope::All,
            world: World::Main,
            settings: script::Settings::default(),
            requests: None,
            task: JoinSet::new(),
        }
    }

    /// Names the browser by what drives it. Where that knows no DevTools there is nothing to record.
    pub fn from_driver(driver: &impl BrowserDriver) -> Self {
        Browser::at(driver.devtools().unwrap_or_default())
    }

    /// Records the pages of one browser context only, where several calls share a browser.
    #[must_use]
    pub fn context(mut self, browser_context_id: impl Into<String>) -> Self {
        self.scope = Scope::Context(browser_context_id.into());
        self
    }

    /// Records one page and what it opens only.
    #[must_use]
    pub fn page(mut self, target_id: impl Into<String>) -> Self {
        self.scope = Scope::Page(target_id.into());
        self
    }

    /// Records from a JavaScript world of its own, where pages can neither see the recorder nor get in its way.
    ///
    /// # Loss
    ///
    /// What only the page's own world tells is missing: values that its scripts put into inputs, and rules that they add
    /// to style sheets.
    #[must_use]
    pub fn isolated(mut self) -> Self {
        self.world = World::Isolated;
        self
    }

    /// Shows what this CSS selector finds as empty boxes.
    #[must_use]
    pub fn block(mut self, selector: impl Into<String>) -> Self {
        self.settings.block_selector = Some(selector.into());
        self
    }

    /// Records nothing of what is typed into what this CSS selector finds.
    #[must_use]
    pub fn ignore(mut self, selector: impl Into<String>) -> Self {
        self.settings.ignore_selector = Some(selector.into());
        self
    }

    async fn ask(&mut self, request: impl FnOnce(oneshot::Sender<()>) -> Request) {
        if let Some(requests) = &self.requests {
            let (done, answered) = oneshot::channel();
            // A browser that is gone holds nothing back any more.
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
        let patience = sink.limits().timeout / 4;
        let (requests, received) = mpsc::unbounded_channel();
        let ((begun, has_begun), (ready, is_ready)) = (oneshot::channel(), oneshot::channel());
        let recorder = Recorder::new(
            connection,
            sink,
            self.scope.clone(),
            self.world,
            &self.settings,
        )?;
        self.task.spawn(recorder.run(received, begun, ready));
        self.requests = Some(requests);
        has_begun.await.map_err(|_| {
            let what =
                format!("the browser at {endpoint} went away before its pages were recorded");
            Error::new(ErrorKind::NotFound, what)
        })?;
        // A page that hangs is recorded from when it answers, and nobody waits for that.
        let _ = timeout(patience, is_ready).await;
        Ok(())
    }

    async fn flush(&mut self) {
        self.ask(Request::Flush).await;
    }

    async fn stop(&mut self) {
        self.ask(Request::Stop).await;
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("address", &self.address)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
