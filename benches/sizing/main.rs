//! What an operator plans for: bytes a day, memory and processor time at 1 to 10,000 calls a second, without payloads, with
//! previews, and with recordings as well.
//!
//! Bytes a day come from as many calls as a part of the day has, with the clock set so that they are spread over it: sums and
//! indexes included, after everything is indexed. Memory and processor time are those of a process that records at the rate
//! for `BENCH_SECONDS` (default 10). `BENCH_CALLS` sets the calls whose bytes are measured (default 100,000).
#![allow(missing_docs)]

mod calls;

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use benches::{Failure, is_quick, setting};

use crate::calls::Kind;

const RATES: [u32; 5] = [1, 10, 100, 1_000, 10_000];
/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// The figures of a rate.
struct Row {
    rate: u32,
    kind: Kind,
    bytes_per_call: f64,
    bytes_per_day: f64,
    memory: f64,
    /// Processor time per time, of the whole process.
    cores: f64,
    /// Calls that were not recorded.
    lost: u64,
}

fn main() -> Result<(), Failure> {
    let (calls, seconds) = match is_quick() {
        true => (2_000, 1),
        false => (
            setting("BENCH_CALLS", 100_000),
            setting("BENCH_SECONDS", 10),
        ),
    };
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [word, kind, rate, path] = arguments.as_slice()
        && word == "record"
    {
        let time = Duration::from_secs(seconds as u64);
        return calls::at_rate(Kind::parse(kind)?, rate.parse()?, time, Path::new(path));
    }
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        for rate in RATES {
            rows.push(measure(kind, rate, calls as u64)?);
        }
    }
    print(&rows);
    match rows.iter().find(|row| row.lost > 0) {
        // A machine that is busy with other work may not keep up.
        Some(row) => Err(format!(
            "{} of the calls at {} a second were not recorded",
            row.lost, row.rate
        )
        .into()),
        None => Ok(()),
    }
}

fn measure(kind: Kind, rate: u32, calls: u64) -> Result<Row, Failure> {
    eprintln!("{}, {rate} a second", kind.title());
    let folder = env::var_os("BENCH_DIR").unwrap_or_else(|| env::temp_dir().into());
    let folder = tempfile::tempdir_in(folder)?;
    // At most the calls of a day.
    let calls = calls.min(u64::from(rate) * DAY as u64);
    let path = folder.path().join("bytes.db");
    let bytes = calls::spread(kind, rate, calls, &path)?;
    let span = calls as f64 / f64::from(rate);
    let path = folder.path().join("rate.db");
    let output = Command::new(env::current_exe()?)
        .args(["record", kind.name(), &rate.to_string()])
        .arg(&path)
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let figures: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [memory, cores, lost] = figures[..] else {
        return Err(format!("the process that records said {text:?}").into());
    };
    Ok(Row {
        rate,
        kind,
        bytes_per_call: bytes as f64 / calls as f64,
        bytes_per_day: bytes as f64 / span * DAY,
        memory,
        cores,
        lost: lost as u64,
    })
}

/// Returns the bytes of a file and its side files.
pub(crate) fn size(path: &Path) -> u64 {
    let side = |end: &str| format!("{}{end}", path.display());
    let sizes = ["", "-wal"].map(|end| fs::metadata(side(end)).map_or(0, |file| file.len()));
    sizes.into_iter().sum()
}

/// Prints the table of docs/deployment.md.
fn print(rows: &[Row]) {
    println!("\n| calls a second | | bytes a call | a day | memory of the process | processor |");
    println!("|---|---|---|---|---|---|");
    for row in rows {
        let day = match row.bytes_per_day {
            bytes if bytes < 1e9 => format!("{:.0} MB", bytes / 1e6),
            bytes => format!("{:.1} GB", bytes / 1e9),
        };
        let lost = match row.lost {
            0 => String::new(),
            lost => format!(", {lost} calls not recorded"),
        };
        println!(
            "| {} | {} | {:.0} | {day} | {:.0} MB | {:.1} % of a core{lost} |",
            row.rate,
            row.kind.title(),
            row.bytes_per_call,
            row.memory / 1e6,
            row.cores * 100.0
        );
    }
}
