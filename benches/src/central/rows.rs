//! Activities of several logs: of projects and agents that work on several machines, in trees of five.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tower_activity::record::{ActivityId, ActivityRecord, InstanceId, Kind, Preview, Status};

use crate::fill::{AGENTS, PROJECTS};

/// A word in 4 of 100 activities.
pub const FREQUENT: &str = "checkout";
/// A word in 3 of 1,000 activities.
pub const MIDDLING: &str = "voucher";
/// A word in one of a million activities.
pub const RARE: &str = "zeppelin";

/// The number of activities in a tree.
const TREE: usize = 5;
/// The numbers of names, and of sites that each of them fails at.
const NAMES: usize = 40;
const SITES: usize = 3;
/// The number of activities in a session.
const SESSION: usize = 60;

/// All activities: evenly over some days, in turn to the logs.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    /// The number of activities of all logs.
    pub rows: usize,
    /// The number of logs.
    pub logs: usize,
    /// The time that they are spread over.
    pub span: TimeDelta,
    /// The end of that time.
    pub end: DateTime<Utc>,
}

impl Rows {
    /// The number of activities of each log.
    pub fn of_log(&self) -> usize {
        self.rows / TREE / self.logs * TREE
    }

    /// The activities of a log, in commit order: these, counted from 0.
    pub fn batch(&self, log: usize, of_log: std::ops::Range<usize>) -> Vec<ActivityRecord> {
        of_log.map(|n| self.activity(log, n)).collect()
    }

    fn activity(&self, log: usize, n: usize) -> ActivityRecord {
        let tree = n / TREE * self.logs + log;
        // A root is committed after what ran inside it.
        let step = (n + 1) % TREE;
        let row = tree * TREE + step;
        let kind = if step == 0 { Kind::Turn } else { Kind::Tool };
        let name = match step {
            0 => "answer".to_owned(),
            _ => format!("shop.tool_{}", mix(row) % NAMES),
        };
        let instance = InstanceId::from_bytes([1; 16]);
        let mut one = ActivityRecord::new(self.id(row), kind, name, instance);
        if step > 0 {
            one.root = self.id(tree * TREE);
            // The last one ran inside the first.
            let parent = if step == 4 { 1 } else { 0 };
            one.parent = Some(self.id(tree * TREE + parent));
        }
        let agent = mix(tree) % AGENTS;
        one.scope.agent = Some(format!("agent-{agent}").into());
        one.scope.project = Some(format!("project-{}", agent % PROJECTS).into());
        one.scope.actor = Some(format!("user-{}", agent / 2).into());
        one.scope.environment = Some("production".into());
        one.scope.session = Some(format!("s-{}", tree * TREE / SESSION).into());
        one.trace_id = tower_activity::record::TraceId::from_root(one.root);
        let ns = 1_000_000 + (mix(row) as u64 % 900_000_000) / (1 + step as u64);
        one.duration_ns = Some(ns);
        one.ended_at = Some(one.started_at + TimeDelta::nanoseconds(ns as i64));
        one.status = Status::Success;
        if mix(row + 1) % 100 < 3 {
            one.status = Status::Failed;
            let site = mix(row) / 100 % SITES;
            one.error_type = Some(["timeout", "denied", "tool_error"][site].into());
            one.message =
                Some(format!("the request for ticket {row} was refused by site-{site}").into());
        }
        let word = match row {
            _ if row % 1_000_000 == 7_777 => RARE,
            _ if row % 333 == 5 => MIDDLING,
            _ if row % 25 == 3 => FREQUENT,
            _ => "basket",
        };
        let input = format!(
            "{{\"action\":\"{word}\",\"items\":{},\"note\":\"for customer {}\"}}",
            row % 9,
            mix(row) % 100_000
        );
        let bytes = input.len() as u64;
        one.input = Some(Preview::new(input, bytes, false));
        one.attributes
            .insert("rows".into(), json!(mix(row) % 5_000));
        one
    }

    fn id(&self, row: usize) -> ActivityId {
        let span_us = self.span.num_microseconds().unwrap_or_default();
        let passed = (span_us as f64 * (row as f64 / self.rows as f64)) as i64;
        let at = self.end - self.span + TimeDelta::microseconds(passed);
        let mut id = *ActivityId::lower_bound(at).as_bytes();
        id[9..].copy_from_slice(&(row as u64).to_be_bytes()[1..]);
        ActivityId::from_bytes(id)
    }
}

/// A number that is spread evenly, the same in each run (the finalizer of MurmurHash).
fn mix(number: usize) -> usize {
    let mut bits = (number as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ bits >> 31) as usize >> 1
}
