//! Random sequences of acts: a few in every run, all pairs of acts in a run of several minutes.

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

/// For so many minutes sequences are tried, and every pair of acts must occur.
const MINUTES: &str = "ACTIVITY_TEST_FOREIGN_MINUTES";
/// Repeats the sequence of one seed.
const SEED: &str = "ACTIVITY_TEST_SEED";
/// Sequences at every run.
const FEW: usize = 4;
/// Sequences by real time in the full form.
const BY_REAL_TIME: usize = 12;
/// Sequences that run at once.
const THREADS: usize = 2;
/// The one of so many seeds that shows most new pairs is taken.
const CANDIDATES: usize = 48;

#[test]
fn random_acts_lose_nothing() {
    if let Some(seed) = setting(SEED) {
        let (story, _) = run(&Plan::from_seed(seed));
        assert!(story.faults().is_empty(), "{}", story.report());
        return;
    }
    let minutes = setting(MINUTES);
    let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let coverage = Mutex::new(Coverage::default());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                // Not in the loop's head: the lock would be held while the sequence runs.
                let next = || next(&mut coverage.lock().unwrap(), until);
                while let Some(plan) = next() {
                    let seed = plan.seed;
                    let ran = catch_unwind(AssertUnwindSafe(|| run(&plan)));
                    let Ok((story, found)) = ran else {
                        failed
                            .lock()
                            .unwrap()
                            .push((seed, "it panicked".to_owned()));
                        continue;
                    };
                    let (must, may) = (story.must.len(), story.may.len());
                    coverage.lock().unwrap().count(must + may, may, found);
                    if !story.faults().is_empty() {
                        let told = story.report();
                        println!("{SEED}={seed}\n{told}");
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

/// Returns the next sequence, if any.
fn next(coverage: &mut Coverage, until: Option<Instant>) -> Option<Plan> {
    let candidates = || std::iter::repeat_with(|| Plan::from_seed(fastrand::u64(..)));
    let by_real_time = |plan: &Plan| plan.clock == Clock::Real;
    let plan = match until {
        None if coverage.sequences() == FEW => return None,
        // The same few each time, by the seed; only `prove` tries new ones.
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

/// Runs a sequence. The number is of rows found at its end.
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

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
