//! `activity proxy`: the bytes of a server and its client pass unchanged, and the calls are on record.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rmcp::{ServiceExt, model::CallToolRequestParams, transport::TokioChildProcess};
use serde_json::json;
use tower_activity::{Status, record::ActivityRecord};

use crate::fixture::{Fixture, until};

const ACTIVITY: &str = env!("CARGO_BIN_EXE_activity");

/// The proxy of a command, on the fixture's store.
fn proxy(fixture: &Fixture, command: &[&str]) -> Command {
    let path = fixture.path();
    let mut args = vec!["--store", path.to_str().unwrap(), "proxy", "--"];
    args.extend(command);
    fixture.command(&args)
}

fn shell(fixture: &Fixture, script: &str) -> Child {
    let mut command = proxy(fixture, &["sh", "-c", script]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends these bytes, closes the input, and returns what comes back.
fn pass(mut child: Child, bytes: Vec<u8>) -> Output {
    let mut input = child.stdin.take().unwrap();
    let sender = thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    // The child may end before it has read all.
    let _ = sender.join().unwrap();
    output
}

fn rows(fixture: &Fixture) -> Vec<ActivityRecord> {
    fixture.json(&["list", "--all", "-n", "1000"])
}

fn call(id: u32, name: &str) -> String {
    format!(
        "{}\n",
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name}})
    )
}

#[tokio::test]
async fn a_client_gets_the_same_answers_and_each_call_is_on_record() {
    let fixture = Fixture::with_calls();
    let before = rows(&fixture).len();
    let mut answers = Vec::new();
    for through in [false, true] {
        let server = [ACTIVITY, "mcp"];
        let command = match through {
            true => proxy(&fixture, &server),
            false => fixture.command(&server[1..]),
        };
        let command = tokio::process::Command::from(command);
        let client = ().serve(TokioChildProcess::new(command).unwrap()).await.unwrap();
        let tools = client.list_all_tools().await.unwrap();
        let found = CallToolRequestParams::new("find_activities").with_arguments(
            json!({"filter": "name:netflix_login"})
                .as_object()
                .unwrap()
                .clone(),
        );
        let found = client.call_tool(found).await.unwrap();
        let wrong = CallToolRequestParams::new("get_activity")
            .with_arguments(json!({"id": "zzz"}).as_object().unwrap().clone());
        let wrong = client.call_tool(wrong).await.unwrap();
        let unknown = client
            .call_tool(CallToolRequestParams::new("nonsense"))
            .await;
        answers.push(format!("{tools:?} {found:?} {wrong:?} {unknown:?}"));
        client.cancel().await.unwrap();
    }
    assert_eq!(answers[0], answers[1]);
    let rows = rows(&fixture);
    assert_eq!(rows.len(), before + 3, "{rows:#?}");
    let status = |name: &str| rows.iter().find(|row| row.name == name).unwrap().status;
    assert_eq!(status("find_activities"), Status::Success);
    assert_eq!(status("get_activity"), Status::Failed);
    assert_eq!(status("nonsense"), Status::Failed);
    let server = &rows
        .iter()
        .find(|row| row.name == "nonsense")
        .unwrap()
        .attributes;
    assert!(server.contains_key("mcp.server.name") && server.contains_key("mcp.client.name"));
}

#[test]
fn all_bytes_pass_unchanged() {
    let fixture = Fixture::new();
    let mut random = fastrand::Rng::new();
    let mut bytes: Vec<u8> = (0..4_000_000).map(|_| random.u8(..)).collect();
    bytes.extend(call(1, "echo").bytes());
    let output = pass(shell(&fixture, "cat; echo last >&2; exit 7"), bytes.clone());
    assert_eq!(output.status.code(), Some(7));
    assert!(
        output.stdout == bytes,
        "{} of {} bytes",
        output.stdout.len(),
        bytes.len()
    );
    let errors = String::from_utf8_lossy(&output.stderr);
    let own = errors.strip_prefix("last\n").unwrap();
    assert!(
        own.lines().count() == 1 && own.contains("were not understood"),
        "{own}"
    );
}

#[test]
fn without_a_store_the_bytes_pass_and_one_line_says_so() {
    let cases: [(&str, &[&str]); 2] = [
        ("/dev/null/x.db", &[]),
        // Without a home, in a directory that cannot be written.
        ("", &["HOME", "XDG_DATA_HOME"]),
    ];
    for (store, without) in cases {
        let mut command = Command::new(ACTIVITY);
        if !store.is_empty() {
            command.args(["--store", store]);
        }
        command.args(["proxy", "--", "cat"]).current_dir("/proc");
        command.env_remove("ACTIVITY_STORE");
        for name in without {
            // A user without a home in the user database, too.
            command.env(name, "/dev/null");
        }
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let output = pass(child.spawn().unwrap(), call(1, "a").into());
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stdout), call(1, "a"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.starts_with("activity: calls are not recorded: "),
            "{said}"
        );
    }
}

