//! The status of webhooks in `api/health`, without secrets.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::Uri;

use crate::notify::{WebhookStatus, Webhooks};

/// Set after a failure, until they can be read again: a page asks every few seconds, and the role of a reader may never read them.
static FAILING: AtomicBool = AtomicBool::new(false);

/// Returns the status of every webhook, or logs a warning and returns `None` if it cannot be read: health is shown regardless.
pub(super) fn statuses(webhooks: Option<&Webhooks>) -> Option<Vec<WebhookStatus>> {
    let mut statuses = match webhooks.map_or(Ok(Vec::new()), Webhooks::list) {
        Ok(statuses) => statuses,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            if !FAILING.swap(true, Relaxed) {
                tracing::warn!(target: "tower_activity::web", error, "could not read the webhooks");
            }
            return None;
        }
    };
    FAILING.store(false, Relaxed);
    for status in &mut statuses {
        status.url = origin(&status.url);
    }
    Some(statuses)
}

/// Returns the origin of a URL: many receivers put a secret into the path or the query.
fn origin(url: &str) -> String {
    let Ok(parsed) = url.parse::<Uri>() else {
        return String::new();
    };
    let scheme = parsed.scheme_str().unwrap_or_default();
    let host = parsed.host().unwrap_or_default();
    match parsed.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_of_a_url_is_shown() {
        let check = |url: &str, expected: &str| assert_eq!(origin(url), expected, "{url}");
        check(
            "https://example.com/services/a?token=b#c",
            "https://example.com",
        );
        check("http://user:password@[::1]:8080/hook", "http://[::1]:8080");
        check("https://user@example.com?a", "https://example.com");
        check("not a url", "");
    }
}
