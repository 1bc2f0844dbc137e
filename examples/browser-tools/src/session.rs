//! Browser sessions, which live across calls, and their recordings.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex as Lock, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, RwLock},
    time::sleep,
};
use tower_activity::{
    Activity,
    recording::{Browser as Recorded, Recording},
};

use crate::{browser::Browser, shop::Shop};

/// The result of a tool, with an error message for its caller.
pub(crate) type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How long to wait for an element.
const TIMEOUT: Duration = Duration::from_secs(10);
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
    sessions: Sessions,
    /// The DevTools session id.
    id: String,
    context: String,
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

    /// Opens a page of the shop in a new session, recorded with the current call.
    pub(crate) async fn open(&self, path: &str) -> Result<Session> {
        let browser = self.0.browser.read().await;
        let browser = browser.as_ref().ok_or("the browser is closed")?;
        let context = browser.context().await?;
        let recorded = Recorded::at(&browser.address).context(&context);
        // The first of the two lines. It comes before the first page is opened, so that nothing is missed.
        let recording = Activity::current().attach(recorded).await;
        let id = browser.open(&self.0.shop.url(path), &context).await?;
        Ok(Session {
            sessions: self.clone(),
            id,
            context,
            recording,
        })
    }

    /// Keeps a session for other calls. Returns its name.
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
        // Before the pages are closed, so that their last events are recorded.
        session.recording.stop().await;
        if let Some(browser) = &*self.0.browser.read().await {
            browser.dispose(&session.context).await;
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
    /// Links the session to the current call.
    pub(crate) fn join(&self) {
        // The second of the two lines: from here on the recording belongs to this call too.
        self.recording.link(&Activity::current());
    }

    pub(crate) async fn go(&self, path: &str) -> Result<()> {
        let url = self.sessions.0.shop.url(path);
        // The response comes once the old page is gone.
        self.call("Page.navigate", json!({"url": url})).await?;
        Ok(())
    }

    /// Types a text into a field, one character after the other.
    pub(crate) async fn fill(&self, field: &str, text: &str) -> Result<()> {
        self.point_and_click(&format!("[name={field}]")).await?;
        for one in text.chars() {
            self.call("Input.insertText", json!({"text": one})).await?;
        }
        Ok(())
    }

    /// Clicks on an element, then waits until one of these exists. Returns its index.
    pub(crate) async fn click(&self, selector: &str, then: &[&str]) -> Result<usize> {
        self.point_and_click(selector).await?;
        self.wait(then).await
    }

    /// Waits until one of these exists. Returns its index.
    pub(crate) async fn wait(&self, selectors: &[&str]) -> Result<usize> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            for (at, selector) in selectors.iter().enumerate() {
                let is_there = format!("document.querySelector({selector:?}) !== null");
                // An error means that the page is being replaced.
                if self
                    .evaluate(&is_there)
                    .await
                    .is_ok_and(|there| there == true)
                {
                    return Ok(at);
                }
            }
            if Instant::now() > deadline {
                return Err(
                    format!("the page shows none of {selectors:?} after {TIMEOUT:?}").into(),
                );
            }
            sleep(POLL).await;
        }
    }

    /// The texts of all matching elements.
    pub(crate) async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let script =
            format!("[...document.querySelectorAll({selector:?})].map(one => one.textContent)");
        Ok(serde_json::from_value(self.evaluate(&script).await?)?)
    }

    /// Waits for an element, and clicks on its middle, as a mouse does.
    async fn point_and_click(&self, selector: &str) -> Result<()> {
        self.wait(&[selector]).await?;
        let middle = format!(
            "(one => {{ one.scrollIntoViewIfNeeded(); const box = one.getBoundingClientRect(); \
             return {{x: box.x + box.width / 2, y: box.y + box.height / 2}} }})(document.querySelector({selector:?}))"
        );
        let mut event = self.evaluate(&middle).await?;
        event["button"] = "left".into();
        event["clickCount"] = 1.into();
        for kind in ["mousePressed", "mouseReleased"] {
            event["type"] = kind.into();
            self.call("Input.dispatchMouseEvent", event.clone()).await?;
        }
        Ok(())
    }

    async fn evaluate(&self, expression: &str) -> Result<Value> {
        let params = json!({"expression": expression, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", params).await?;
        match answer["exceptionDetails"]["text"].as_str() {
            Some(error) => Err(format!("{error} at {expression}").into()),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    async fn call(&self, method: &'static str, params: Value) -> Result<Value> {
        let browser = self.sessions.0.browser.read().await;
        let browser = browser.as_ref().ok_or("the browser is closed")?;
        browser.devtools.call(Some(&self.id), method, params).await
    }
}
