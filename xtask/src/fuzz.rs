//! Texts that a fuzzer makes up, against the redactor.

use std::{fs, path::Path};

use crate::{
    run::{Result, cargo, root, run},
    rustup,
};

/// What libFuzzer needs to see which branches an input takes, as `cargo fuzz` sets it. A sanitizer, which needs a nightly
/// toolchain, would find nothing: the library has no unsafe code.
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

/// Fuzzes the redactor for so many seconds, beginning with the texts of its tests and what earlier runs found of interest.
///
/// # Errors
///
/// When an input makes it panic, differ the second time, or take long: it is kept in `target/fuzz`.
pub(crate) fn redact(seconds: u32) -> Result {
    let folder = root().join("target/fuzz");
    let corpus = folder.join("corpus");
    seed(&corpus)?;
    // For a target that is named, so that the flags are not those of build scripts.
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

/// Lays the texts of the redactor's tests where the fuzzer begins, each line a file.
fn seed(corpus: &Path) -> Result {
    fs::create_dir_all(corpus)?;
    let texts = fs::read_to_string(root().join("tests/calls/redaction/texts.txt"))?;
    for (number, line) in texts.lines().enumerate() {
        fs::write(corpus.join(format!("text-{number}")), line)?;
    }
    Ok(())
}
