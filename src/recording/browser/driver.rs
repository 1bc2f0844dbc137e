//! From what drives a browser to its DevTools.

use serde_json::{Map, Value};

/// Something that drives a browser, for [`Browser::of`](crate::recording::Browser::from_driver).
///
/// `chromiumoxide::Browser` is, with the feature of this name, and so are the capabilities of any WebDriver session:
/// `client.capabilities()` of a `fantoccini::Client`.
pub trait BrowserDriver {
    /// The address of the browser's DevTools, as [`Browser::at`](crate::recording::Browser::at) takes it; `None` where
    /// it has none.
    fn devtools(&self) -> Option<String>;
}

#[cfg(feature = "chromiumoxide")]
impl BrowserDriver for chromiumoxide::Browser {
    fn devtools(&self) -> Option<String> {
        Some(self.websocket_address().clone())
    }
}

/// The capabilities of a WebDriver session: chromedriver says in them where the DevTools are, geckodriver has none.
impl BrowserDriver for Map<String, Value> {
    fn devtools(&self) -> Option<String> {
        let options = self.get("goog:chromeOptions")?;
        options["debuggerAddress"].as_str().map(str::to_owned)
    }
}
