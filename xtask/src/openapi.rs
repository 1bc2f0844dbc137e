//! `cargo xtask openapi`: the API's description, which types of the pages are generated from.

use crate::run::{Result, cargo, root, run};

/// The committed copy.
const FILE: &str = "src/web/openapi.json";

/// Writes the description that the router serves, with everything that can be enabled.
///
/// # Errors
///
/// When it cannot be built or written.
pub(crate) fn openapi() -> Result {
    let args = [
        "test",
        "--package",
        "tower-activity",
        // Neither `browser` nor `dashboard`: they need pages that were built from the description.
        "--features",
        "axum,recording,testing,web,webhook,time-zones",
        "--test",
        "http",
        "--",
        "--exact",
        "web::description::the_committed_description_is_what_the_router_serves",
    ];
    run(cargo(&args).env("ACTIVITY_TEST_OPENAPI", root().join(FILE)))
}
