//! The checks before a change lands.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    bench, browser, clickhouse, conformance, debian, demo, fuzz, msrv, package, pages, postgres,
    proxies,
    run::{self, Result, cargo, root, run},
    rustup::{self, Missing},
    scrape,
    servers::{self, Pairs},
    shells, sqlite, sshd, strace, tools,
};

/// A check.
type Step = fn() -> Result;

/// Checks the formatting with rustfmt.
pub(crate) fn fmt() -> Result {
    run(&mut cargo(&["fmt", "--all", "--check"]))
}

/// Runs clippy on all members with all features.
pub(crate) fn clippy() -> Result {
    run(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "--deny",
        "warnings",
    ]))
}

/// Builds the documentation without warnings.
pub(crate) fn doc() -> Result {
    let args = ["doc", "--no-deps", "--workspace", "--all-features"];
    run(cargo(&args).env("RUSTDOCFLAGS", "--deny warnings"))
}

/// Builds the documentation as docs.rs does, if rustup has a nightly compiler.
pub(crate) fn docsrs() -> Result {
    if !rustup::has_toolchain("nightly", Missing::LeaveOut)? {
        return Ok(());
    }
    let args = [
        "doc",
        "--no-deps",
        "--all-features",
        "--package",
        "tower-activity",
    ];
    run(rustup::cargo("nightly", &args)
        .env("CARGO_TARGET_DIR", root().join("target/docsrs"))
        .env("RUSTDOCFLAGS", "--cfg docsrs --deny warnings"))
}

/// Checks that the library compiles without warnings, without features and with each feature alone.
pub(crate) fn features() -> Result {
    let alone = |features: &[&str]| {
        let mut args = vec!["clippy", "--quiet", "--no-default-features"];
        args.extend(features);
        args.extend(["--", "--deny", "warnings"]);
        run(&mut cargo(&args))
    };
    alone(&[])?;
    for name in feature_names()? {
        alone(&["--features", &name])?;
    }
    Ok(())
}

/// Runs the tests of all members with all features, doc tests included, or those that the arguments for cargo select.
/// Ensures first that OpenSSH, PostgreSQL, ClickHouse's engine, strace, SQLite's clients, shells, the pages and a Chromium are installed.
pub(crate) fn test(chosen: &[&str]) -> Result {
    let mut requirements = vec![sshd::OPENSSH];
    if cfg!(target_os = "linux") {
        requirements.extend([
            postgres::POSTGRESQL,
            postgres::PGBOUNCER,
            proxies::PROXIES,
            strace::STRACE,
            sqlite::CLIENTS,
            shells::SHELLS,
        ]);
    }
    requirements.extend(browser::requirement());
    debian::ensure(&requirements)?;
    pages::pages()?;
    let chromium = browser::chromium()?;
    let mut args = vec!["test", "--all-features"];
    match chosen {
        [] => args.push("--workspace"),
        chosen => args.extend(chosen),
    }
    let mut cargo = cargo(&args);
    if cfg!(target_os = "linux") {
        cargo.env("ACTIVITY_TEST_CLICKHOUSE", clickhouse::install()?);
    }
    if let Some(driver) = browser::chromedriver(&chromium)? {
        cargo.env("CHROMEDRIVER", driver);
    }
    run(cargo.env("CHROMIUM", chromium))?;
    match chosen {
        [] if cfg!(target_os = "linux") => servers::servers(Pairs::Few),
        _ => Ok(()),
    }
}

/// Runs the loom models of the pipeline, in a target directory of their own: their flags would otherwise cause full
/// rebuilds.
pub(crate) fn model() -> Result {
    let args = [
        "test",
        "--lib",
        "--no-default-features",
        "--features",
        "mcp",
        "--target-dir",
        "target/model",
        "pipeline::model",
    ];
    run(cargo(&args).env("RUSTFLAGS", "--cfg model"))
}

/// Runs all checks, those that fail most often first.
pub(crate) fn ci() -> Result {
    let steps: [(&str, Step); 17] = [
        ("pages", pages::pages),
        ("lint", pages::lint),
        ("fmt", fmt),
        ("typos", || tools::typos(Missing::LeaveOut)),
        ("deny", || tools::deny(Missing::LeaveOut)),
        ("msrv", msrv::dependencies),
        ("clippy", clippy),
        ("features", features),
        ("doc", doc),
        ("package", || package::package(package::Built::Together)),
        ("test", || test(&[])),
        ("conformance", conformance::conformance),
        ("metrics", scrape::metrics),
        ("bench", bench::bench),
        ("fuzz", || fuzz::fuzz(Duration::from_secs(60))),
        ("model", model),
        ("demo --smoke", || demo::demo(demo::Stay::No)),
    ];
    let mut times = Vec::new();
    for (name, step) in steps {
        let start = Instant::now();
        step().map_err(|error| format!("{name}: {error}"))?;
        times.push((name, start.elapsed()));
    }
    anstream::eprintln!();
    for (name, took) in times {
        let took = run::dim(&format!("{:>7.1} s", took.as_secs_f64()));
        anstream::eprintln!("{} {name:<14}{took}", run::good("✓"));
    }
    Ok(())
}

/// Returns the features in the library's manifest.
pub(crate) fn feature_names() -> Result<Vec<String>> {
    let output = cargo(&["metadata", "--no-deps", "--format-version", "1"]).output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let library = packages
        .filter(|package| package["name"] == "tower-activity")
        .find_map(|package| package["features"].as_object());
    let names = library.ok_or("cargo metadata knows no features of tower-activity")?;
    Ok(names
        .keys()
        .filter(|name| *name != "default")
        .cloned()
        .collect())
}
