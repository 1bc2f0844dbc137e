//! The wrapper forwards every method of `ServerHandler`: a lint in `src/mcp/rmcp/forward.rs` fails for a forgotten one, which
//! would answer with the trait's default. It sees the rmcp of this build, which is therefore the newest accepted one.

use std::process::Command;

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
