//! Browser sessions, which live across calls, and what they leave on record.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex as Lock, PoisonError},
    time::{Duration, Instant},
};

use chromiumoxide::{
    Page,
    cdp::browser_protocol::{browser::BrowserContextId, target::CreateTargetParams},
};
use tokio::{
    sync::{Mutex, RwLock},
    time::sleep,
};
use tower_activity::{
    Activity,
    recording::{Browser as Recorded, Recording},
};

use crate::{browser::Browser, shop::Shop};

/// What went wrong in a browser, in words for whoever called a tool.
pub(crate) type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How long a page may take to show what is expected.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// The sessions that are open. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Sessions(Arc<All>);

struct All {
    /// `None` once it is closed.
    browser: RwLock<Option<Browser>>,
    shop: Shop,
    open: Lock<Open>,
}

#[derive(Default)]
struct Open {
    number: u64,
    by_name: HashMap<String, Arc<Mutex<Session>>>,
}

/// A page in a browser context of its own, and its recording.
pub(crate) struct Session {
    page: Page,
    context: BrowserContextId,
    recording: Recording,
}

impl Sessions {
    pub(crate) fn new(browser: Browser, shop: Shop) -> Self {
        Sessions(Arc::new(All {
            browser: RwLock::new(Some(browser)),
            shop,
            open: Lock::default(),
        }))
    }

    /// Opens a page of the shop in a session of its own, recorded into the call that asks.
    pub(crate) async fn open(&self, path: &str) -> Result<Session> {
        let browser = self.0.browser.read().await;
        let browser = browser.as_ref().ok_or("the browser is closed")?;
        let context = browser.context().await?;
        let recorded = Recorded::of(&browser.driven).context(context.as_ref());
        // One of the two lines that this example is about. It comes before the first page, so that nothing is missed.
        let recording = Activity::current().attach(recorded).await;
        let mut target = CreateTargetParams::new(self.0.shop.url(path));
        target.browser_context_id = Some(context.clone());
        let page = browser.driven.new_page(target).await?;
        Ok(Session {
            page,
            context,
            recording,
        })
    }

    /// Keeps a session for other calls. Gives the name that they find it by.
    pub(crate) fn keep(&self, session: Session) -> String {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.number += 1;
        let name = format!("session-{}", open.number);
        open.by_name
            .insert(name.clone(), Arc::new(Mutex::new(session)));
        name
    }

    /// The session of this name. Calls that share it take turns.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Mutex<Session>>> {
        let open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.by_name.get(name).cloned();
        found.ok_or_else(|| format!("there is no session {name:?}: log in first").into())
    }

    /// Ends a session and its recording.
    pub(crate) async fn end(&self, session: &Session) {
        // Before the pages go, so that their last events are in it.
        session.recording.stop().await;
        if let Some(browser) = &*self.0.browser.read().await {
            let context = session.context.clone();
            // A browser that is gone has no page left to close.
            let _ = browser.driven.dispose_browser_context(context).await;
        }
    }

    /// Ends the session of this name.
    pub(crate) async fn end_named(&self, name: &str) -> Result<()> {
        let session = self.find(name)?;
        self.0
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .by_name
            .remove(name);
        let session = session.lock().await;
        session.join();
        self.end(&session).await;
        Ok(())
    }

    /// Ends all sessions, and closes the browser.
    pub(crate) async fn close(&self) {
        let open = std::mem::take(&mut *self.0.open.lock().unwrap_or_else(PoisonError::into_inner));
        for session in open.by_name.into_values() {
            self.end(&*session.lock().await).await;
        }
        if let Some(browser) = self.0.browser.write().await.take() {
            browser.close().await;
        }
    }
}

impl Session {
    /// Says that the call which asks goes on with this session.
    pub(crate) fn join(&self) {
        // The other of the two lines: from here on it is on record with this call, too.
        self.recording.link(&Activity::current());
    }

    pub(crate) async fn go(&self, shop: &Sessions, path: &str) -> Result<()> {
        self.page.goto(shop.0.shop.url(path)).await?;
        Ok(())
    }

    pub(crate) async fn fill(&self, field: &str, text: &str) -> Result<()> {
        let field = self.page.find_element(format!("[name={field}]")).await?;
        field.click().await?;
        field.type_str(text).await?;
        Ok(())
    }

    /// Clicks on something, and waits until one of these is there. Says which.
    pub(crate) async fn click(&self, selector: &str, then: &[&str]) -> Result<usize> {
        let element = self.page.find_element(selector).await?;
        element.click().await?;
        self.wait(then).await
    }

    /// Waits until one of these is there. Says which.
    pub(crate) async fn wait(&self, selectors: &[&str]) -> Result<usize> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for (at, selector) in selectors.iter().enumerate() {
                // An error says that it is not there yet, or that the page is about to go.
                if self.page.find_element(*selector).await.is_ok() {
                    return Ok(at);
                }
            }
            if Instant::now() > deadline {
                return Err(
                    format!("the page shows none of {selectors:?} after {PATIENCE:?}").into(),
                );
            }
            sleep(POLL).await;
        }
    }

    /// The texts of everything that is found.
    pub(crate) async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let script =
            format!("[...document.querySelectorAll({selector:?})].map(one => one.textContent)");
        let found = self.page.evaluate_expression(script).await?;
        Ok(found.into_value()?)
    }
}
