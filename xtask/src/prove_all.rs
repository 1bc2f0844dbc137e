//! `cargo xtask prove`: runs every proof three times, and writes a table of the results.

use std::{
    env,
    fmt::Write,
    fs::{self, File},
    process::{Command, Stdio},
    time::Instant,
};

use crate::run::{self, Result, root};

/// How often each proof runs, unless `ACTIVITY_TEST_RUNS` is set.
const RUNS: u32 = 3;
/// The most lines of a run's output in the table.
const LINES: usize = 4;
/// Lines of test harnesses.
const HARNESS: [&str; 2] = ["running ", "test "];

/// Runs each proof, of which it has the name and the promise, in a process of its own. Goes on after one that fails.
///
/// # Errors
///
/// If one fails, after all have run.
pub(crate) fn prove_all(proofs: &[(&str, &str)]) -> Result {
    let folder = root().join("target/proofs");
    fs::create_dir_all(&folder)?;
    let runs = env::var("ACTIVITY_TEST_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(RUNS);
    let mut table = format!(
        "{}\n\n| proof | promise | run | result | figures | load |\n|---|---|---|---|---|---|\n",
        machine()
    );
    let mut failed = Vec::new();
    for (name, promise) in proofs {
        for run in 1..=runs {
            let log = folder.join(format!("{name}-{run}.log"));
            anstream::eprintln!("{} {name}, run {run}: {}", run::good("▶"), log.display());
            let load = load();
            let start = Instant::now();
            let status = Command::new(env::current_exe()?)
                .args(["prove", name])
                .current_dir(root())
                .stdin(Stdio::null())
                .stdout(File::create(&log)?)
                .status()?;
            let result = match status.success() {
                true => "holds",
                false => "**fails**",
            };
            if !status.success() {
                failed.push(format!("{name} (run {run})"));
            }
            let figures = figures(&String::from_utf8_lossy(&fs::read(&log)?));
            writeln!(
                table,
                "| {name} | {promise} | {run} | {result}, {:.0} s | {figures} | {load} |",
                start.elapsed().as_secs_f64()
            )?;
            // After each, so that an interrupted run leaves a table.
            fs::write(folder.join("table.md"), &table)?;
        }
    }
    anstream::println!("{}", folder.join("table.md").display());
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(format!("failed: {}", failed.join(", ")).into()),
    }
}

/// Returns the last lines of an output that are not the harness's, as one cell.
fn figures(output: &str) -> String {
    let lines = output.lines().map(str::trim);
    let own: Vec<&str> = lines
        .filter(|line| line.contains(|char: char| char.is_ascii_digit()))
        .filter(|line| !HARNESS.iter().any(|begin| line.starts_with(begin)))
        .filter(|line| !line.starts_with('|'))
        .collect();
    let last = own.len().saturating_sub(LINES);
    own[last..].join("<br>").replace('|', "\\|")
}

/// Names the machine, the day and the commit.
fn machine() -> String {
    let printed = |program: &str, args: &[&str]| {
        let output = Command::new(program)
            .args(args)
            .current_dir(root())
            .output();
        output.map_or_else(
            |_| "unknown".into(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("a processor that /proc does not name", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{} at `{}`: {cores} cores of {model}, {}",
        printed("date", &["-u", "+%F"]),
        printed("git", &["rev-parse", "--short", "HEAD"]),
        printed("uname", &["-sr"])
    )
}

/// Returns the load of the last minute.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}
