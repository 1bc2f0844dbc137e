//! Fuzzes what reads foreign bytes: two targets at a time, each from texts of tests, own seeds and the corpus of earlier runs.

use std::{env, fs, path::Path, sync::Mutex, thread, time::Duration};

use crate::{
    run::{Result, cargo, output, root, run},
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

/// Targets that run at once.
const AT_ONCE: usize = 2;

/// A fuzz target, and where its first inputs come from. Each file in `fuzz/fuzz_targets` says what it checks.
struct Target {
    name: &'static str,
    /// A file of inputs in this repository, and what stands between two of them.
    seeds: (&'static str, &'static str),
    /// Its part of the time: 1 if it finds new paths for minutes, less if only for seconds.
    share: f64,
}

const TARGETS: [Target; 9] = [
    Target {
        name: "redact",
        seeds: ("tests/calls/redaction/texts.txt", "\n"),
        share: 1.0,
    },
    Target {
        name: "mcp_wire",
        seeds: ("tests/mcp/wire_conversations.txt", "\n\n"),
        share: 1.0,
    },
    Target {
        name: "filter",
        seeds: ("fuzz/seeds/filter.txt", "\n"),
        share: 1.0,
    },
    Target {
        name: "import",
        seeds: ("fuzz/seeds/import.txt", "\n\n"),
        share: 1.0,
    },
    Target {
        name: "browser",
        seeds: ("fuzz/seeds/browser.txt", "\n\n"),
        share: 1.0,
    },
    Target {
        name: "chunk",
        seeds: ("fuzz/seeds/browser.txt", "\n"),
        share: 0.5,
    },
    Target {
        name: "trace",
        seeds: ("fuzz/seeds/trace.txt", "\n\n"),
        share: 0.5,
    },
    Target {
        name: "markers",
        seeds: ("fuzz/seeds/markers.txt", "\n\n"),
        share: 0.5,
    },
    Target {
        name: "cursors",
        seeds: ("fuzz/seeds/cursors.txt", "\n"),
        share: 0.5,
    },
];

/// Fuzzes each target for this time, or those that `ACTIVITY_TEST_FUZZ` names.
///
/// # Errors
///
/// If an input fails; it is kept in `target/fuzz`.
pub(crate) fn fuzz(time: Duration) -> Result {
    let selected = env::var("ACTIVITY_TEST_FUZZ").unwrap_or_default();
    let mut targets: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| selected.is_empty() || selected.split(',').any(|one| one == target.name))
        .collect();
    if targets.is_empty() {
        let names = TARGETS.map(|target| target.name).join(", ");
        return Err(format!("ACTIVITY_TEST_FUZZ={selected} · there are: {names}").into());
    }
    // With an explicit target, so that the flags do not apply to build scripts.
    let host = rustup::host()?;
    let build = [
        "build",
        "--release",
        "--bins",
        "--manifest-path=fuzz/Cargo.toml",
        "--target-dir=target/fuzz",
        "--target",
        &host,
    ];
    run(cargo(&build).env("RUSTFLAGS", COVERAGE.join(" ")))?;
    let programs = root().join("target/fuzz").join(host).join("release");
    // The last is taken first.
    targets.reverse();
    let queue = Mutex::new(targets);
    let next = || queue.lock().ok().and_then(|mut queue| queue.pop());
    let work = || -> Result {
        while let Some(target) = next() {
            target.fuzz(&programs, time.mul_f64(target.share))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let results = workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| "a thread panicked")?);
        results.collect::<Vec<Result>>().into_iter().collect()
    })
}

impl Target {
    fn fuzz(&self, programs: &Path, time: Duration) -> Result {
        let folder = root().join("target/fuzz");
        let corpus = folder.join("corpus").join(self.name);
        self.seed(&corpus)?;
        let mut command = std::process::Command::new(programs.join(self.name));
        command
            .arg(&corpus)
            .arg(format!("-max_total_time={}", time.as_secs()))
            .arg(format!(
                "-artifact_prefix={}/{}-",
                folder.display(),
                self.name
            ))
            .args([
                "-max_len=4096",
                "-timeout=20",
                "-verbosity=0",
                "-print_final_stats=1",
            ]);
        let output = output(command.current_dir(root()))?;
        let printed = String::from_utf8_lossy(&output.stderr);
        let executed = (printed.lines())
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
            .ok_or("the fuzzer printed no statistics")?;
        anstream::println!("{}: {} inputs", self.name, executed.trim());
        Ok(())
    }

    /// Writes the inputs of a file into the corpus, one file each.
    fn seed(&self, corpus: &Path) -> Result {
        fs::create_dir_all(corpus)?;
        let (path, separator) = self.seeds;
        let texts = fs::read_to_string(root().join(path))?;
        for (number, text) in texts.split(separator).enumerate() {
            fs::write(corpus.join(format!("text-{number}")), text)?;
        }
        Ok(())
    }
}
