//! The tests of the store, with the oldest and the newest rusqlite that the library accepts.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{cargo_in, folder, lock};
use crate::{
    pages,
    run::{Result, cargo, root, run},
};

/// The features of the tests that are compatible with every version.
const FEATURES: &str = "recording,testing,webhook,time-zones";

/// The integration tests of the store's file, in addition to the unit tests.
const TESTS: &[&str] = &["calls", "http", "store"];

/// Runs them with both. Returns a line for each.
///
/// # Errors
///
/// If one fails.
pub(super) fn at_both_ends() -> Result<Vec<String>> {
    pages::pages()?;
    let place = copy()?;
    let oldest = oldest()?;
    let update = ["update", "--quiet", "--package", "rusqlite"];
    let mut lines = Vec::new();
    for end in [Some(oldest.as_str()), None] {
        let precise = end.map(|version| ["--precise", version]);
        let args: Vec<&str> = update
            .into_iter()
            .chain(precise.into_iter().flatten())
            .collect();
        run(&mut cargo_in(&place, &args))?;
        let mut args = vec![
            "test",
            "--quiet",
            "--locked",
            "--features",
            FEATURES,
            "--lib",
        ];
        args.extend(TESTS.iter().flat_map(|name| ["--test", name]));
        run(&mut cargo_in(&place, &args))?;
        let locked = lock::read(&place)?;
        lines.push(format!(
            "The tests of the store pass with rusqlite {} (libsqlite3-sys {}).",
            locked.version("rusqlite").unwrap_or("?"),
            locked.version("libsqlite3-sys").unwrap_or("?")
        ));
    }
    Ok(lines)
}

/// Returns the oldest version that the manifest accepts.
fn oldest() -> Result<String> {
    let output = cargo(&["metadata", "--no-deps", "--format-version", "1"]).output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let library = packages
        .filter(|package| package["name"] == "tower-activity")
        .find_map(|package| package["dependencies"].as_array());
    let wanted = library.into_iter().flatten();
    let wanted = wanted
        .filter(|dependency| dependency["name"] == "rusqlite")
        .find_map(|dependency| dependency["req"].as_str());
    let (_, rest) = wanted
        .and_then(|wanted| wanted.split_once(">="))
        .ok_or("the manifest names no oldest rusqlite")?;
    let version = rest.split(',').next().unwrap_or(rest);
    Ok(version.trim().to_owned())
}

/// Copies the library without the other members, because a workspace resolves one rusqlite for all.
fn copy() -> Result<PathBuf> {
    let place = folder().join("store");
    let list = [
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ];
    let output = Command::new("git")
        .args(list)
        .current_dir(root())
        .output()?;
    if !output.status.success() {
        return Err("git cannot list the files of this repository".into());
    }
    let names = String::from_utf8(output.stdout)?;
    for name in names.split('\0').filter(|name| belongs(name)) {
        copy_file(&root().join(name), &place.join(name))?;
    }
    let built = Path::new("src/web/pages/dist");
    copy_folder(&root().join(built), &place.join(built))?;
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let alone = manifest
        .split_once("members = [")
        .and_then(|(before, rest)| Some((before, rest.split_once(']')?.1)))
        .map(|(before, after)| format!("{before}members = []{after}"))
        .ok_or("the manifest lists no members")?;
    fs::write(place.join("Cargo.toml"), alone)?;
    Ok(place)
}

fn belongs(name: &str) -> bool {
    let folders = ["src/", "build/", "docs/", "tests/", "examples/"];
    let files = ["Cargo.lock", "README.md"];
    folders.iter().any(|folder| name.starts_with(folder)) || files.contains(&name)
}

/// Copies a file unless the copy is identical: cargo compares modification times.
fn copy_file(from: &Path, to: &Path) -> Result {
    // It may have been deleted, uncommitted.
    let Ok(content) = fs::read(from) else {
        return Ok(());
    };
    if fs::read(to).is_ok_and(|there| there == content) {
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(to, content)?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_folder(&entry.path(), &to)?,
            false => copy_file(&entry.path(), &to)?,
        }
    }
    Ok(())
}
