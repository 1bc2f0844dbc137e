//! `cargo xtask openapi`: writes the API's description, from which the pages' types are generated.

use crate::run::{Result, cargo, root, run};

/// The committed copy.
const FILE: &str = "src/web/openapi.json";

/// Writes the description that the router serves, with everything that can be enabled.
///
/// # Errors
///
/// If it cannot be built or written.
pub(crate) fn openapi() -> Result {
    let args = [
        "test",
        "--package",
        "tower-activity",
        // Without `browser` and `dashboard`, whose pages are built from the description.
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
