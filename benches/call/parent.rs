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
    variant::{BURST, SQLX, VARIANTS},
};

/// A service, the number of threads that call it, and the calls of a burst.
type Scene = (&'static str, usize, usize);

const SCENES: &[Scene] = &[
    ("ready", 1, BURST),
    ("ready", 2, BURST),
    ("yield", 1, BURST),
    ("yield", 2, BURST),
    ("axum", 1, BURST),
    ("ready", 1, 200),
    ("ready", 1, 50),
    ("axum", 1, 200),
    ("axum", 1, 50),
];

/// The variants of scenes with shorter bursts, which compare what calls write into memory.
const SHORT: &[&str] = &[
    "trace",
    "trace-registry",
    "ours",
    "ours-rich",
    "http",
    "http-registry",
];

/// Median added nanoseconds by scene and variant.
type Added = HashMap<(Scene, &'static str), f64>;

/// Runs every scene, or those whose shape is among the arguments; variants likewise.
pub(crate) fn run<'a>(words: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let words: Vec<&str> = words.collect();
    let wanted = |name: &str, all: &[&str]| {
        words.contains(&name) || !all.iter().any(|one| words.contains(one))
    };
    let shapes: Vec<&str> = SCENES.iter().map(|scene| scene.0).collect();
    let names: Vec<&str> = VARIANTS.iter().map(|variant| variant.0).collect();
    let mut added = Added::new();
    for scene in SCENES.iter().filter(|scene| wanted(scene.0, &shapes)) {
        let variants = VARIANTS
            .iter()
            .filter(|(name, _)| wanted(name, &names) && (scene.2 == BURST || SHORT.contains(name)));
        run_scene(*scene, variants.copied(), &mut added)?;
    }
    print_ratios(&added);
    Ok(())
}

fn run_scene(
    scene: Scene,
    variants: impl Iterator<Item = (&'static str, usize)>,
    added: &mut Added,
) -> Result<(), Failure> {
    let (rounds, samples) = if is_quick() {
        (2, 5)
    } else {
        (setting("BENCH_ROUNDS", 20), 10)
    };
    let (shape, threads, calls) = scene;
    let folder = tempfile::tempdir()?;
    let mut children = Vec::new();
    let sqlx = std::env::var_os("BENCH_SQLX");
    for (name, burst) in variants {
        // sqlx links another version of SQLite, and has no router.
        if name == SQLX && (sqlx.is_none() || shape == "axum") {
            continue;
        }
        let burst = burst.min(calls);
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
    println!(
        "\n{shape} service, {threads} thread(s), bursts of {calls}: ns added per call, median (quartiles)"
    );
    for mut child in children {
        child.finish()?;
        let bare = Spread::new(child.pairs.iter().map(|pair| pair.0).collect());
        let spread = Spread::new(child.pairs.iter().map(|pair| pair.1 - pair.0).collect());
        println!("  {:<16} {spread}   bare {:.1}", child.name, bare.median);
        added.insert((scene, child.name), spread.median);
    }
    Ok(())
}

/// Prints the machine-readable lines, without figures of variants that did not run.
fn print_ratios(added: &Added) {
    println!();
    let print = |name: &str, scene: Scene, over, under| {
        if let (Some(over), Some(under)) = (added.get(&(scene, over)), added.get(&(scene, under))) {
            print_ratio(name, over / under);
        }
    };
    for scene @ (shape, threads, calls) in SCENES.iter().copied() {
        let burst = match calls {
            BURST => String::new(),
            calls => format!("_burst_{calls}"),
        };
        let name = format!("call_{shape}_{threads}t_vs_tracelayer{burst}");
        print(&name, scene, "ours", "trace");
        if threads > 1 {
            continue;
        }
        print(
            &format!("call_rich_{shape}_vs_tracelayer{burst}"),
            scene,
            "ours-rich",
            "trace",
        );
        print(
            &format!("call_http_{shape}_vs_tracelayer{burst}"),
            scene,
            "http",
            "trace",
        );
        let name = format!("call_http_{shape}_registry_vs_tracelayer{burst}");
        print(&name, scene, "http-registry", "trace-registry");
    }
    let ready = ("ready", 1, BURST);
    print(
        "call_registry_1t_vs_tracelayer",
        ready,
        "ours-registry",
        "trace-registry",
    );
    let two = added.get(&(("ready", 2, BURST), "ours"));
    if let (Some(two), Some(one)) = (two, added.get(&(ready, "ours"))) {
        print_ratio("call_ready_2t_vs_1t", two / one);
    }
    print("call_ready_vs_fastrace", ready, "ours", "fastrace");
    print("call_ready_vs_otel", ready, "ours", "trace-otel");
    print("call_ready_vs_json", ready, "ours", "trace-json");
    print("call_ready_vs_insert", ready, "ours", "insert-rusqlite");
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
