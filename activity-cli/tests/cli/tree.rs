//! The tree of `activity show`: failures are lines of their own, repeats are one.

use tower_activity::{Describe, Outcome, Status, record::Capture};

use crate::fixture::{CommandResult, Fixture};

fn show(fixture: &Fixture, id: &str) -> Vec<String> {
    let output = fixture.command(&["show", id]).env("COLUMNS", "80").output();
    let ran = CommandResult::new(&output.unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines = ran.stdout.lines().map(str::to_owned);
    lines.skip_while(|line| line != "TREE").skip(1).collect()
}

#[test]
fn one_failure_among_thousands_is_shown() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let import = log.start(Describe::job("import 5000 rows"));
    for page in 0..50 {
        let page_of = log.start(Describe::job(format!("page {page}")).parent(&import));
        for row in 0..100 {
            let upsert = log.start(Describe::tool("upsert").parent(&page_of));
            upsert.end(match (page, row) {
                (31, 77) => Outcome::failed("tool_error").with_message("the price is not a number"),
                _ => Outcome::success(),
            });
        }
        page_of.end(Outcome::success());
        log.flush().wait().unwrap();
    }
    import.end(Outcome::success());
    log.shutdown().wait().unwrap();

    let tree = show(&fixture, "@");
    assert_eq!(tree.len(), 1 + 50 + 50 + 1, "{}", tree.join("\n"));
    let at = tree
        .iter()
        .position(|line| line.contains("page 31"))
        .unwrap();
    assert!(
        tree[at + 1].starts_with("  │  ├─ ✗ upsert "),
        "{}",
        tree[at + 1]
    );
    assert!(
        tree[at + 1].contains("tool_error: the price is not a"),
        "{}",
        tree[at + 1]
    );
    assert!(
        tree[at + 2].starts_with("  │  └─ ✓ upsert × 99  "),
        "{}",
        tree[at + 2]
    );
    assert!(tree[at + 2].contains(" p95 "), "{}", tree[at + 2]);
    assert!(tree.iter().any(|line| line.contains("✓ upsert × 100  ")));
    assert!(
        tree.iter().all(|line| line.chars().count() <= 80),
        "{}",
        tree.join("\n")
    );
}

#[test]
fn activities_that_repeat_are_counted_with_what_is_inside() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let root = log.start(Describe::job("root"));
    for round in 0..20 {
        let call = log.start(Describe::tool("call").parent(&root));
        log.start(Describe::job("inside").parent(&call))
            .end(Outcome::success());
        call.end(match round % 2 {
            0 => Outcome::failed("denied"),
            _ => Outcome::success(),
        });
    }
    let few = log.start(Describe::tool("few").parent(&root));
    for _ in 0..5 {
        log.start(Describe::job("step").parent(&few))
            .end(Outcome::success());
    }
    few.end(Outcome::success());
    root.end(Outcome::success());
    log.shutdown().wait().unwrap();
    let tree = show(&fixture, "@");
    let call = |sign: &str| {
        tree.iter()
            .filter(|line| line.contains(&format!("{sign} call  ")))
            .count()
    };
    // Of ten failures five, and the others in the group.
    assert_eq!((call("✗"), call("✓")), (5, 0), "{}", tree.join("\n"));
    let group = tree
        .iter()
        .find(|line| line.contains("✗ call × 15  "))
        .unwrap();
    assert!(group.ends_with("  5 failed, 15 inside"), "{group}");
    assert_eq!(
        tree.iter()
            .filter(|line| line.contains("─ ✓ step "))
            .count(),
        5
    );
}

#[test]
fn repeats_have_the_numbers_of_those_that_did_not_succeed() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let root = log.start(Describe::job("root"));
    let run = |name: &'static str, outcome| {
        log.start(Describe::job(name).parent(&root)).end(outcome);
    };
    run("step", Outcome::skipped());
    for _ in 0..8 {
        run("step", Outcome::success());
        run("idle", Outcome::skipped());
    }
    run("step", Outcome::cancelled());
    root.end(Outcome::success());
    log.shutdown().wait().unwrap();
    let tree = show(&fixture, "@");
    let line = |name: &str| tree.iter().find(|line| line.contains(name)).unwrap();
    assert!(line("step").contains("✓ step × 10  "), "{}", line("step"));
    assert!(
        line("step").ends_with("1 cancelled, 1 skipped"),
        "{}",
        line("step")
    );
    assert!(line("idle").contains("○ idle × 8  "), "{}", line("idle"));
}

#[test]
fn a_deep_activity_keeps_its_name() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let mut open = vec![log.start(Describe::job("depth 0"))];
    for depth in 1..60 {
        let parent = open.last().unwrap();
        open.push(log.start(Describe::job(format!("depth {depth}")).parent(parent)));
    }
    while let Some(one) = open.pop() {
        one.end(Outcome::success());
    }
    log.shutdown().wait().unwrap();
    let tree = show(&fixture, "@");
    assert!(tree[59].starts_with("  ⋯59 └─ ✓ depth 59 "), "{}", tree[59]);
    assert!(tree.iter().all(|line| line.chars().count() <= 80));
}

#[test]
fn what_is_left_out_is_counted() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let root = log.start(Describe::job("root"));
    for number in 0..600 {
        log.start(Describe::job(format!("step {number}")).parent(&root))
            .end(match number {
                599 => Outcome::failed("late"),
                _ => Outcome::success(),
            });
    }
    root.end(Outcome::success());
    log.shutdown().wait().unwrap();
    let tree = show(&fixture, "@");
    assert_eq!(tree.len(), 401);
    assert!(tree[399].contains("✗ step 599 "), "{}", tree[399]);
    assert_eq!(
        tree[400],
        "  … and 201 more, none of them failed: use --json to get all of them"
    );
    assert_eq!(fixture.json(&["list", "step", "-n1000"]).len(), 600);
    assert_eq!(
        fixture.json(&["list", "is:root"])[0].status,
        Status::Success
    );
}

#[test]
fn a_root_cause_stands_before_the_details_and_payloads_come_last() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let turn = log.start(Describe::turn("answer").attribute("k", "v"));
    let pay = log.start(Describe::tool("pay").parent(&turn));
    pay.end(Outcome::failed("402").with_message("insufficient_funds"));
    turn.set_input(&serde_json::json!({"total": 249.5}), Capture::Preview);
    turn.end(Outcome::failed("tool_error").with_message("the checkout tool failed"));
    log.shutdown().wait().unwrap();
    let text = fixture.run(&["show", "@"]).stdout;
    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} in {text}"))
    };
    let parts = [
        "the checkout tool failed",
        "ROOT CAUSE",
        "insufficient_funds",
        "  id ",
        "ATTRIBUTES",
        "\nTREE",
    ];
    let found: Vec<_> = parts.iter().map(|part| at(part)).collect();
    assert!(found.is_sorted(), "{text}");
    assert!(at("\nTREE") < at("INPUT ("), "{text}");
}
