//! Calls, turns, trees and events of all kinds.

use std::{ops::Range, time::Duration};

use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Describe, Kind, Outcome, Status,
    activity::ActivityGuard,
    record::{Capture, TraceContext},
    testing::ManualClock,
};

use crate::golden::texts::{ACTORS, AGENTS, BRANDS, EVENTS, FAILURES, NAMES, PROJECTS, SESSIONS};

/// Calls of every kind and status, minutes apart, over hours.
pub fn calls(log: &ActivityLog, clock: &ManualClock, numbers: Range<usize>) {
    let durations = [
        300,
        42_000,
        8_000_000,
        900_000_000,
        61_000_000_000,
        5_123_456,
        1_500_000_000_000,
    ];
    for n in numbers {
        clock.advance(Duration::from_secs(137 + (n as u64 * 71) % 600));
        let mut describe = Describe::new(Kind::ALL[n % 8], name(n))
            .project(PROJECTS[n % 7].to_owned())
            .session(SESSIONS[n % 4].to_owned());
        if n % 3 > 0 {
            describe = describe.agent(AGENTS[n % 5].to_owned());
        }
        if n % 4 > 0 {
            describe = describe.actor(ACTORS[n % 6].to_owned());
        }
        if n % 5 > 0 {
            describe = describe
                .brand(BRANDS[n % 4].to_owned())
                .request(format!("req-{n}"));
        }
        if n.is_multiple_of(9) {
            describe = describe.environment(["production", "staging", "本番"][n % 3]);
        }
        if n.is_multiple_of(11) {
            let parent =
                format!("00-0af7651916cd43dd8448eb211c8031{n:02x}-b7ad6b71692033{n:02x}-01");
            describe = describe.remote_parent(TraceContext::parse(&parent, None).unwrap());
        }
        let call = log.start(describe);
        attributes(&call, n);
        previews(&call, n);
        clock.advance(Duration::from_nanos(durations[n % 7]));
        end(call, n);
    }
}

/// A name; some are longer than the limit.
pub fn name(n: usize) -> String {
    match n % 31 {
        30 => "x".repeat(300),
        29 => "長い名前".repeat(75),
        _ => NAMES[n % NAMES.len()].to_owned(),
    }
}

fn attributes(call: &ActivityGuard, n: usize) {
    match n % 26 {
        1 => call.set("rows", n as u64),
        2 => {
            call.set("http.response.status_code", 502);
            call.set(
                "nested",
                json!({"a": [1, null, {"b": "c\n\u{0}"}], "": true}),
            );
        }
        3 => call.set("text", "ä".repeat(1_800)),
        // A value beyond the size limit, and more attributes than the limit.
        4 => call.set("huge", "v".repeat(100_000)),
        5 => (0..70).for_each(|number| call.set(format!("attr.{number}"), number)),
        6 => {
            call.set("largest", u64::MAX);
            call.set("smallest", i64::MIN);
            call.set("fraction", 0.1);
            call.set("none", Value::Null);
            call.set("ключ \"'", "значение");
        }
        7 => call.set("password", "redacted before it is kept"),
        _ => {}
    }
}

fn previews(call: &ActivityGuard, n: usize) {
    match n % 24 {
        0 => {
            call.set_input(
                &json!({"query": "tea ☕", "page": n, "tags": ["a", null, 1.5]}),
                Capture::Full,
            );
            call.set_output(&"plain text output\nsecond line\n".repeat(4), Capture::Full);
        }
        5 => call.set_input(
            &json!({"html": "<h1>hi</h1>".repeat(600)}),
            Capture::Preview,
        ),
        7 => call.set_output(&Value::Null, Capture::Preview),
        9 => call.set_output(&"длинный ответ ".repeat(700), Capture::Preview),
        _ => {}
    }
}

fn end(call: ActivityGuard, n: usize) {
    let (error_type, message) = FAILURES[n % 7];
    match n % 10 {
        0 | 1 => call.end(Outcome::failed(error_type).with_message(message.to_owned())),
        2 => call.end(Outcome::panicked()),
        3 => call.end(Outcome::cancelled()),
        4 => call.end(Outcome::skipped()),
        // Dropped without an end.
        5 => drop(call),
        6 => call.end(Outcome::failed("long").with_message("long message ".repeat(300))),
        _ => call.end(Outcome::success()),
    }
}

