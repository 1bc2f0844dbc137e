//! The cost of redaction: bytes per second compared with a bare pass of its automaton, short texts, the first use, the
//! slowest inputs, a preview of a large result, and calls with long headers. `--slowest` runs only the slowest inputs;
//! `--gitleaks PATH` compares the findings with the rules of that configuration.
//!
//! Processor time of one thread, the minimum of several runs: other load on the machine does not count.
#![allow(missing_docs)]

#[allow(dead_code, reason = "what a text becomes is a matter of tests")]
#[path = "../../tests/calls/redaction/cases.rs"]
mod cases;
mod compare;
mod corpus;
#[path = "../../src/redact/examples.rs"]
mod examples;
#[path = "../../tests/calls/redaction/files.rs"]
mod files;
mod gitleaks;
mod headers;
#[path = "../../xtask/src/gitleaks.rs"]
mod reader;
#[allow(dead_code, reason = "only its shapes are used here")]
#[path = "../../src/redact/rules.rs"]
mod rules;
mod slowest;
mod units;

use std::hint::black_box;

use benches::{Failure, is_quick, print_ratio, setting};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tower_activity::redact::Redactor;

const MB: f64 = 1e6;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments
        .iter()
        .position(|argument| argument == "--gitleaks")
    {
        let path = arguments
            .get(at + 1)
            .ok_or("--gitleaks takes the path of its configuration")?;
        return compare::print(path);
    }
    if arguments.iter().any(|argument| argument == "--slowest") {
        return slowest::check(&Redactor::new());
    }
    let rounds = setting("BENCH_ROUNDS", if is_quick() { 2 } else { 9 });
    let redactor = Redactor::new();
    // Longer than the words that no rule checks.
    let first = seconds(|| redactor.text("the first text"));
    println!("first use                {:8.2} ms", first * 1e3);

    println!(
        "\n{:16} {:>10} {:>10} {:>8}",
        "text", "bare MB/s", "MB/s", "ratio"
    );
    for (name, text) in corpus::texts(if is_quick() { 1 << 18 } else { 4 << 20 }) {
        let bytes = text.len() as f64;
        let (mut bare, mut full) = (f64::MAX, f64::MAX);
        for _ in 0..rounds {
            bare = bare.min(seconds(|| redactor.candidates(&text)));
            full = full.min(seconds(|| redactor.text(&text)));
        }
        println!(
            "{name:16} {:10.0} {:10.0} {:8.2}",
            bytes / MB / bare,
            bytes / MB / full,
            bare / full
        );
        print_ratio(&format!("redact_{name}_vs_bare"), bare / full);
    }

    let short = "GET /users/7/orders?page=2 from agent 12";
    let calls = if is_quick() { 1_000 } else { 200_000 };
    let time = seconds(|| {
        for _ in 0..calls {
            let _ = black_box(redactor.text(black_box(short)));
        }
    });
    println!(
        "\n40 bytes                 {:8.0} ns",
        time * 1e9 / calls as f64
    );

    let result = json!({"content": [{"type": "text", "text": "word ".repeat((8 << 20) / 5)}]});
    let preview = (0..rounds * 20)
        .map(|_| seconds(|| redactor.preview(&result, 4_096)))
        .fold(f64::MAX, f64::min);
    println!("preview of 8 MB          {:8.1} µs", preview * 1e6);

    headers::print()?;
    slowest::check(&redactor)
}

/// Returns the processor time of this thread.
pub(crate) fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let start = now();
    black_box(work());
    now() - start
}
