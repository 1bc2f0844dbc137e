//! `activity webhooks`: add, deliver, list dead letters, retry and remove.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use serde_json::Value;

use crate::fixture::{Fixture, until};

/// A receiver with a given answer, which passes on the requests it got.
fn receiver(answer: &Arc<Mutex<u16>>) -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (got, messages) = mpsc::channel();
    let answer = answer.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let message = take(stream.unwrap(), *answer.lock().unwrap());
            if got.send(message).is_err() {
                return;
            }
        }
    });
    (url, messages)
}

fn take(mut stream: TcpStream, answer: u16) -> Value {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let head = format!("HTTP/1.1 {answer} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn a_webhook_is_added_delivers_and_is_removed() {
    let fixture = Fixture::new();
    fixture.log().shutdown().wait().unwrap();
    let good = |args: &[&str]| {
        let ran = fixture.run(&[&["webhooks"], args].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran
    };
    let none = good(&["list"]);
    assert!(none.stdout.is_empty() && none.stderr.contains("activity webhooks add"));
    let (url, messages) = receiver(&Arc::new(Mutex::new(200)));
    let add = [
        "add",
        "live",
        &url,
        "--events",
        "--allow-private",
        "type:deployment",
    ];
    let secret = good(&add).stdout;
    assert!(
        secret.starts_with("whsec_") && secret.lines().count() == 1,
        "{secret}"
    );
    assert_eq!(good(&add).stdout, secret);

    let mut running = fixture.command(&["webhooks", "run"]);
    let mut running = running.stderr(Stdio::null()).spawn().unwrap();
    fixture.run(&["event", "note", "not matched"]);
    fixture.run(&["event", "deployment", "v3 live"]);
    let message = messages.recv().unwrap();
    assert_eq!(message["data"]["summary"], "v3 live");
    let sent = until(|| {
        let status: Value = serde_json::from_str(&good(&["list", "--json"]).stdout).unwrap();
        (status["delivered"] == 1).then_some(status)
    });
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(sent["filter"], "type:deployment");
    assert_eq!(sent["what"], "events");
    let table = good(&["list"]).stdout;
    assert!(table.starts_with("NAME  RECORDS  FILTER"), "{table}");
    assert!(!table.contains(secret.trim()), "{table}");

    good(&["remove", "live"]);
    let again = fixture.run(&["webhooks", "remove", "live"]);
    assert_eq!(again.code, Some(1));
    assert_eq!(again.stderr, "error: no webhook \"live\"\n");
}

#[cfg(unix)]
#[test]
fn delivery_exits_cleanly_when_interrupted() {
    for signal in ["TERM", "INT"] {
        let fixture = Fixture::new();
        drop(fixture.log());
        let mut running = fixture.command(&["webhooks", "run"]);
        let mut running = running.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(running.stderr.take().unwrap());
        stderr.read_line(&mut said).unwrap();
        assert_eq!(said, "delivering to 0 webhooks until ctrl-c\n");
        let kill = format!("kill -{signal} {}", running.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(running.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn dead_letters_are_listed_and_retried() {
    let fixture = Fixture::new();
    fixture.log().shutdown().wait().unwrap();
    let answer = Arc::new(Mutex::new(500));
    let (url, messages) = receiver(&answer);
    let webhooks = tower_activity::notify::Webhooks::open(fixture.path()).unwrap();
    let webhooks = webhooks.attempts(1);
    fixture.run(&[
        "webhooks",
        "add",
        "live",
        &url,
        "--events",
        "--allow-private",
    ]);
    fixture.run(&["event", "deployment", "v3 live"]);
    let delivery = webhooks.deliver();
    until(|| webhooks.dead_letters().unwrap().pop());
    delivery.stop();
    messages.recv().unwrap();

    let dead = fixture.run(&["webhooks", "dead"]);
    let row = dead.stdout.lines().nth(1).unwrap();
    assert!(
        row.starts_with("live") && row.ends_with("answered 500 Internal Server Error"),
        "{row}"
    );
    let ran = fixture.run(&["webhooks", "retry", "live"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(1), "delivered 0 records\n")
    );
    let doctor = fixture.run(&["doctor"]);
    assert_eq!(doctor.code, Some(0), "{}", doctor.stderr);
    for said in [
        "webhooks    1, 0 sent, 0 behind, 1 dead letters\n",
        "note: 1 dead letter of webhook live: see `activity webhooks dead`\n",
        "note: webhook live: answered 500 Internal Server Error (",
    ] {
        assert!(doctor.stdout.contains(said), "{}", doctor.stdout);
    }
    let doctor: Value = serde_json::from_str(&fixture.run(&["doctor", "--json"]).stdout).unwrap();
    let webhook = &doctor["webhooks"][0];
    assert_eq!(
        (&webhook["behind"], &webhook["dead_letters"]),
        (&0.into(), &1.into())
    );
    assert!(
        ran.stderr.contains("could not deliver record"),
        "{}",
        ran.stderr
    );
    *answer.lock().unwrap() = 204;
    let json: Value =
        serde_json::from_str(&fixture.run(&["webhooks", "dead", "--json"]).stdout).unwrap();
    let seq = json["seq"].to_string();
    assert_eq!(
        fixture.run(&["webhooks", "retry", "live", "77"]).code,
        Some(1)
    );
    let ran = fixture.run(&["webhooks", "retry", "live", &seq]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "delivered 1 record\n")
    );
    assert_eq!(
        fixture.run(&["webhooks", "dead"]).stderr,
        "no dead letters\n"
    );
}

#[test]
fn invalid_arguments_are_usage_errors() {
    let fixture = Fixture::new();
    assert_eq!(fixture.run(&["webhooks", "list"]).code, Some(1));
    fixture.log().shutdown().wait().unwrap();
    for args in [
        ["add", "x", "ftp://example.com", "status:failed"],
        ["add", "x", "https://example.com", "statsu:failed"],
        ["add", "x", "https://example.com", "type:deployment"],
        ["add", "x", "https://example.com", "--secret-file=none"],
    ] {
        let ran = fixture.run(&[&["webhooks"], &args[..]].concat());
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
    }
}
