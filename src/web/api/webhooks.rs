//! How webhooks stand, as far as it is shown.

use http::Uri;

use crate::notify::{WebhookStatus, Webhooks};

/// Every webhook; `None` where they cannot be read, which the log says: the store's health is shown all the same.
pub(super) fn shown(webhooks: Option<&Webhooks>) -> Option<Vec<WebhookStatus>> {
    let mut statuses = match webhooks.map_or(Ok(Vec::new()), Webhooks::list) {
        Ok(statuses) => statuses,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(target: "tower_activity::web", error, "the webhooks were not read");
            return None;
        }
    };
    for status in &mut statuses {
        status.url = origin(&status.url);
    }
    Some(statuses)
}

/// A URL as far as it says to whom: many receivers know their senders by a secret in the path or after it.
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
    fn of_a_url_only_the_host_is_shown() {
        let check = |url: &str, expected: &str| assert_eq!(origin(url), expected, "{url}");
        check(
            "https://example.com/services/a?token=b#c",
            "https://example.com",
        );
        check("http://user:password@[::1]:8080/hook", "http://[::1]:8080");
        check("https://user@example.com?a", "https://example.com");
        check("no url", "");
    }
}
