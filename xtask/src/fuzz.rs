//! Fuzzes the redactor, and the reader of MCP messages.

use std::{fs, path::Path};

use crate::{
    run::{Result, cargo, root, run},
    rustup,
};

/// Compiler flags for libFuzzer's coverage, as `cargo fuzz` sets them. Without a sanitizer, which needs a nightly toolchain
/// and would find nothing: the library has no unsafe code.
const COVERAGE: [&str; 9] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "-Ccodegen-units=1",
];

/// A fuzz target, and where its first inputs come from.
pub(crate) struct Target {
    name: &'static str,
    seeds: &'static str,
    separator: &'static str,
}

/// No input makes redaction panic, is changed by a second one, or takes long.
pub(crate) const REDACT: Target = Target {
    name: "redact",
    seeds: "tests/calls/redaction/texts.txt",
    separator: "\n",
};

/// No input makes the reader of MCP messages panic, depends on how it is split, or takes long.
pub(crate) const MCP_WIRE: Target = Target {
    name: "mcp_wire",
    seeds: "tests/mcp/wire_conversations.txt",
    separator: "\n\n",
};

/// Fuzzes for this many seconds, starting from texts of tests and the corpus of earlier runs.
///
/// # Errors
///
/// If an input fails; it is kept in `target/fuzz`.
pub(crate) fn fuzz(target: &Target, seconds: u32) -> Result {
    let folder = root().join("target/fuzz");
    let corpus = folder.join("corpus").join(target.name);
    seed(target, &corpus)?;
    // With an explicit target, so that the flags do not apply to build scripts.
    let host = rustup::host()?;
    let mut fuzz = cargo(&[
        "run",
        "--quiet",
        "--release",
        "--manifest-path=fuzz/Cargo.toml",
        "--target-dir=target/fuzz",
        "--target",
        &host,
        "--bin",
        target.name,
        "--",
    ]);
    fuzz.arg(&corpus)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", folder.display()))
        .args([
            "-max_len=4096",
            "-timeout=10",
            "-verbosity=0",
            "-print_final_stats=1",
        ]);
    run(fuzz.env("RUSTFLAGS", COVERAGE.join(" ")))
}

/// Writes the texts of tests into the corpus, one file each.
fn seed(target: &Target, corpus: &Path) -> Result {
    fs::create_dir_all(corpus)?;
    let texts = fs::read_to_string(root().join(target.seeds))?;
    for (number, text) in texts.split(target.separator).enumerate() {
        fs::write(corpus.join(format!("text-{number}")), text)?;
    }
    Ok(())
}
