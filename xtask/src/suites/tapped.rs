//! The tests of servers that cannot be wrapped, of another version or SDK: they serve below the layer that reads what passes.
//! `axum::serve` is imported from `xtask/suites/tapped.rs`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Suite, replace, rmcp, test_files};
use crate::run::Result;

/// Those that the layer is put around, with their requirements.
pub(super) const SUITES: &[Suite] = &[RMCP, PMCP];
pub(super) const REQUIREMENTS: &str = "rmcp = \"2\"\npmcp = \"2\"\n";

const RMCP: Suite = Suite {
    package: "rmcp",
    features: "client server elicitation macros schemars tower transport-async-rw transport-io transport-child-process \
               transport-streamable-http-client transport-streamable-http-client-reqwest \
               transport-streamable-http-client-unix-socket transport-streamable-http-server reqwest",
    prepare: rmcp::prepare,
    tests: |copy| Ok(selected(&http_tests(copy, "StreamableHttpService")?)),
    wrap: |copy| {
        for file in http_tests(copy, "StreamableHttpService")? {
            let text = fs::read_to_string(&file)?;
            fs::write(&file, text.replace("axum::serve(", "wrapper::serve("))?;
        }
        Ok(())
    },
};

const PMCP: Suite = Suite {
    package: "pmcp",
    features: "streamable-http http-client sse v1-compat macros validation schema-generation testing",
    prepare: |copy| {
        replace(
            &copy.join("Cargo.toml"),
            "[dev-dependencies.clap]",
            "[dependencies.wrapper]\npath = \"../wrapper\"\n\n[dev-dependencies.clap]",
        )
    },
    tests: |copy| Ok(selected(&http_tests(copy, "StreamableHttpServer")?)),
    // The library itself serves.
    wrap: |copy| {
        replace(
            &copy.join("src/server/streamable_http_server.rs"),
            "            axum::serve(listener, app)",
            "            wrapper::serve(listener, app)",
        )
    },
};

/// The tests that use this server, without those that start programs of other languages or examples.
fn http_tests(copy: &Path, server: &str) -> Result<Vec<PathBuf>> {
    let files = test_files(copy)?.into_iter().filter(|(file, text)| {
        let starts = ["test_with_js", "example_process"];
        let is_alone = !starts.iter().any(|other| text.contains(other));
        text.contains(server) && is_alone && !file.ends_with("test_with_js.rs")
    });
    Ok(files.map(|(file, _)| file).collect())
}

/// The arguments of `cargo test` that select tests.
fn selected(files: &[PathBuf]) -> Vec<String> {
    let names = files.iter().filter_map(|file| file.file_stem()?.to_str());
    names
        .flat_map(|name| ["--test".to_owned(), name.to_owned()])
        .collect()
}