/// Agents that record turns, with calls inside, and an agent that does not.
pub fn turns(log: &ActivityLog, clock: &ManualClock) {
    for n in 0..12 {
        clock.advance(Duration::from_secs(240));
        let agent = AGENTS[n % 3];
        let turn = log.start(
            Describe::turn("answer the customer")
                .project(PROJECTS[n % 2])
                .agent(agent),
        );
        clock.advance(Duration::from_millis(120));
        let call = log.start(Describe::tool("search").parent(&turn).agent(agent));
        clock.advance(Duration::from_millis(700));
        call.end(Outcome::success());
        turn.end(Outcome::success());
        let plain = log.start(Describe::job("tick").agent("never says turn"));
        clock.advance(Duration::from_millis(3));
        plain.end(Outcome::success());
    }
}

/// A tree with siblings, a deep failure, events and log lines.
pub fn tree(log: &ActivityLog, clock: &ManualClock) {
    let turn = log.start(
        Describe::turn("check out")
            .project("acme")
            .agent("claude")
            .actor(ACTORS[0]),
    );
    let pay = log.start(Describe::tool("pay").parent(&turn).brand("netflix"));
    for (n, name) in [
        "GET https://pay.example/session",
        "POST https://pay.example/charge",
    ]
    .into_iter()
    .enumerate()
    {
        let request = log.start(Describe::new(Kind::Http, name).parent(&pay));
        clock.advance(Duration::from_millis(40));
        request.event("log").summary("→ 402").record();
        match n {
            0 => request.end(Outcome::success()),
            _ => {
                request.end(Outcome::failed("402").with_message("Payment Required: limit reached"));
            }
        }
    }
    pay.event("payment")
        .status(Status::Failed)
        .summary("could not charge")
        .record();
    pay.end(Outcome::failed("tool_error").with_message("could not charge the card"));
    for n in 0..25 {
        clock.advance(Duration::from_millis(7));
        log.start(Describe::job(format!("row {n}")).parent(&turn))
            .end(Outcome::success());
    }
    turn.end(Outcome::failed("tool_error"));
}

/// Forty nested activities.
pub fn deep(log: &ActivityLog, clock: &ManualClock) {
    let mut open: Vec<ActivityGuard> = Vec::new();
    for depth in 0..40 {
        let mut describe = Describe::job(format!("depth {depth}")).project("проект");
        if let Some(parent) = open.last() {
            describe = describe.parent(parent);
        }
        clock.advance(Duration::from_micros(3));
        open.push(log.start(describe));
    }
    while let Some(one) = open.pop() {
        clock.advance(Duration::from_micros(5));
        one.end(Outcome::success());
    }
}

pub fn events(log: &ActivityLog, clock: &ManualClock) {
    for n in 0..54 {
        clock.advance(Duration::from_secs(211));
        let (event_type, summary) = EVENTS[n % 9];
        let mut event = log
            .event(event_type.to_owned())
            .status(Status::ALL[n % 6])
            .summary(summary.to_owned());
        if n % 4 > 0 {
            event = event
                .project(PROJECTS[n % 7].to_owned())
                .actor(ACTORS[n % 6].to_owned());
        }
        event = match n % 8 {
            1 => event
                .agent(AGENTS[n % 5].to_owned())
                .brand(BRANDS[n % 4].to_owned()),
            2 => event.session(SESSIONS[n % 4]).request(format!("req-{n}")),
            3 => event
                .data(json!({"commits": [{"id": "c0ffee", "message": "fix \"it\"\n"}], "n": n})),
            4 => event
                .reference(format!("commit/c0ffee{n}"))
                .count(1 << (n % 40)),
            // The second event with the same key is a duplicate.
            5 => event.dedup_key(format!("key-{}", n / 16)),
            // Neither of them is stored.
            6 => event.data("d".repeat(70_000)),
            7 => event.dedup_key("k".repeat(2_000)).environment("staging"),
            _ => event,
        };
        event.record();
    }
}
