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
use crate::support::postgres;

const LOGS: u8 = 3;
const BATCHES: usize = 12;
const ROUNDS: u64 = 4;

/// Numbers in any order that a seed gives.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn a_follower_sees_each_record_of_three_logs_once() {
    for round in 0..ROUNDS {
        let url = postgres::database();
        drop(Log::connect(&url, 1));
        let running = AtomicUsize::new(LOGS.into());
        thread::scope(|scope| {
            let intakes: Vec<_> = (1..=LOGS)
                .map(|number| {
                    let (url, running) = (&url, &running);
                    scope.spawn(move || {
                        let sent = write(url, number, round);
                        running.fetch_sub(1, SeqCst);
                        sent
                    })
                })
                .collect();
            let follower = scope.spawn(|| follow(&url, round, &running));
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
                assert_eq!(
                    of_logs.get(&number),
                    Some(sent),
                    "log {number}, round {round}"
                );
            }
            assert!(seen.is_sorted_by(|a, b| a.seq < b.seq));
        });
    }
}

/// Forwards a log in batches of any size, which this or another intake counts.
fn write(url: &str, number: u8, round: u64) -> Vec<ActivityId> {
    let mut random = Random(round * 100 + u64::from(number));
    let mut log = Log::connect(url, number);
    let at: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let mut sent = Vec::new();
    for batch in 0..BATCHES {
        let rows = (0..=random.below(7)).map(|row| {
            let number = (u64::from(number) << 32) + (batch << 8 | row) as u64;
            // Some started long before those of earlier batches.
            activity(at - Duration::minutes(random.below(3_000) as i64), number)
        });
        let rows: Vec<_> = rows.collect();
        sent.extend(rows.iter().map(|one| one.id));
        log.send(rows);
        for _ in 0..random.below(3) {
            log.intake.fold().unwrap();
        }
        if random.below(2) == 0 {
            thread::yield_now();
        }
    }
    while log.intake.fold().unwrap() > 0 {}
    sent
}

fn follow(url: &str, round: u64, running: &AtomicUsize) -> Vec<ActivityRecord> {
    let mut random = Random(round);
    let mut reader: Box<dyn Reader> = PostgresStore::new(url).unwrap().reader().unwrap();
    let reader = &mut *reader;
    let (mut position, mut seen) = (Position::START, Vec::new());
    let all = Filter::default();
    loop {
        let is_over = running.load(SeqCst) == 0;
        let limit = 1 + random.below(20);
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
