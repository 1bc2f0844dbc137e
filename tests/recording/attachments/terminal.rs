//! Output of a real child process as an asciicast.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::process::Command;
use tower_activity::{
    Activity, Describe, Outcome, log::RecordingOptions, record::RecordingStatus,
    recording::Terminal,
};

use crate::attachments::{ended, log, log_with, recording_when, recordings, text};

/// Writes more than a pipe holds, and fails if the pipe is not read.
const LOUD: &str = "head -c 1000000 /dev/zero | tr '\\0' x";

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdout(Stdio::piped());
    command
}

#[tokio::test]
async fn the_output_of_a_child_is_a_cast_without_secrets() {
    let log = log();
    let call = log.start(Describe::job("build"));
    let id = call.id();
    let secret = format!("{}{}", "ghp", "_0123456789abcdefghijABCDEFGHIJ012345");
    let script =
        format!("printf 'caf\\303'; printf '\\251\\n'; echo token {secret}; printf prompt");
    let mut child = sh(&script).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    let terminal = Terminal::new(output).size(100, 30).title("build");
    call.attach(terminal).await;
    assert!(child.wait().await.unwrap().success());
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    assert_eq!(recording.status, RecordingStatus::Complete);
    assert_eq!(recording.format, "asciicast");

    let cast = text(&log, &recording, "");
    let mut lines = cast
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let header = lines.next().unwrap();
    assert_eq!(
        (&header["version"], &header["width"], &header["height"]),
        (&2.into(), &100.into(), &30.into())
    );
    assert_eq!(header["title"], "build");
    let (mut last, mut shown) = (0.0, String::new());
    for line in lines {
        let at = line[0].as_f64().unwrap();
        assert!(at >= last && line[1] == "o", "{line}");
        last = at;
        shown.push_str(line[2].as_str().unwrap());
    }
    assert!(
        shown.starts_with("café\n") && shown.ends_with("prompt"),
        "{shown:?}"
    );
    assert!(
        shown.contains("token ") && !cast.contains(&secret),
        "{shown:?}"
    );
}

#[tokio::test]
async fn a_child_without_output_leaves_no_recording() {
    let log = log();
    let call = log.start(Describe::job("build"));
    let id = call.id();
    let mut child = sh("exit 0").spawn().unwrap();
    let terminal = call
        .attach(Terminal::new(child.stdout.take().unwrap()))
        .await;
    child.wait().await.unwrap();
    terminal.flush().await;
    call.end(Outcome::success());
    assert_eq!(recordings(&log, id), []);
}

#[tokio::test]
async fn a_child_that_is_not_recorded_never_blocks() {
    let mut child = sh(LOUD).spawn().unwrap();
    let terminal = Terminal::new(child.stdout.take().unwrap());
    let nothing = Activity::current().attach(terminal).await;
    assert!(nothing.outcome().is_err());
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_child_outlives_the_activity_that_it_was_recorded_in() {
    let log = log();
    let call = log.start(Describe::job("build"));
    let mut command = sh(&format!("read go; {LOUD}"));
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let terminal = Terminal::new(child.stdout.take().unwrap());
    let terminal = call.attach(terminal).await;
    call.end(Outcome::success());
    terminal.stop().await;
    drop(child.stdin.take());
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn the_recording_of_continuous_output_is_complete() {
    let log = log_with(RecordingOptions::default().timeout(Duration::from_secs(20)));
    let call = log.start(Describe::job("build"));
    let id = call.id();
    let mut child = sh("while echo tick; do sleep 0.005; done").spawn().unwrap();
    let output = child.stdout.take().unwrap();
    let terminal = call.attach(Terminal::new(output)).await;
    terminal.flush().await;
    drop(terminal);
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    child.kill().await.unwrap();
    assert_eq!(recording.status, RecordingStatus::Complete);
    assert!(text(&log, &recording, "").contains("tick"));
}

#[tokio::test]
async fn a_secret_is_found_anywhere_in_a_line_without_end() {
    let log = log();
    let secret = format!("{}{}", "ghp", "_0123456789abcdefghijABCDEFGHIJ012345");
    // Every split point is near one of the secrets.
    let words = format!("{} {secret} ", "word ".repeat(30));
    let script = format!(
        "for i in 1 2 3 4 5 6 7 8 9; do printf '%s' '{}'; done",
        words.repeat(10)
    );
    let call = log.start(Describe::job("build"));
    let id = call.id();
    let mut child = sh(&script).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    call.attach(Terminal::new(output)).await;
    child.wait().await.unwrap();
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    let cast = text(&log, &recording, "");
    assert!(!cast.contains(&secret[8..24]), "{cast}");
    assert_eq!(cast.matches("word").count(), 9 * 10 * 30);
    assert!(cast.lines().count() > 2, "the line was parted");
}

#[tokio::test]
async fn a_private_key_written_line_by_line_is_found() {
    let log = log();
    let key = |what: &str| format!("-----{what}_RSA_{}_KEY-----", "PRIVATE");
    let lines = format!(
        "{} MIIEowIBAAKCAQEA c2VjcmV0Cg== {}",
        key("BEGIN"),
        key("END")
    );
    // Each line is a separate write.
    let script = format!(
        "echo before; for line in {lines}; do echo $line | tr _ ' '; sleep 0.02; done; echo after"
    );
    let call = log.start(Describe::job("build"));
    let id = call.id();
    let mut child = sh(&script).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    call.attach(Terminal::new(output)).await;
    child.wait().await.unwrap();
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    let cast = text(&log, &recording, "");
    assert!(cast.contains("before") && cast.contains("after"), "{cast}");
    assert!(!cast.contains("MIIE") && !cast.contains("c2Vj"), "{cast}");
}
