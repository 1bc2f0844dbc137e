//! One variant in a child process, which runs bursts on request.

use std::{
    io::{BufRead, Write, stdin, stdout},
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use crate::{
    Failure,
    drive::{Burst, Start},
    variant::{self, Rig},
};

/// Which of its two services a thread calls.
#[derive(Debug, Clone, Copy)]
enum Which {
    Bare,
    Wrapped,
}

/// Reads lines `run <samples> <calls>`, and answers each with pairs `<bare> <wrapped>` of nanoseconds per call. At the end of
/// input it checks that every call was recorded, and prints `ok`.
pub(crate) fn run(variant: &str, shape: &str, threads: usize, path: &Path) -> Result<(), Failure> {
    let Rig {
        wrapped,
        bare,
        record,
    } = variant::build(variant, shape, threads, path)?;
    let crew = Crew::start(bare, wrapped);
    let mut calls = 0;
    for line in stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ').skip(1).map(str::parse::<usize>);
        let (Some(Ok(samples)), Some(Ok(burst))) = (words.next(), words.next()) else {
            return Err(format!("cannot read the order {line:?}").into());
        };
        let mut answer = String::new();
        for _ in 0..samples {
            let bare = crew.run(Which::Bare, burst)?;
            let wrapped = crew.run(Which::Wrapped, burst)?;
            calls += (burst * threads) as u64;
            record.drain(calls)?;
            answer += &format!("{bare} {wrapped} ");
        }
        println!("{answer}");
        stdout().flush()?;
    }
    drop(crew);
    record.check(calls, path)?;
    println!("ok");
    Ok(())
}

/// Runs a number of calls of a variant for an instruction counter.
pub(crate) fn count(variant: &str, shape: &str, path: &Path, calls: usize) -> Result<(), Failure> {
    let mut rig = variant::build(variant, shape, 1, path)?;
    for burst in &mut rig.wrapped {
        burst(calls);
    }
    rig.record.drain(calls as u64)?;
    rig.record.check(calls as u64, path)
}

/// The calling threads, which live for the whole run as those of a runtime do.
struct Crew(Vec<Member>);

struct Member {
    orders: Sender<(Which, usize)>,
    results: Receiver<f64>,
}

impl Crew {
    fn start(bare: Vec<Burst>, wrapped: Vec<Burst>) -> Self {
        let start = Arc::new(Start::new(bare.len()));
        let crew = bare
            .into_iter()
            .zip(wrapped)
            .map(|(mut bare, mut wrapped)| {
                let start = start.clone();
                let (sender, orders) = channel::<(Which, usize)>();
                let (result, results) = channel();
                thread::spawn(move || {
                    for (which, calls) in orders {
                        start.together();
                        let ns = match which {
                            Which::Bare => bare(calls),
                            Which::Wrapped => wrapped(calls),
                        };
                        if result.send(ns).is_err() {
                            break;
                        }
                    }
                });
                Member {
                    orders: sender,
                    results,
                }
            });
        Crew(crew.collect())
    }

    /// Returns nanoseconds per call, the mean of the threads.
    fn run(&self, which: Which, calls: usize) -> Result<f64, Failure> {
        for member in &self.0 {
            member.orders.send((which, calls))?;
        }
        let mut sum = 0.0;
        for member in &self.0 {
            sum += member.results.recv()?;
        }
        Ok(sum / self.0.len() as f64)
    }
}
