//! Random sequences of acts: a few in every run, all pairs of acts in the full form.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use crate::foreign_clients::{
    act::Act,
    client::Client,
    plan::{Coverage, Plan},
    story::Story,
    writer::Clock,
};

/// Runs sequences for this many minutes, in which every pair of acts must occur.
const MINUTES: &str = "ACTIVITY_TEST_FOREIGN_MINUTES";
/// Repeats the sequence of this seed.
const SEED: &str = "ACTIVITY_TEST_SEED";
/// Sequences in every run.
const FEW: usize = 4;
/// Sequences in real time in the full form.
const BY_REAL_TIME: usize = 12;
/// Sequences that run concurrently.
const THREADS: usize = 2;
/// Candidate seeds, of which the one with the most new pairs is taken.
const CANDIDATES: usize = 48;

#[test]
fn random_acts_lose_nothing() {
    if let Some(seed) = env_number(SEED) {
        let (story, _) = run(&Plan::from_seed(seed));
        assert!(story.faults().is_empty(), "{}", story.report());
        return;
    }
    let minutes = env_number(MINUTES);
    let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let coverage = Mutex::new(Coverage::default());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                // Not in the loop condition, which would hold the lock while the sequence runs.
                let next = || next(&mut coverage.lock().unwrap(), until);
                while let Some(plan) = next() {
                    let seed = plan.seed;
                    let output = catch_unwind(AssertUnwindSafe(|| run(&plan)));
                    let Ok((story, found)) = output else {
                        failed
                            .lock()
                            .unwrap()
                            .push((seed, "it panicked".to_owned()));
                        continue;
                    };
                    let (must, may) = (story.must.len(), story.may.len());
                    coverage.lock().unwrap().count(must + may, may, found);
                    if !story.faults().is_empty() {
                        let report = story.report();
                        println!("{SEED}={seed}\n{report}");
                        failed
                            .lock()
                            .unwrap()
                            .push((seed, story.faults()[0].clone()));
                    }
                }
            });
        }
    });
    let (coverage, failed) = (coverage.into_inner().unwrap(), failed.into_inner().unwrap());
    println!("{coverage}\nfailed             {:>7}", failed.len());
    for (seed, fault) in &failed {
        println!("{SEED}={seed}: {fault}");
    }
    assert!(failed.is_empty(), "{} sequences failed", failed.len());
    assert!(
        until.is_none() || coverage.is_full(),
        "not every pair was seen in {minutes:?} minutes"
    );
}

/// The next sequence; `None` at the end.
fn next(coverage: &mut Coverage, until: Option<Instant>) -> Option<Plan> {
    let candidates = || std::iter::repeat_with(|| Plan::from_seed(fastrand::u64(..)));
    let by_real_time = |plan: &Plan| plan.clock == Clock::Real;
    let plan = match until {
        None if coverage.sequences() == FEW => return None,
        // Always the same few seeds: only `prove` tries new ones.
        None => {
            let first = coverage.sequences() as u64 * 1_000;
            let mut plans = (first..).map(Plan::from_seed);
            plans.find(|plan| !by_real_time(plan))
        }
        Some(until) if Instant::now() >= until => return None,
        Some(_) if coverage.by_real_time() < BY_REAL_TIME => candidates().find(by_real_time),
        Some(_) => {
            let tried = candidates().filter(|plan| !by_real_time(plan));
            tried
                .take(CANDIDATES)
                .max_by_key(|plan| coverage.new_pairs(plan))
        }
    };
    coverage.plan(plan.as_ref()?);
    plan
}

/// Runs a sequence. Returns the number of rows found at its end, too.
fn run(plan: &Plan) -> (Story, usize) {
    let mut story = Story::begin(plan.mode, plan.clock);
    story.only(Act::VacuumInto, Client::Shell);
    story.ask("age");
    for step in &plan.steps {
        story.step(*step);
        if !story.faults().is_empty() {
            break;
        }
    }
    let story = story.finish(plan.end);
    let found = story.found;
    (story, found)
}

fn env_number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
