//! DevTools addresses of browser drivers.

use serde_json::{Map, Value};

/// A browser driver, for [`Browser::from_driver`](crate::recording::Browser::from_driver).
///
/// Implemented by `chromiumoxide::Browser` (feature `chromiumoxide`) and by the capabilities of any WebDriver session,
/// such as `client.capabilities()` of a `fantoccini::Client`.
pub trait BrowserDriver {
    /// Returns the address of the browser's DevTools, for [`Browser::at`](crate::recording::Browser::at); `None` if the
    /// browser has none.
    fn devtools(&self) -> Option<String>;
}

#[cfg(feature = "chromiumoxide")]
impl BrowserDriver for chromiumoxide::Browser {
    fn devtools(&self) -> Option<String> {
        Some(self.websocket_address().clone())
    }
}

/// The capabilities of a WebDriver session. chromedriver's contain the DevTools address, geckodriver's do not.
impl BrowserDriver for Map<String, Value> {
    fn devtools(&self) -> Option<String> {
        let options = self.get("goog:chromeOptions")?;
        options["debuggerAddress"].as_str().map(str::to_owned)
    }
}
