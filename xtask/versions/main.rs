//! What a process of one version does with a file that processes of another version use. Built with each version; so it uses
//! only what all of them have. Every command but `check` ends when its input does.

use std::{
    env,
    error::Error,
    io::Read,
    path::Path,
    process::ExitCode,
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use chrono::Utc;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::{ActivityReader, MetricsQuery, Window},
    record::Filter,
    store::{ClockReading, Limit, Prune, Store, sqlite::SqliteStore},
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", path] => write(Path::new(path)),
        ["read", path] => read(Path::new(path)),
        ["prune", path] => prune(Path::new(path)),
        ["check", path] => check(Path::new(path)),
        _ => Err("write, read, prune or check, and a path".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(deeper) = cause {
                text = format!("{text}: {deeper}");
                cause = deeper.source();
            }
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `step` until the input ends. Returns the sum of what it returns.
fn until_the_end(mut step: impl FnMut() -> Result<u64>) -> Result<u64> {
    let (sender, ended) = channel::<()>();
    thread::spawn(move || {
        // An input that cannot be read has ended.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(sender);
    });
    let mut sum = 0;
    loop {
        if let Err(std::sync::mpsc::TryRecvError::Disconnected) = ended.try_recv() {
            return Ok(sum);
        }
        sum += step()?;
    }
}

/// Records calls, and prints how many were committed, or the accounting if that is not all of them.
fn write(path: &Path) -> Result {
    let log = ActivityLog::builder()
        .keep_activities(Limit::bytes(400_000))
        .open(path)?;
    println!("open");
    let calls = until_the_end(|| {
        for number in 0..20_u64 {
            let call = log.start(
                Describe::tool("search")
                    .project("acme")
                    .agent(format!("a{number}")),
            );
            log.start(Describe::tool("inner")).end(Outcome::success());
            call.end(match number % 4 {
                0 => Outcome::failed("timeout").with_message("no answer from 10.0.0.1"),
                _ => Outcome::success(),
            });
        }
        thread::sleep(Duration::from_millis(5));
        Ok(40)
    })?;
    let counts = log.shutdown().timeout(Duration::from_secs(30)).wait()?;
    if counts.activities.committed != calls {
        return Err(format!("{calls} calls, {counts:?}").into());
    }
    println!("{calls}");
    Ok(())
}

/// Reads pages and months, and prints how often.
fn read(path: &Path) -> Result {
    let mut reader = ActivityReader::open(path)?;
    println!("open");
    let failed = Filter::parse("status:failed project:acme", Utc::now())?;
    let reads = until_the_end(|| {
        reader.page(&failed, None, 50)?;
        reader.metrics(&MetricsQuery::new(Window::Month, Utc::now()))?;
        thread::sleep(Duration::from_millis(10));
        Ok(1)
    })?;
    println!("{reads}");
    Ok(())
}

/// Prunes by the retention of the file, and prints how many activities it deleted.
fn prune(path: &Path) -> Result {
    let begin = Instant::now();
    let mut maintenance = SqliteStore::new(path)?.maintenance()?;
    println!("open");
    let deleted = until_the_end(|| {
        let step = maintenance.prune(Prune::Retention(ClockReading::new(
            Utc::now(),
            begin.elapsed(),
        )))?;
        thread::sleep(Duration::from_millis(20));
        Ok(step.activities)
    })?;
    println!("{deleted}");
    Ok(())
}

/// Prints the activities in the sums and in the file, and how many the file should have.
fn check(path: &Path) -> Result {
    let mut reader = ActivityReader::open(path)?;
    println!("open");
    let errors = reader.integrity_errors()?;
    let check = reader.check(&mut |_| ())?;
    if !errors.is_empty() || !check.differing.is_empty() || !check.differing_quarters.is_empty() {
        return Err(format!("{errors:?} {check:?}").into());
    }
    let month = reader.metrics(&MetricsQuery::new(Window::Month, Utc::now()))?;
    let summed = month
        .current
        .count
        .ok_or("the sums of the month are unknown")?;
    println!(
        "{summed} {} {}",
        check.total.activities.found, check.total.activities.expected
    );
    Ok(())
}
