//! `cargo xtask api`: schemathesis sends valid and invalid requests to the API, and checks the responses against its
//! description.

use crate::{
    run::{Result, run},
    served::Example,
};

/// The version of schemathesis whose checks are listed below.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// The checks of each response. Not that valid requests are accepted: the description does not express the grammar of
/// filters.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
     response_schema_conformance,negative_data_rejection,unsupported_method";

/// Serves a store with some records, and runs schemathesis on it.
///
/// # Errors
///
/// If Python is missing, or a response violates the description.
pub(crate) fn api() -> Result {
    let example = Example::new("api", SCHEMATHESIS)?;
    run(example.activity().args([
        "event",
        "deployment",
        "v3 live",
        "--project",
        "acme",
        "--actor",
        "ann",
    ]))?;
    let receiver = "https://example.com/hook";
    run(example
        .activity()
        .args(["webhooks", "add", "alerts", receiver]))?;
    let server = example.serve(&["--accept-events"])?;
    let url = &server.url;
    // It writes its findings into the working directory.
    run(example
        .python("schemathesis")
        .args(["run", &format!("{url}api/openapi.json")])
        .args(["--url", &format!("{url}api"), "--checks", CHECKS])
        // The header of a same-origin page, which may write.
        .args(["--header", "Sec-Fetch-Site: same-origin"])
        // The event stream has no end.
        .args(["--exclude-path", "/live", "--request-timeout", "10"])
        .args([
            "--max-examples",
            "50",
            "--rate-limit",
            "150/s",
            "--no-color",
        ]))
}
