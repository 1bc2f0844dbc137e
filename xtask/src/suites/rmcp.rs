//! rmcp's tests: what serves a server is imported from a crate that wraps it, `xtask/suites/rmcp.rs`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Suite, replace, test_files};
use crate::run::Result;

pub(super) const SUITE: Suite = Suite {
    package: "rmcp",
    features: "client server elicitation macros request-state schemars tower transport-async-rw transport-io \
               transport-child-process transport-streamable-http-client transport-streamable-http-client-reqwest \
               transport-streamable-http-client-unix-socket transport-streamable-http-server reqwest",
    prepare,
    tests: |copy| {
        let names = wrapped_files(copy)?.into_iter().filter_map(|(file, _)| {
            let name = file.file_stem()?.to_str()?.to_owned();
            Some(["--test".to_owned(), name])
        });
        Ok(names.flatten().collect())
    },
    wrap: |copy| {
        for (file, text) in wrapped_files(copy)? {
            fs::write(file, text)?;
        }
        Ok(())
    },
};

/// Replaces the features and dependencies of its tests.
pub(super) fn prepare(copy: &Path) -> Result {
    let manifest = copy.join("Cargo.toml");
    // TLS takes minutes to compile, and no test uses it.
    replace(
        &manifest,
        "reqwest = [\n    \"__reqwest\",\n    \"reqwest?/rustls\",\n]",
        "reqwest = [\"__reqwest\"]",
    )?;
    replace(
        &manifest,
        "[dev-dependencies.anyhow]",
        "[dev-dependencies.wrapper]\npath = \"../wrapper\"\n\n[dev-dependencies.anyhow]",
    )
}

/// The tests that serve a server, and their texts with a wrapper around it.
fn wrapped_files(copy: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for (file, text) in test_files(copy)? {
        let wrapped = wrapped(&text);
        // Those need packages of other languages, and leave a server running that keeps the output open.
        let stem = file.file_stem().unwrap_or_default();
        if wrapped != text && stem != "test_with_js" && stem != "test_with_python" {
            files.push((file, wrapped));
        }
    }
    Ok(files)
}

/// The start of a test with a plain `Service` instead of a handler.
const RAW: &str = "let server = MalformedAcknowledgmentServer {";

/// Imports from the wrapper what serves a server.
fn wrapped(text: &str) -> String {
    const START: &str = "use rmcp::";
    let mut parts = text.split(START);
    let mut wrapped = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (list, rest) = part.split_once(';').unwrap_or((part, ""));
        let mut list = list.to_owned();
        for name in ["ServiceExt", "StreamableHttpService"] {
            if let Some(shorter) = without(&list, name) {
                list = shorter;
                wrapped.push_str(&format!("#[allow(unused_imports)]\nuse wrapper::{name};\n"));
            }
        }
        // What is left of a single name is its path.
        if !(list.is_empty() || list.ends_with("::")) {
            wrapped.push_str(&format!("{START}{list};"));
        }
        wrapped.push_str(rest);
    }
    wrapped
        .replace(
            "StreamableHttpService::new(",
            "wrapper::streamable_http_service(",
        )
        // A plain service, which cannot be wrapped.
        .replace(RAW, &format!("use rmcp::ServiceExt as _;\n{RAW}"))
}

/// Removes a name, and the last segment of its path, from a list of imports; `None` if it is not there.
fn without(list: &str, name: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (at, _) = list.match_indices(name).find(|(at, _)| {
        let (before, after) = (&list[..*at], &list[at + name.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })?;
    let (mut before, mut after) = (&list[..at], &list[at + name.len()..]);
    if let Some(path) = before.strip_suffix("::") {
        before = path.trim_end_matches(is_part);
    }
    after = after.strip_prefix(',').unwrap_or(after);
    Some(format!("{before}{after}"))
}
