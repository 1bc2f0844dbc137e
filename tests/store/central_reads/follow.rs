//! A follower misses nothing and sees nothing twice, however batches of several logs are accepted and counted.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use chrono::{DateTime, Duration, Utc};
use tower_activity::{
    record::{ActivityId, ActivityRecord, Filter},
    store::{Position, Reader, Source, Store, postgres::PostgresStore},
};

use super::{Log, activity};
use crate::support::{
    postgres,
    proxy::{At, Network, Proxy},
};

const LOGS: u8 = 3;
const BATCHES: usize = 12;
const ROUNDS: u64 = 4;

/// Where counting is interrupted.
const INTERRUPTIONS: [At; 4] = [
    At::Before(&["'ordinal' FOR UPDATE"]),
    At::After(&["'ordinal' FOR UPDATE"]),
    At::Before(&["'ordinal' FOR UPDATE", "COMMIT"]),
    At::After(&["'ordinal' FOR UPDATE", "COMMIT"]),
];

#[test]
fn a_follower_sees_each_record_of_three_logs_once() {
    let seed = std::env::var("ACTIVITY_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    for seed in (0..ROUNDS).map(|round| seed.wrapping_add(round)) {
        println!("ACTIVITY_TEST_SEED={seed}");
        let url = postgres::database();
        drop(Log::connect(&url, 1));
        let running = AtomicUsize::new(LOGS.into());
        thread::scope(|scope| {
            let intakes: Vec<_> = (1..=LOGS)
                .map(|number| {
                    let (url, running) = (&url, &running);
                    scope.spawn(move || {
                        let sent = write(url, number, seed);
                        running.fetch_sub(1, SeqCst);
                        sent
                    })
                })
                .collect();
            let follower = scope.spawn(|| follow(&url, seed, &running));
            let sent: Vec<Vec<ActivityId>> =
                intakes.into_iter().map(|one| one.join().unwrap()).collect();
            let seen = follower.join().unwrap();
            let mut of_logs: HashMap<u8, Vec<ActivityId>> = HashMap::new();
            for one in &seen {
                let log = one.instance.as_bytes()[0];
                of_logs.entry(log).or_default().push(one.id);
            }
            for (number, sent) in (1..).zip(&sent) {
                // Each once, and in the order of its log.
                assert_eq!(of_logs.get(&number), Some(sent), "log {number}");
            }
            assert!(seen.is_sorted_by(|a, b| a.seq < b.seq));
        });
    }
}

/// Forwards a log in batches of any size, which this or another intake counts. Intakes end between a batch and its count, and in the
/// middle of counting.
fn write(url: &str, number: u8, seed: u64) -> Vec<ActivityId> {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(100).wrapping_add(number.into()));
    let proxy = Proxy::start(url);
    let address = proxy.address(url, "");
    let mut log = Log::connect(&address, number);
    let at: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let mut sent = Vec::new();
    for batch in 0..BATCHES {
        let rows = (0..=random.usize(..7)).map(|row| {
            let number = (u64::from(number) << 32) + (batch << 8 | row) as u64;
            // Some started long before those of earlier batches.
            activity(at - Duration::minutes(random.i64(0..3_000)), number)
        });
        let rows: Vec<_> = rows.collect();
        sent.extend(rows.iter().map(|one| one.id));
        log.send(rows, Vec::new());
        match random.u8(..6) {
            0 => log = Log::connect(&address, number),
            1 => {
                proxy.set_at(INTERRUPTIONS[random.usize(..4)], Network::Cut);
                // Another intake may be counting: then it goes well.
                let _ = log.intake.fold();
                proxy.set(Network::Open);
                log = Log::connect(&address, number);
            }
            folds => {
                for _ in 2..folds {
                    log.intake.fold().unwrap();
                }
            }
        }
        if random.bool() {
            thread::yield_now();
        }
    }
    // Until all are counted, by this intake or the others.
    while log.intake.fold().unwrap() > 0 {}
    sent
}

fn follow(url: &str, seed: u64, running: &AtomicUsize) -> Vec<ActivityRecord> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut reader: Box<dyn Reader> = PostgresStore::new(url).unwrap().reader().unwrap();
    let reader = &mut *reader;
    let (mut position, mut seen) = (Position::START, Vec::new());
    let all = Filter::default();
    loop {
        let is_over = running.load(SeqCst) == 0;
        let limit = 1 + random.usize(..20);
        let page = Source::<ActivityRecord>::after(reader, position, &all, limit).unwrap();
        assert!(!page.restarted);
        position = page.next;
        let is_end = page.records.is_empty();
        seen.extend(page.records);
        if is_over && is_end {
            return seen;
        }
    }
}
