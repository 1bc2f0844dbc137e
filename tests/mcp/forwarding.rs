//! The wrapper forwards every method of `ServerHandler`: a forgotten one would answer with the trait's default.

use std::{fs, path::PathBuf, process::Command};

/// Returns cargo's metadata of a package of this build.
fn package(name: &str) -> serde_json::Value {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    // For the host only: dependencies of other platforms were not downloaded.
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--all-features",
            "--filter-platform",
            host,
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array_mut().unwrap();
    let found = packages
        .iter_mut()
        .find(|package| package["name"] == name)
        .unwrap();
    found.take()
}

/// Returns the source of `rmcp` in the version of this build.
fn resolved_rmcp() -> PathBuf {
    PathBuf::from(package("rmcp")["manifest_path"].as_str().unwrap())
        .parent()
        .unwrap()
        .join("src/handler/server.rs")
}

/// Returns the methods of `trait ServerHandler`, from the macro that defines them.
fn methods(source: &str) -> Vec<&str> {
    let from = source.find("macro_rules! server_handler_methods").unwrap();
    let to = source[from..].find("pub trait ServerHandler").unwrap() + from;
    source[from..to]
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("fn "))
        .filter_map(|rest| rest.split(['(', '<']).next())
        .collect()
}

/// Returns the methods of the trait that the wrapper's source does not forward.
fn missing<'a>(methods: &[&'a str], ours: &str) -> Vec<&'a str> {
    let hands_on = |method: &str| {
        ours.lines().map(str::trim_start).any(|line| {
            let line = line.strip_prefix("async ").unwrap_or(line);
            let line = line.strip_prefix("fn ").unwrap_or(line);
            line.strip_prefix(method)
                .is_some_and(|rest| rest.starts_with('('))
        })
    };
    methods
        .iter()
        .copied()
        .filter(|method| !hands_on(method))
        .collect()
}

#[test]
fn every_method_is_forwarded() {
    let source = fs::read_to_string(resolved_rmcp()).unwrap();
    let methods = methods(&source);
    assert!(
        methods.len() >= 32 && methods.contains(&"call_tool"),
        "{methods:?}"
    );
    let ours = include_str!("../../src/mcp/rmcp/forward.rs");
    assert_eq!(
        missing(&methods, ours),
        [""; 0],
        "add these to src/mcp/rmcp/forward.rs"
    );
}

#[test]
fn the_newest_accepted_version_is_the_tested_one() {
    let resolved = package("rmcp")["version"].as_str().unwrap().to_owned();
    let mut parts = resolved.split('.').map(|part| part.parse::<u32>().unwrap());
    let (major, minor) = (parts.next().unwrap(), parts.next().unwrap());
    let ours = package("tower-activity");
    let taken = ours["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "rmcp" && one["kind"].is_null())
        .unwrap()["req"]
        .as_str()
        .unwrap()
        .to_owned();
    // A minor version may add a method that the wrapper does not forward yet.
    let (oldest, bound) = taken.split_once(", ").unwrap();
    assert_eq!(
        bound,
        format!("<{major}.{}", minor + 1),
        "{resolved} is tested"
    );
    let said = format!(": {} to {major}.{minor}", oldest.trim_start_matches(">="));
    assert!(
        include_str!("../../src/mcp/rmcp/wrapper.rs").contains(&said),
        "the compiler does not say{said}"
    );
}

#[test]
fn a_forgotten_method_is_found() {
    let ours = include_str!("../../src/mcp/rmcp/forward.rs");
    let without: String = ours
        .lines()
        .filter(|line| !line.contains("set_level("))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(
        missing(&["set_level", "call_tool", "frobnicate"], &without),
        ["set_level", "frobnicate"]
    );
}
