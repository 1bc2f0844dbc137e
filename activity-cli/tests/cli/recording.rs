//! `activity recording`, and the list of recordings in `activity show`.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use tower_activity::{
    Describe, Outcome,
    recording::{Chunk, Stream},
};

use crate::fixture::Fixture;

#[test]
fn recordings_are_listed_and_written_out() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let call = log.start(Describe::job("shop"));
    let id = call.id().unwrap().to_string();
    let recording = runtime.block_on(call.attach(Stream::new("rrweb")));
    recording.append(
        Chunk::new("{\"type\":4}\n{\"type\":2}\n")
            .track("tab 1")
            .events(2),
    );
    recording.append(Chunk::new("{\"type\":4}\n").track("tab 2"));
    recording.append(Chunk::new("{\"type\":3}\n").track("tab 1"));
    let number = recording.id().unwrap().to_string();
    call.end(Outcome::success());
    drop(recording);
    drop(runtime);
    log.shutdown().wait().unwrap();

    let shown = fixture.run(&["show", &id]);
    let line = shown.stdout.lines().find(|line| line.contains("rrweb"));
    let line = line.unwrap_or_else(|| panic!("{}", shown.stdout));
    assert!(
        line.contains(&number) && line.contains("4 events") && line.contains("2 tracks"),
        "{line}"
    );
    let shown: serde_json::Value =
        serde_json::from_str(&fixture.run(&["show", &id, "--json"]).stdout).unwrap();
    assert_eq!(shown["recordings"][0]["id"], number.as_str());
    assert_eq!(shown["has_recording"], true);

    let events = fixture.run(&["recording", &number]);
    assert_eq!(
        events.stdout,
        "[{\"type\":4},\n{\"type\":2},\n{\"type\":3}]\n"
    );
    assert!(events.stderr.contains("tab 2"), "{}", events.stderr);
    let file = fixture.folder.path().join("second.json");
    let wrote = fixture.run(&[
        "recording",
        &number[..23],
        "--track",
        "tab 2",
        "-o",
        file.to_str().unwrap(),
    ]);
    assert_eq!((wrote.code, wrote.stdout.as_str()), (Some(0), ""));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "[{\"type\":4}]\n");

    let none = fixture.run(&["recording", &number, "--track", "tab 3"]);
    assert_eq!(none.code, Some(1));
    assert!(
        none.stderr.contains("no track \"tab 3\""),
        "{}",
        none.stderr
    );
    assert_eq!(fixture.run(&["recording", "ffffffff"]).code, Some(1));
}

#[test]
fn a_running_recording_is_followed_to_its_end() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let call = log.start(Describe::job("shop"));
    let recording = runtime.block_on(call.attach(Stream::new("rrweb")));
    recording.append(Chunk::new("{\"type\":4}\n"));
    log.flush().wait().unwrap();
    let number = recording.id().unwrap().to_string();
    let mut command = fixture.command(&["recording", &number, "--follow"]);
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "{\"type\":4}");
    recording.append(Chunk::new("{\"type\":2}\n"));
    assert_eq!(lines.next().unwrap().unwrap(), "{\"type\":2}");
    // The call continues; only the recording ends.
    runtime.block_on(recording.stop());
    assert!(lines.next().is_none());
    assert_eq!(follower.wait().unwrap().code(), Some(0));
    call.end(Outcome::success());
}

#[test]
fn recordings_are_pruned_and_the_activities_stay() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let call = log.start(Describe::job("shop"));
    let id = call.id().unwrap().to_string();
    for _ in 0..2 {
        let recording = runtime.block_on(call.attach(Stream::new("frames")));
        for _ in 0..150 {
            recording.append(Chunk::new("frame"));
        }
        runtime.block_on(recording.stop());
    }
    // A running one is never pruned.
    let goes_on = runtime.block_on(call.attach(Stream::new("frames")));
    goes_on.append(Chunk::new("frame"));
    log.flush().wait().unwrap();

    let prune = |more: &[&str]| {
        let args = ["prune", "--older-than", "now", "--what", "recordings"];
        fixture.run(&[&args[..], more].concat()).stdout
    };
    assert_eq!(prune(&["--dry-run"]), "would delete 2 recordings\n");
    let said = prune(&[]);
    assert!(said.starts_with("deleted 2 recordings\n"), "{said}");
    assert_eq!(prune(&[]), "deleted 0 recordings\n");
    let shown = fixture.run(&["show", &id, "--json"]).stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let kept = goes_on.id().unwrap().to_string();
    assert_eq!(shown["recordings"].as_array().unwrap().len(), 1);
    assert_eq!(shown["recordings"][0]["id"], kept.as_str());
}
