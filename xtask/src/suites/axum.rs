//! axum's tests: the service of each test client gets an `ActivityLayer::http`.

use std::{fs, path::Path};

use super::{Suite, replace};
use crate::run::{Result, root};

pub(super) const SUITE: Suite = Suite {
    package: "axum",
    features: "form http1 http2 json macros matched-path multipart original-uri query tokio tower-log tracing ws __private",
    prepare,
    tests: |_| Ok(vec!["--lib".into(), "--tests".into()]),
    wrap,
};

fn prepare(copy: &Path) -> Result {
    let library = root().display().to_string();
    // The tests need a private feature of `axum-macros`, which the published manifest does not enable.
    let more = format!(
        "[dev-dependencies.axum-macros]\nversion = \"0.5\"\nfeatures = [\"__private\"]\n\n\
         [dev-dependencies.tower-activity]\npath = {library:?}\ndefault-features = false\n\
         features = [\"sqlite\", \"bundled\", \"http\"]\n\n[dev-dependencies.anyhow]"
    );
    replace(&copy.join("Cargo.toml"), "[dev-dependencies.anyhow]", &more)
}

fn wrap(copy: &Path) -> Result {
    let helpers = copy.join("src/test_helpers");
    fs::copy(
        root().join("xtask/suites/axum.rs"),
        helpers.join("recorded.rs"),
    )?;
    replace(
        &helpers.join("mod.rs"),
        "mod test_client;",
        "#[cfg(test)]\nmod recorded;\nmod test_client;",
    )?;
    replace(
        &helpers.join("test_client.rs"),
        "    let addr = listener.local_addr().unwrap();",
        "    #[cfg(test)]\n    let svc = super::recorded::recorded(svc);\n    let addr = listener.local_addr().unwrap();",
    )
}