#[test]
fn a_server_that_ends_fails_its_calls_and_the_proxy_ends_like_it() {
    let fixture = Fixture::new();
    let check = |script: &str, status: &dyn Fn(&Output) -> bool| {
        let mut child = shell(&fixture, script);
        let mut input = child.stdin.take().unwrap();
        input.write_all(call(1, script).as_bytes()).unwrap();
        // It stays open: the server ends by itself.
        let output = child.wait_with_output().unwrap();
        drop(input);
        assert!(status(&output), "{script}: {output:?}");
    };
    check("read line; echo why >&2; exit 3", &|output| {
        output.status.code() == Some(3)
    });
    check("read line; kill -TERM $$", &|output| {
        output.status.signal() == Some(15)
    });
    check("read line; kill -KILL $$", &|output| {
        output.status.signal() == Some(9)
    });
    let rows = rows(&fixture);
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!(row.error_type.as_deref(), Some("server_exited"), "{row:?}");
    }
    let logged = fixture.run(&["events", "type:log", "--json"]);
    assert!(logged.stdout.contains("why"), "{logged:?}");
}

/// What a server wrote before it ended arrives, however late the client reads it.
#[test]
fn a_slow_client_gets_all_that_a_server_wrote_before_it_ended() {
    let fixture = Fixture::new();
    let script = "head -c 400000 /dev/zero; printf 'no line feed' >&2";
    let mut child = shell(&fixture, script);
    drop(child.stdin.take());
    let mut output = child.stdout.take().unwrap();
    // Longer than the silence after which a stream that another process keeps open is given up.
    thread::sleep(Duration::from_millis(1_500));
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len(), 400_000);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "no line feed");
}

#[test]
fn a_process_that_keeps_the_streams_open_does_not_keep_the_proxy() {
    let fixture = Fixture::new();
    let child = shell(&fixture, "sleep 30 & exit 4");
    let start = Instant::now();
    let status = pass_until_exit(child);
    assert_eq!(status, Some(4));
    assert!(start.elapsed().as_secs() < 15, "{:?}", start.elapsed());
}

/// Serves what a launcher has passed to it, once the proxy has noticed that the launcher has ended, and has been silent since.
const LAUNCHER: &str = r#"exec 3<&0
(while kill -0 $$ 2>&-; do sleep 0.02; done; sleep 0.7; exec sed -u 's/"method".*/"result":{}}/' <&3) &"#;

#[test]
fn a_server_outlives_its_launcher_until_the_connection_is_closed() {
    for by_signal in [false, true] {
        let fixture = Fixture::new();
        let mut child = shell(&fixture, LAUNCHER);
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        for id in 1..=2 {
            input.write_all(call(id, "served").as_bytes()).unwrap();
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            assert!(line.contains("result"), "{line:?}");
        }
        if by_signal {
            let kill = Command::new("kill").arg(child.id().to_string()).status();
            assert!(kill.unwrap().success());
        } else {
            drop(input);
        }
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let rows = rows(&fixture);
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.status == Status::Success));
    }
}

/// The exit code, without reading to the end of the streams.
fn pass_until_exit(mut child: Child) -> Option<i32> {
    child.wait().unwrap().code()
}

