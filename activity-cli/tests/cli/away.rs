//! Commands that follow a database: they start while it is away, and fail at once if its address is wrong.

use std::{
    io::{BufRead, BufReader, Lines, Read, Write},
    net::TcpListener,
    process::{Child, ChildStderr, Command, Stdio},
    thread,
};

use crate::{
    fixture::{Fixture, until},
    postgres::{self, PASSWORD, Server},
};

/// A command that runs until it is dropped, and what it prints on stderr.
struct Running {
    child: Child,
    messages: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn new(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let messages = BufReader::new(child.stderr.take().unwrap()).lines();
        Running { child, messages }
    }

    /// Returns the next line, without the warning of the password in its arguments.
    fn next(&mut self) -> String {
        let mut lines = self.messages.by_ref().map(Result::unwrap);
        lines.find(|line| !line.contains("PGPASSWORD")).unwrap()
    }

    /// Waits until it prints a line with this text, and returns that.
    fn prints(&mut self, text: &str) -> String {
        let mut lines = self.messages.by_ref().map(Result::unwrap);
        lines.find(|line| line.contains(text)).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn what_follows_a_database_starts_while_it_is_away() {
    let server = postgres::server();
    let url = server.database();
    let fixture = Fixture::with_calls();
    let once = ["forward", "--to", &url, "--once"];
    assert_eq!(fixture.run(&once).code, Some(0));
    server.stop("fast");
    let ran = fixture.run(&["event", "deployment", "v1 live"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let follow =
        |args: &[&str]| Running::new(fixture.command(&[args, &["--store", &url]].concat()));
    let mut forward = Running::new(fixture.command(&["forward", "--to", &url]));
    let mut webhooks = follow(&["webhooks", "run"]);
    let mut tail = follow(&["tail", "--lines", "1", "--json"]);
    let mut serve = follow(&["serve", "--listen", "127.0.0.1:0"]);
    for running in [&mut forward, &mut webhooks] {
        let said = [running.next(), running.next()];
        let said = said.concat();
        assert!(
            said.contains(" fails, next try in ") && said.contains("until ctrl-c"),
            "{said}"
        );
    }
    for running in [&mut tail, &mut serve] {
        let said = running.next();
        assert!(
            said.contains("is away: retrying") && said.contains("onnection refused"),
            "{said}"
        );
    }
    serve.prints("http://127.0.0.1");
    // A target that was reached before is one that is away.
    let ran = fixture.run(&once);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    server.start_again();
    let said = forward.prints("works again after");
    assert!(said.ends_with(" · 1 record waited"), "{said}");
    webhooks.prints("works again after");
    for running in [&mut tail, &mut serve] {
        running.prints("is back");
    }
    let mut line = String::new();
    let mut listed = BufReader::new(tail.child.stdout.take().unwrap());
    listed.read_line(&mut line).unwrap();
    assert!(line.contains("\"status\""), "{line}");
    until(|| {
        let events = fixture.run(&["--store", &url, "events"]).stdout;
        events.contains("v1 live").then_some(())
    });
}

/// Answers every connection with an error of HTTP.
fn web_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 100]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        }
    });
    port
}

#[test]
fn a_wrong_address_is_an_error_at_once_with_the_next_step() {
    let server = Server::start_secure(&postgres::programs());
    let url = server.database() + "?sslmode=require";
    let fixture = Fixture::with_calls();
    assert_eq!(
        fixture.run(&["forward", "--to", &url, "--once"]).code,
        Some(0)
    );
    let web = format!("postgres://u:{PASSWORD}@127.0.0.1:{}/x", web_server());
    for (url, expected) in [
        (
            url.replace(PASSWORD, "wrong"),
            "refuses the login · correct the user in the address, its password",
        ),
        (
            url.replace("postgres:", "intruder:")
                .replacen("intruder:", "postgres:", 1),
            "refuses the login",
        ),
        (
            url.replace("test_0", "absent"),
            "its server has no such database · create it (`createdb`), or correct the name",
        ),
        (
            url.replace("require", "verify-full"),
            "the certificate of its server is not trusted for this host · name the authority",
        ),
        (web.clone(), "no PostgreSQL server answers at 127.0.0.1:"),
        (
            web + "?sslmode=require",
            "does not offer TLS, or is not a PostgreSQL server",
        ),
    ] {
        let own = ["--store", &url];
        let commands: [&[&str]; 7] = [
            &["forward", "--to", &url],
            &["forward", "--to", &url, "--once"],
            &[&["tail"][..], &own].concat(),
            &[&["serve", "--listen", "127.0.0.1:0"][..], &own].concat(),
            &[&["webhooks", "run"][..], &own].concat(),
            &[&["list"][..], &own].concat(),
            &[&["rebuild"][..], &own].concat(),
        ];
        for command in commands {
            let ran = fixture.run(command);
            let said = &ran.stderr;
            assert!(
                ran.code == Some(1) && said.contains(expected),
                "{command:?}: {ran:?}"
            );
            assert!(!said.contains("away") && !said.contains("\\n"), "{said}");
            assert!(!said.contains(PASSWORD), "{said}");
        }
    }
}

/// Messages of the server with details have one line.
#[test]
fn a_detail_of_the_server_is_in_the_line_of_its_message() {
    let url = postgres::database();
    let fixture = Fixture::with_calls();
    let once = ["forward", "--to", &url, "--once"];
    assert_eq!(fixture.run(&once).code, Some(0));
    postgres::query(
        &url,
        "CREATE FUNCTION tower_activity.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           RAISE 'no' USING DETAIL = E'first\\nsecond', HINT = 'ask', ERRCODE = '55000'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON tower_activity.batch FOR EACH ROW EXECUTE FUNCTION tower_activity.refuse()",
    );
    assert_eq!(fixture.run(&["event", "deployment", "v1"]).code, Some(0));
    let ran = fixture.run(&once);
    assert!(
        ran.code == Some(1) && ran.stderr.contains(": no · first; second · ask\n"),
        "{ran:?}"
    );
}
