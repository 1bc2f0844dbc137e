//! `activity serve`: listens on the loopback interface by default, and requires a token for other addresses.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
};

use serde_json::Value;
use tower_activity::{Describe, Outcome};

use crate::{fixture::Fixture, postgres};

/// A server that is running.
pub(crate) struct Server {
    child: Child,
    address: String,
    /// What it printed, up to the line with its address.
    pub(crate) said: String,
}

impl Server {
    pub(crate) fn new(fixture: &Fixture, args: &[&str]) -> Server {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(args);
        let mut command = fixture.command(&all);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.as_mut().unwrap());
        while !said.contains("http://") {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
        }
        let address = said
            .split("http://")
            .nth(1)
            .unwrap_or_else(|| panic!("{said}"));
        let address = address.split('/').next().unwrap().to_owned();
        Server {
            child,
            address,
            said,
        }
    }

    /// Reads what it prints, up to the line that contains a text, and returns that.
    fn prints(&mut self, text: &str) -> String {
        let mut stderr = BufReader::with_capacity(1, self.child.stderr.as_mut().unwrap());
        loop {
            let mut line = String::new();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "{text}");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Returns the whole response.
    pub(crate) fn answer(&self, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        let asked =
            format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(asked.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// Every endpoint that reads the store.
const READ: &[&str] = &[
    "/api/activities",
    "/api/activities/01900000-0000-7000-8000-000000000001",
    "/api/activities/01900000-0000-7000-8000-000000000001/tree",
    "/api/activities/01900000-0000-7000-8000-000000000001/recordings",
    "/api/recordings",
    "/api/recordings/01900000-0000-7000-8000-000000000001",
    "/api/recordings/01900000-0000-7000-8000-000000000001/chunks",
    "/api/descendants?ids=01900000-0000-7000-8000-000000000001",
    "/api/errors",
    "/api/events",
    "/api/mcp",
    "/api/metrics/overall",
    "/api/metrics/projects",
    "/api/metrics/actors",
    "/api/metrics/attributes/a",
    "/api/metrics/names/call",
    "/api/metrics/types",
    "/api/digest",
    "/api/export",
    "/api/health",
    "/api/store",
    "/api/live",
    "/metrics",
];

/// Each request fails while the store cannot be read, and the log has its cause.
fn fails_and_logs(server: &mut Server, code: &str, cause: &str) {
    for path in READ {
        let answer = server.answer(path, "");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{path}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let body = body.lines().find(|line| line.starts_with('{')).unwrap();
        let problem: Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["code"], code, "{path}: {answer}");
        // It is of no use to ask a file again that is none.
        let is_away = head.contains("retry-after: 5");
        assert_eq!(is_away, code == "store", "{path}: {head}");
        let id = problem["error_id"].as_str().unwrap();
        let line = server.prints(id);
        assert!(line.contains(cause), "{path}: {line}");
        assert!(!line.contains(postgres::PASSWORD), "{line}");
    }
}

#[test]
fn a_database_that_is_away_is_a_503_and_the_server_prints_the_cause() {
    let (fixture, database) = (Fixture::with_calls(), postgres::server());
    let url = database.database();
    let ran = fixture.run(&["forward", "--to", &url, "--once"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut server = Server::new(&fixture, &["--store", &url]);
    assert!(server.answer("/api/store", "").contains(" 200 OK"));
    database.stop("fast");
    fails_and_logs(
        &mut server,
        "store",
        "cannot connect to the store postgres://127.0.0.1:",
    );
    database.start_again();
    assert!(server.answer("/api/store", "").contains(" 200 OK"));
}

#[test]
fn a_file_that_cannot_be_read_is_a_503_and_the_server_prints_the_cause() {
    let fixture = Fixture::with_calls();
    let mut server = Server::new(&fixture, &[]);
    let folder = fixture.folder.path();
    std::fs::rename(folder.join("activity.db"), folder.join("moved.db")).unwrap();
    std::fs::write(folder.join("activity.db"), "not a database".repeat(1000)).unwrap();
    fails_and_logs(&mut server, "not_a_store", "activity.db");
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_shows_records_of_other_processes() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let server = Server::new(&fixture, &[]);
    log.start(Describe::tool("login")).end(Outcome::success());
    log.flush().wait().unwrap();
    let answer = server.answer("/api/activities", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"name\":\"login\""), "{answer}");
    let refused = server.answer("/api/activities", "x-forwarded-for: 192.0.2.1\r\n");
    assert!(
        refused.starts_with("HTTP/1.1 403 Forbidden\r\n"),
        "{refused}"
    );
}

#[test]
fn a_server_with_a_token_requires_it() {
    let fixture = Fixture::new();
    drop(fixture.log());
    let secret = "correct horse battery staple".replace(' ', "-");
    let server = Server::new(&fixture, &["--token", &secret]);
    let refused = server.answer("/api/activities", "");
    assert!(
        refused.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
        "{refused}"
    );
    let bearer = format!("authorization: Bearer {secret}\r\n");
    let answer = server.answer("/api/activities", &bearer);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[test]
fn a_token_is_generated_by_default_and_its_link_logs_a_browser_in() {
    let fixture = Fixture::new();
    drop(fixture.log());
    let servers = [
        Server::new(&fixture, &["--token"]),
        Server::new(&fixture, &["--token"]),
    ];
    let secrets = servers.each_ref().map(|server| {
        let (_, after) = server.said.split_once("/?token=").unwrap();
        after.split_whitespace().next().unwrap().to_owned()
    });
    assert_ne!(secrets[0], secrets[1]);
    for (server, secret) in servers.iter().zip(&secrets) {
        assert_eq!(secret.len(), 32, "{secret}");
        let linked = server.answer(&format!("/?token={secret}"), "");
        assert!(linked.starts_with("HTTP/1.1 303 See Other\r\n"), "{linked}");
        let cookie = linked.split("set-cookie: ").nth(1).unwrap();
        let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
        let answer = server.answer("/api/activities", &cookie);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let refused = server.answer("/api/activities", "");
        assert!(
            refused.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
            "{refused}"
        );
    }
}

#[test]
fn a_public_address_requires_a_long_token() {
    let fixture = Fixture::new();
    drop(fixture.log());
    for (args, said) in [
        (
            &["serve", "--listen", "0.0.0.0:0"][..],
            "set a token, or listen on 127.0.0.1",
        ),
        (
            &["serve", "--listen", "0.0.0.0:0", "--token", "short"],
            "can be guessed",
        ),
        (
            &["serve", "--listen", "nowhere"],
            "cannot listen on \"nowhere\"",
        ),
    ] {
        let output = fixture.command(args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_browser_is_opened_without_the_token() {
    use std::os::unix::fs::PermissionsExt;

    use crate::fixture::until;

    if !tower_activity::web::ActivityRouter::has_pages() {
        return;
    }
    let fixture = Fixture::with_calls();
    let folder = fixture.folder.path();
    let opener = folder.join("xdg-open");
    // Renamed, so that a half-written file is not read.
    std::fs::write(
        &opener,
        "#!/bin/sh\necho \"$@\" > opened.new; mv opened.new opened\n",
    )
    .unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let opened = |args: &[&str]| {
        let _ = std::fs::remove_file(folder.join("opened"));
        let mut command = fixture.command(args);
        let mut child = command
            .env("PATH", &path)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let opened = until(|| std::fs::read_to_string(folder.join("opened")).ok());
        child.kill().unwrap();
        child.wait().unwrap();
        opened
    };
    let address = opened(&["serve", "--listen", "127.0.0.1:0", "--open", "--token"]);
    assert!(
        address.starts_with("http://127.0.0.1:") && address.ends_with("/\n"),
        "{address}"
    );
    let address = opened(&["serve", "--listen", "0.0.0.0:0", "--open", "--token"]);
    assert!(
        address.starts_with("http://127.0.0.1:") && address.ends_with("/\n"),
        "{address}"
    );
    let id = fixture.json(&["list"])[0].id;
    let address = opened(&["show", "@", "--web"]);
    assert!(
        address.starts_with("http://127.0.0.1:")
            && address.ends_with(&format!("/activity?id={id}\n")),
        "{address}"
    );
}