#[test]
fn a_crash_after_another_signal_is_no_cancellation() {
    let fixture = Fixture::new();
    let script = "trap 'echo got' USR1; read line; echo $line; while :; do sleep 0.05; [ -e stop ] && exit 9; done";
    let mut child = shell(&fixture, script);
    let mut input = child.stdin.take().unwrap();
    input.write_all(call(1, "crashes").as_bytes()).unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let kill = Command::new("kill")
        .args(["-USR1", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    line.clear();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "got\n");
    std::fs::write(fixture.folder.path().join("stop"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
    drop(input);
    let rows = rows(&fixture);
    assert_eq!(
        rows[0].error_type.as_deref(),
        Some("server_exited"),
        "{rows:?}"
    );
}

#[test]
fn a_signal_reaches_the_server_and_its_calls_are_cancelled() {
    let fixture = Fixture::new();
    let mut child = shell(
        &fixture,
        "trap 'echo bye; exit 0' TERM; read line; echo $line; while :; do sleep 0.05; done",
    );
    let mut input = child.stdin.take().unwrap();
    input.write_all(call(1, "waits").as_bytes()).unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, call(1, "waits"));
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    line.clear();
    output.read_to_string(&mut line).unwrap();
    assert_eq!(line, "bye\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(input);
    let rows = rows(&fixture);
    assert_eq!(rows[0].status, Status::Cancelled, "{rows:?}");
}

#[test]
fn a_killed_proxy_leaves_a_true_record_and_no_server() {
    let fixture = Fixture::new();
    let mut child = shell(&fixture, "echo $$; exec cat");
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut server = String::new();
    output.read_line(&mut server).unwrap();
    input.write_all(call(1, "waits").as_bytes()).unwrap();
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // Its input has ended with the proxy.
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    drop(input);
    // It is on record once the file is opened again, if it was seen before the kill.
    let again = pass(shell(&fixture, "cat"), call(2, "next").into());
    assert!(again.status.success());
    for row in rows(&fixture) {
        let expected = match row.name.as_str() {
            "waits" => Status::Abandoned,
            _ => Status::Cancelled,
        };
        assert_eq!(row.status, expected, "{row:?}");
    }
}

#[test]
fn proxies_share_a_store() {
    let calls = std::env::var("ACTIVITY_TEST_PROXY_CALLS").ok();
    let calls: usize = calls.and_then(|set| set.parse().ok()).unwrap_or(100);
    let fixture = Fixture::new();
    let start = Instant::now();
    let conversations: Vec<_> = (0..8)
        .map(|_| {
            let mut child = shell(&fixture, r#"exec sed -u 's/"method".*/"result":{}}/'"#);
            let mut input = child.stdin.take().unwrap();
            let sender = thread::spawn(move || {
                for id in 0..calls as u32 {
                    input.write_all(call(id, "shared").as_bytes()).unwrap();
                }
                input
            });
            thread::spawn(move || {
                let mut output = BufReader::new(child.stdout.take().unwrap());
                let answers = output.by_ref().lines().take(calls);
                let count = answers.filter(|line| line.as_ref().unwrap().contains("result"));
                assert_eq!(count.count(), calls);
                (child, sender.join().unwrap(), output)
            })
        })
        .collect();
    let conversations: Vec<_> = conversations
        .into_iter()
        .map(|one| one.join().unwrap())
        .collect();
    // A proxy that is closed writes for 3.5 seconds at most, and says what it has not written.
    let store = rusqlite::Connection::open(fixture.path()).unwrap();
    let written = || -> i64 {
        let query = "SELECT count(*) FROM activities WHERE status = 'success'";
        store.query_row(query, [], |row| row.get(0)).unwrap()
    };
    let all = 8 * i64::try_from(calls).unwrap();
    until(|| (written() == all).then_some(()));
    println!(
        "8 proxies on one store, {calls} calls each: {:?}",
        start.elapsed()
    );
    for (child, input, _output) in conversations {
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
    assert_eq!(written(), all);
    let query = "SELECT count(*) FROM activities";
    let rows: i64 = store.query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, all);
}

#[test]
fn arguments_of_a_server_pass_unchanged() {
    let fixture = Fixture::new();
    let arguments = ["-javaagent:a.jar", "--", "-!", "-n", "proxy", "--die-with"];
    let command = [&["printf", "%s|"], &arguments[..]].concat();
    let output = proxy(&fixture, &command).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, format!("{}|", arguments.join("|")));
}

#[test]
fn without_a_command_both_forms_are_shown() {
    let ran = Fixture::new().run(&["proxy"]);
    assert_eq!(ran.code, Some(2));
    for form in [
        "activity proxy [OPTIONS] -- <COMMAND>",
        "activity proxy [OPTIONS] --to <URL>",
    ] {
        assert!(ran.stderr.contains(form), "{}", ran.stderr);
    }
}

#[test]
fn a_command_that_cannot_be_started_is_named() {
    let fixture = Fixture::new();
    let output = proxy(&fixture, &["/no/such/server"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/no/such/server"), "{said}");
    let output = fixture
        .command(&["proxy", "--brand", "suffix", "--", "cat"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = fixture
        .command(&["--store", "postgres://h/x", "proxy", "--", "cat"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_signal_that_comes_at_once_ends_the_server_too() {
    for delay in (0..20).map(|step| Duration::from_millis(step * 7)) {
        let fixture = Fixture::new();
        let written = fixture.path().with_file_name("pid");
        let script = format!("echo $$ > {}; exec sleep 60", written.display());
        let mut child = shell(&fixture, &script);
        thread::sleep(delay);
        let kill = Command::new("kill").arg(child.id().to_string()).status();
        assert!(kill.unwrap().success());
        drop(child.stdin.take());
        child.wait().unwrap();
        let pid = fs::read_to_string(&written).unwrap_or_default();
        // It may have ended before it wrote its number.
        if !pid.trim().is_empty() {
            let process = Path::new("/proc").join(pid.trim());
            assert!(!process.exists(), "after {delay:?}, {pid} is alive");
        }
    }
}

#[test]
fn a_mistyped_address_to_forward_to_is_an_error() {
    let fixture = Fixture::new();
    let args = ["proxy", "--forward-to", "postgre://db/ops", "--", "cat"];
    let ran = fixture.run(&args);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("\"postgre\" address"), "{}", ran.stderr);
}
