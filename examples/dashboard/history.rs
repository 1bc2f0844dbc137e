//! A week of simulated history.

use std::{path::Path, time::Duration};

use chrono::{TimeDelta, Timelike, Utc};
use serde_json::json;
use tower_activity::{
    ActivityLog, Describe, Kind, Outcome, Result, Status, record::Capture, testing::ManualClock,
};

use crate::{
    session,
    work::{EVENTS, FAILURES, MISSING, TOOLS, mcp_call, turn},
};

/// Writes a week of work into a new store.
pub(crate) async fn write(store: &Path) -> Result<()> {
    let clock = ManualClock::new();
    let log = ActivityLog::builder().clock(clock.clone()).open(store)?;
    let mut random = fastrand::Rng::with_seed(3);
    let (end, mut at) = (
        Utc::now() - TimeDelta::minutes(25),
        Utc::now() - TimeDelta::days(6),
    );
    let mut n = 0;
    while at < end {
        clock.set_wall(at);
        call(&log, &clock, &mut random, n);
        if n % 11 == 5 {
            event(&log, &mut random, n);
        }
        n += 1;
        if n == 300 {
            import(&log, &clock, &mut random);
        }
        // Less at night.
        let busy = if (7..19).contains(&at.hour()) { 1 } else { 4 };
        at += TimeDelta::seconds(random.i64(20..420) * busy);
        if n % 64 == 0 {
            log.flush().await?;
        }
    }
    clock.set_wall(end + TimeDelta::minutes(10));
    session::record_terminal(&log, &clock).await;
    clock.advance(Duration::from_secs(60));
    session::record_shared(&log, &clock).await;
    clock.advance(Duration::from_secs(60));
    session::record(&log, &clock).await;
    log.shutdown().await?;
    Ok(())
}

fn call(log: &ActivityLog, clock: &ManualClock, random: &mut fastrand::Rng, n: u64) {
    let (project, agent, brand, tool, ms, failures) = TOOLS[random.usize(..TOOLS.len())];
    let (error, message) = FAILURES[random.usize(..FAILURES.len())];
    let turn_now = log.start(turn(project, agent, n));
    clock.advance(Duration::from_millis(40 + random.u64(..200)));
    let call = log.start(mcp_call(tool, brand, n).parent(&turn_now));
    let input = json!({"query": "oak table", "page": n % 7, "headers": {"accept": "text/html"}});
    call.set_input(&input, Capture::Preview);
    for step in 0..random.u64(..4) {
        let request = Describe::new(
            Kind::Http,
            format!("GET https://{brand}.example/page/{step}"),
        );
        let request = log.start(request.parent(&call));
        clock.advance(Duration::from_millis(ms / 6 + random.u64(..ms / 2 + 1)));
        request.end(Outcome::success());
    }
    clock.advance(Duration::from_millis(ms / 3 + random.u64(..ms)));
    let fails = random.u8(..100) < failures;
    if fails {
        call.event("log")
            .status(Status::Failed)
            .summary(message)
            .record();
    }
    let output = json!({"results": [{"title": "Oak table", "price": 249.5}], "total": n});
    call.set_output(&output, Capture::Preview);
    call.end(match (fails, random.u8(..100)) {
        (true, _) => Outcome::failed(error).with_message(message),
        (_, 0) => Outcome::cancelled(),
        (_, 1) => Outcome::skipped(),
        _ => Outcome::success(),
    });
    if n % 37 == 5 {
        let missing = MISSING[random.usize(..MISSING.len())];
        let report = mcp_call("report_missing_tool", brand, n).parent(&turn_now);
        let report = log.start(report.attribute("mcp.missing_tool", missing));
        report.end(Outcome::success());
    }
    clock.advance(Duration::from_millis(random.u64(30..400)));
    turn_now.end(Outcome::success());
}

fn event(log: &ActivityLog, random: &mut fastrand::Rng, n: u64) {
    let (event, summary, count) = EVENTS[random.usize(..EVENTS.len())];
    let (project, agent, ..) = TOOLS[random.usize(..TOOLS.len())];
    let event = log.event(event).summary(summary).count(count);
    let event = event
        .reference(format!("{:07x}", n * 7_919))
        .data(json!({"by": agent, "files": n % 12}));
    event
        .project(project)
        .agent(agent)
        .environment(["production", "development"][n as usize % 2])
        .record();
}

/// One job with very many steps.
fn import(log: &ActivityLog, clock: &ManualClock, random: &mut fastrand::Rng) {
    let job = log.start(
        Describe::job("import_catalogue")
            .project("acme-shop")
            .agent("claude"),
    );
    for page in 0..40 {
        let one = log.start(Describe::job(format!("page {page}")).parent(&job));
        for row in 0..75 {
            let row = log.start(
                Describe::tool("catalogue_upsert")
                    .parent(&one)
                    .attribute("row", row),
            );
            clock.advance(Duration::from_millis(random.u64(2..20)));
            row.end(match random.u8(..100) {
                0 => {
                    Outcome::failed("tool_error").with_message("the price is not a number: \"ask\"")
                }
                _ => Outcome::success(),
            });
        }
        one.end(Outcome::success());
    }
    job.end(Outcome::success());
}
