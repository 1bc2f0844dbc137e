//! Runs the variants alternately, and reports their figures.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use benches::{Spread, is_quick, print_ratio, setting};

use crate::{
    Failure,
    variant::{SQLX, VARIANTS},
};

/// A service, the number of threads that call it, and its name in the ratios.
const SCENES: &[(&str, usize)] = &[
    ("ready", 1),
    ("ready", 2),
    ("yield", 1),
    ("yield", 2),
    ("axum", 1),
];

/// Median added nanoseconds by shape, threads and variant.
type Added = HashMap<(&'static str, usize, &'static str), f64>;

/// Runs every scene, or those whose shape is among the arguments; variants likewise.
pub(crate) fn run<'a>(words: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let words: Vec<&str> = words.collect();
    let wanted = |name: &str, all: &[&str]| {
        words.contains(&name) || !all.iter().any(|one| words.contains(one))
    };
    let shapes: Vec<&str> = SCENES.iter().map(|scene| scene.0).collect();
    let names: Vec<&str> = VARIANTS.iter().map(|variant| variant.0).collect();
    let mut added = Added::new();
    for &(shape, threads) in SCENES.iter().filter(|scene| wanted(scene.0, &shapes)) {
        let variants = VARIANTS.iter().filter(|variant| wanted(variant.0, &names));
        scene(shape, threads, variants.copied(), &mut added)?;
    }
    print_ratios(&added);
    Ok(())
}

fn scene(
    shape: &'static str,
    threads: usize,
    variants: impl Iterator<Item = (&'static str, usize)>,
    added: &mut Added,
) -> Result<(), Failure> {
    let (rounds, samples) = if is_quick() {
        (2, 5)
    } else {
        (setting("BENCH_ROUNDS", 20), 10)
    };
    let folder = tempfile::tempdir()?;
    let mut children = Vec::new();
    let sqlx = std::env::var_os("BENCH_SQLX");
    for (name, burst) in variants {
        // sqlx links another version of SQLite, and has no router.
        if name == SQLX && (sqlx.is_none() || shape == "axum") {
            continue;
        }
        children.push(Variant::start(name, burst, shape, threads, folder.path())?);
    }
    // Warm-up: files are created, memory grows to its size.
    for child in &mut children {
        child.turn(samples)?;
        child.pairs.clear();
    }
    for _ in 0..rounds {
        for child in &mut children {
            child.turn(samples)?;
        }
    }
    println!("\n{shape} service, {threads} thread(s): ns added per call, median (quartiles)");
    for mut child in children {
        child.finish()?;
        let bare = Spread::new(child.pairs.iter().map(|pair| pair.0).collect());
        let spread = Spread::new(child.pairs.iter().map(|pair| pair.1 - pair.0).collect());
        println!("  {:<16} {spread}   bare {:.1}", child.name, bare.median);
        added.insert((shape, threads, child.name), spread.median);
    }
    Ok(())
}

/// Prints the machine-readable lines, without figures of variants that did not run.
fn print_ratios(added: &Added) {
    println!();
    let print = |name: &str, over: (&'static str, usize, &'static str), under| {
        if let (Some(over), Some(under)) = (added.get(&over), added.get(&under)) {
            print_ratio(name, over / under);
        }
    };
    for (shape, threads) in SCENES {
        let name = format!("call_{shape}_{threads}t_vs_tracelayer");
        print(&name, (shape, *threads, "ours"), (shape, *threads, "trace"));
    }
    print(
        "call_http_vs_tracelayer",
        ("axum", 1, "http"),
        ("axum", 1, "trace"),
    );
    let ours = ("ready", 1, "ours");
    let registry = |variant| ("ready", 1, variant);
    print(
        "call_registry_1t_vs_tracelayer",
        registry("ours-registry"),
        registry("trace-registry"),
    );
    print("call_ready_2t_vs_1t", ("ready", 2, "ours"), ours);
    print("call_ready_vs_fastrace", ours, ("ready", 1, "fastrace"));
    print("call_ready_vs_otel", ours, ("ready", 1, "trace-otel"));
    print("call_ready_vs_json", ours, ("ready", 1, "trace-json"));
    print(
        "call_ready_vs_insert",
        ours,
        ("ready", 1, "insert-rusqlite"),
    );
}

/// A variant in its child process.
struct Variant {
    name: &'static str,
    burst: usize,
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Nanoseconds per call, bare and wrapped.
    pairs: Vec<(f64, f64)>,
}

impl Variant {
    fn start(
        name: &'static str,
        burst: usize,
        shape: &str,
        threads: usize,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let program = match std::env::var_os("BENCH_SQLX") {
            Some(program) if name == SQLX => program.into(),
            _ => std::env::current_exe()?,
        };
        let mut process = Command::new(program)
            .args(["child", name, shape, &threads.to_string()])
            .arg(folder.join(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take();
        let answers = process.stdout.take().ok_or("a child has no output")?;
        Ok(Variant {
            name,
            burst,
            process,
            orders,
            answers: BufReader::new(answers),
            pairs: Vec::new(),
        })
    }

    fn turn(&mut self, samples: usize) -> Result<(), Failure> {
        if let Some(orders) = &mut self.orders {
            writeln!(orders, "run {samples} {}", self.burst)?;
        }
        let figures: Vec<f64> = self
            .answer()?
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        self.pairs
            .extend(figures.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        Ok(())
    }

    /// Ends the process, which checks that every call is recorded.
    fn finish(&mut self) -> Result<(), Failure> {
        drop(self.orders.take());
        let answer = self.answer()?;
        self.process.wait()?;
        if answer.trim() == "ok" {
            Ok(())
        } else {
            Err(format!("{} did not record every call", self.name).into())
        }
    }

    fn answer(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(format!("{} ended before its time", self.name).into());
        }
        Ok(line)
    }
}

impl Drop for Variant {
    /// Kills the process, so that after a failure the others do not report that they did not finish.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
