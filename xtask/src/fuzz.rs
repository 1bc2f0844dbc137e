//! Fuzzes the redactor.

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

/// Fuzzes the redactor for this many seconds, starting from the texts of its tests and the corpus of earlier runs.
///
/// # Errors
///
/// If an input makes it panic, is changed by a second redaction, or takes long; the input is kept in `target/fuzz`.
pub(crate) fn redact(seconds: u32) -> Result {
    let folder = root().join("target/fuzz");
    let corpus = folder.join("corpus");
    seed(&corpus)?;
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

/// Writes the texts of the redactor's tests into the corpus, one file per line.
fn seed(corpus: &Path) -> Result {
    fs::create_dir_all(corpus)?;
    let texts = fs::read_to_string(root().join("tests/calls/redaction/texts.txt"))?;
    for (number, line) in texts.lines().enumerate() {
        fs::write(corpus.join(format!("text-{number}")), line)?;
    }
    Ok(())
}
