//! Write throughput: two million activities through a log, compared with a raw loop of inserts into the same tables.
//!
//! Both sides write alternately, a twentieth each, into their own files, so that noise of the machine affects both.
//! `BENCH_ROWS` sets the activities per side (default 2,000,000); `BENCH_LONG=1` writes 10,000,000 and shows how the rate
//! changes as the file grows.
#![allow(missing_docs)]

mod machine;
mod ours;
mod raw;
mod sample;

use std::{path::Path, time::Duration};

use benches::{Spread, is_quick, print_ratio, setting};
use tower_activity::Mode;

use crate::{machine::Cpu, ours::Ours, raw::Raw};

/// An error that ends a run.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The number of rounds of each side.
const ROUNDS: usize = 20;

/// One way of writing activities.
trait Side {
    /// Writes activities, and waits until they are committed. Returns the longest pause.
    fn write(&mut self, from: usize, count: usize) -> Result<Duration, Failure>;

    /// Closes the file; fails unless it has `rows` rows.
    fn close(self: Box<Self>, rows: usize) -> Result<(), Failure>;
}

/// A side and its name.
type NamedSide = (&'static str, Box<dyn Side>);

/// The measurements of one side.
struct Measurement {
    name: &'static str,
    side: Box<dyn Side>,
    /// Rows per second of each round.
    rates: Vec<f64>,
    cpu: Cpu,
    pause: Duration,
}

fn main() -> Result<(), Failure> {
    let rows = match (is_quick(), setting("BENCH_LONG", 0)) {
        (true, _) => 40_000,
        (_, 0) => setting("BENCH_ROWS", 2_000_000),
        _ => 10_000_000,
    };
    let folder = tempfile::tempdir_in(
        std::env::var_os("BENCH_DIR").unwrap_or_else(|| std::env::temp_dir().into()),
    )?;
    // Arguments are names of sides; Cargo adds `--bench`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let mut sides = Vec::new();
    for (name, side) in sides_in(folder.path())? {
        if !words.is_empty() && !words.iter().any(|word| word == name) {
            continue;
        }
        sides.push(Measurement {
            name,
            side,
            rates: Vec::new(),
            cpu: Cpu::default(),
            pause: Duration::ZERO,
        });
    }
    let turn = rows / ROUNDS;
    for round in 0..ROUNDS {
        for one in &mut sides {
            one.turn(round * turn, turn)?;
        }
    }
    report(sides, turn * ROUNDS, folder.path())
}

/// Returns every side with its file, in the order of a round.
fn sides_in(folder: &Path) -> Result<Vec<NamedSide>, Failure> {
    let raw = |name: &'static str, synchronous, buckets| -> Result<NamedSide, Failure> {
        let side = Raw::open(&folder.join(name), synchronous, buckets)?;
        Ok((name, Box::new(side)))
    };
    let ours = |name: &'static str, mode| -> Result<NamedSide, Failure> {
        Ok((name, Box::new(Ours::open(&folder.join(name), mode)?)))
    };
    Ok(vec![
        raw("raw-full", "FULL", raw::Buckets::None)?,
        ours("ours-durable", Mode::Durable)?,
        raw("raw-normal", "NORMAL", raw::Buckets::None)?,
        ours("ours-normal", Mode::Fast)?,
        raw("raw-normal-buckets", "NORMAL", raw::Buckets::Folded)?,
    ])
}

impl Measurement {
    fn turn(&mut self, from: usize, count: usize) -> Result<(), Failure> {
        let before = Cpu::now();
        let start = std::time::Instant::now();
        let pause = self.side.write(from, count)?;
        self.rates
            .push(count as f64 / start.elapsed().as_secs_f64());
        self.cpu += Cpu::now() - before;
        self.pause = self.pause.max(pause);
        Ok(())
    }
}

fn report(sides: Vec<Measurement>, rows: usize, folder: &Path) -> Result<(), Failure> {
    println!(
        "\n{rows} activities per side, {} B of attributes each",
        sample::ATTRIBUTE_BYTES
    );
    println!(
        "  {:<20} {:>36} {:>9} {:>9} {:>12} {:>8} {:>7}",
        "", "rows/s, median (quartiles)", "first", "last", "CPU us/row", "pause ms", "B/row"
    );
    let mut rates = Vec::new();
    let mut ours_bytes = None;
    for one in sides {
        let spread = Spread::new(one.rates.clone());
        let per_row = |ticks: Duration| ticks.as_secs_f64() * 1e6 / rows as f64;
        one.side.close(rows)?;
        let bytes = std::fs::metadata(folder.join(one.name))?.len() as f64 / rows as f64;
        println!(
            "  {:<20} {:>12.0} ({:>9.0} .. {:>9.0}) {:>9.0} {:>9.0} {:>5.2} / {:>4.2} {:>8.1} {:>7.0}",
            one.name,
            spread.median,
            spread.low,
            spread.high,
            edge(&one.rates[..ROUNDS / 10]),
            edge(&one.rates[ROUNDS - ROUNDS / 10..]),
            per_row(one.cpu.process),
            per_row(one.cpu.writer),
            one.pause.as_secs_f64() * 1e3,
            bytes,
        );
        if one.name.starts_with("ours") {
            ours_bytes = Some(bytes);
        }
        rates.push((one.name, one.rates));
    }
    println!(
        "  first, last: the rate of the first and the last tenth. CPU: process / the log's writer thread alone."
    );
    println!(
        "  pause: raw, the longest transaction; ours, the longest call while the writer kept up.\n"
    );
    let against = |over: &str, under: &str| {
        let of = |name: &str| rates.iter().find(|one| one.0 == name).map(|one| &one.1);
        let (over, under) = (of(over)?, of(under)?);
        Some(Spread::new(over.iter().zip(under).map(|(a, b)| a / b).collect()).median)
    };
    for (name, over, under) in [
        ("write_durable_vs_raw", "ours-durable", "raw-full"),
        ("write_normal_vs_raw", "ours-normal", "raw-normal"),
        (
            "write_normal_vs_raw_buckets",
            "ours-normal",
            "raw-normal-buckets",
        ),
        ("write_raw_full_vs_normal", "raw-full", "raw-normal"),
    ] {
        if let Some(value) = against(over, under) {
            print_ratio(name, value);
        }
    }
    if let Some(bytes) = ours_bytes {
        print_ratio("write_bytes_per_activity", bytes);
    }
    Ok(())
}

/// Returns the mean rate.
fn edge(rates: &[f64]) -> f64 {
    rates.iter().sum::<f64>() / rates.len().max(1) as f64
}
