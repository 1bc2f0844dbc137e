//! `cargo xtask msrv`: checks that `rust-version` suffices.

use serde_json::Value;

use crate::{
    run::{Result, cargo, root, run},
    rustup::{self, Missing},
};

/// Checks that no dependency of the library requires a newer compiler than its manifest.
///
/// # Errors
///
/// If one does; the error names it.
pub(crate) fn dependencies() -> Result {
    let (oldest, metadata) = manifest()?;
    let Some((needed, name)) = newest_needed(&metadata)? else {
        return Ok(());
    };
    if version(&needed) > version(&oldest) {
        return Err(format!("{name} needs Rust {needed}, the manifest says {oldest}").into());
    }
    anstream::eprintln!(
        "  of all dependencies {name} needs the newest compiler: {needed}, of {oldest}"
    );
    Ok(())
}

/// Also compiles the library and the command with that compiler, if it is installed. Clippy's `incompatible_msrv` checks the
/// use of the standard library in every run.
///
/// # Errors
///
/// If they do not compile.
pub(crate) fn msrv(missing: Missing) -> Result {
    dependencies()?;
    let (oldest, _) = manifest()?;
    if !rustup::has_toolchain(&oldest, missing)? {
        return Ok(());
    }
    let args = [
        "check",
        "--locked",
        "--all-features",
        "--package",
        "tower-activity",
        "--package",
        "activity-cli",
    ];
    run(rustup::cargo(&oldest, &args).env("CARGO_TARGET_DIR", root().join("target/msrv")))
}

/// Returns the library's `rust-version`, and the metadata of its dependencies.
fn manifest() -> Result<(String, Value)> {
    let args = [
        "metadata",
        "--locked",
        "--all-features",
        "--format-version",
        "1",
    ];
    let output = cargo(&args).output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let oldest = packages
        .filter(|package| package["name"] == "tower-activity")
        .find_map(|package| package["rust_version"].as_str());
    let oldest = oldest
        .ok_or("the manifest names no `rust-version`")?
        .to_owned();
    Ok((oldest, metadata))
}

/// Returns the newest `rust-version` among the dependencies, with its package.
fn newest_needed(metadata: &Value) -> Result<Option<(String, String)>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (packages, nodes) = (
        list(&metadata["packages"]),
        list(&metadata["resolve"]["nodes"]),
    );
    let library = packages
        .iter()
        .find(|package| package["name"] == "tower-activity")
        .ok_or("cargo knows no tower-activity")?;
    let mut below = vec![library["id"].clone()];
    let mut newest: Option<(String, String)> = None;
    let mut next = 0;
    while let Some(id) = below.get(next).cloned() {
        next += 1;
        let dependencies = nodes
            .iter()
            .filter(|node| node["id"] == id)
            .flat_map(|node| list(&node["deps"]));
        for dependency in dependencies {
            let is_used = list(&dependency["dep_kinds"])
                .iter()
                .any(|kind| kind["kind"] != "dev");
            if is_used && !below.contains(&dependency["pkg"]) {
                below.push(dependency["pkg"].clone());
            }
        }
        let package = packages.iter().find(|package| package["id"] == id);
        let Some(package) = package.filter(|package| package["name"] != "tower-activity") else {
            continue;
        };
        let Some(needed) = package["rust_version"].as_str() else {
            continue;
        };
        if newest
            .as_ref()
            .is_none_or(|(newest, _)| version(needed) > version(newest))
        {
            let name = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
            newest = Some((
                needed.to_owned(),
                format!("{} {}", name("name"), name("version")),
            ));
        }
    }
    Ok(newest)
}

/// Parses a version for comparison.
fn version(text: &str) -> Vec<u32> {
    let mut parts: Vec<u32> = text
        .split('.')
        .map(|part| part.parse().unwrap_or_default())
        .collect();
    parts.resize(3, 0);
    parts
}
