//! `activity proxy` when a process is killed, the disk is full, or the user has no home.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use tower_activity::{Status, record::ActivityRecord};

use crate::fixture::{Fixture, until};

const ACTIVITY: &str = env!("CARGO_BIN_EXE_activity");

/// Answers each call.
const SERVER: &str = r#"echo $$ > server; exec sed -u 's/"method".*/"result":{}}/'"#;

/// Calls one after the other, and says so before and after each. Ends with the connection.
const CLIENT: &str = r#"id=0
while :; do
    id=$((id + 1))
    echo "sent $id"
    echo "{\"id\":$id,\"method\":\"tools/call\",\"params\":{\"name\":\"call\"}}" >&3 || exit 0
    read -r answer <&4 || exit 0
    echo "answered $id"
done"#;

/// The process that is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Server,
    Proxy,
    Client,
}

/// What the client knows of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Sent,
    Answered,
}

/// Starts a client and a proxy of a server, kills one of them after so many calls, and waits for the others. Returns what the client
/// has seen.
fn kill(fixture: &Fixture, victim: Victim, after: usize) -> HashMap<u32, Seen> {
    let folder = fixture.folder.path();
    for pipe in ["to", "from"] {
        // Of an earlier kill.
        let _ = fs::remove_file(folder.join(pipe));
    }
    let pipes = fixture.program("mkfifo").args(["to", "from"]).status();
    assert!(pipes.unwrap().success());
    let script = "exec \"$0\" \"$@\" <to >from";
    let store = fixture.path();
    let mut proxy = fixture.program("sh");
    proxy.args(["-c", script, ACTIVITY, "--store", store.to_str().unwrap()]);
    proxy.args(["proxy", "--", "sh", "-c", SERVER]);
    let mut proxy = proxy.spawn().unwrap();
    let script = format!("exec 3>to 4<from\n{CLIENT}");
    // `echo` into a closed pipe is an error, not a signal.
    let script = format!("trap '' PIPE\n{script}");
    let mut client = fixture.program("sh");
    let mut client = client
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let mut seen = HashMap::new();
    let mut read = |lines: &mut dyn Iterator<Item = _>| {
        for line in lines {
            let line: String = Result::unwrap(line);
            let (word, id) = line.split_once(' ').unwrap();
            let is_answer = word == "answered";
            let word = if is_answer {
                Seen::Answered
            } else {
                Seen::Sent
            };
            seen.insert(id.parse().unwrap(), word);
        }
    };
    read(&mut lines.by_ref().take(2 * after));
    match victim {
        Victim::Proxy => proxy.kill().unwrap(),
        Victim::Client => client.kill().unwrap(),
        Victim::Server => {
            let server = fs::read_to_string(folder.join("server")).unwrap();
            let kill = Command::new("kill").args(["-KILL", server.trim()]).status();
            assert!(kill.unwrap().success());
        }
    }
    read(&mut lines);
    client.wait().unwrap();
    let status = proxy.wait().unwrap();
    assert_eq!(
        status.success(),
        victim == Victim::Client,
        "{victim:?}: {status}"
    );
    seen
}

/// Checks that what is on record happened.
fn check(victim: Victim, seen: &HashMap<u32, Seen>, rows: &[ActivityRecord]) {
    let row = |id: u32| {
        let of_id = rows
            .iter()
            .filter(|row| row.scope.request.as_deref() == Some(&*id.to_string()));
        let of_id: Vec<_> = of_id.collect();
        assert!(of_id.len() <= 1, "{victim:?}: {of_id:#?}");
        of_id.first().copied()
    };
    let last = u32::try_from(seen.len()).unwrap();
    let mut is_lost = false;
    for id in 1..=last {
        let (row, seen) = (row(id), seen[&id]);
        let status = row.map(|row| (row.status, row.error_type.as_deref()));
        let is_true = match (victim, seen, status) {
            // The server may have answered when the client was killed, which reads no more.
            (Victim::Client, Seen::Sent, Some((Status::Success, _))) => true,
            (_, Seen::Answered, Some((Status::Success, _))) => !is_lost,
            // The end of the last calls is lost with the proxy.
            (Victim::Proxy, _, Some((Status::Abandoned, _)) | None) => true,
            (_, Seen::Sent, Some((Status::Success, _))) => victim == Victim::Proxy && !is_lost,
            // It may never have arrived.
            (_, Seen::Sent, None) => id == last,
            (Victim::Client, Seen::Sent, Some((Status::Cancelled, _))) => true,
            (Victim::Server, Seen::Sent, Some((Status::Failed, Some("server_exited")))) => true,
            _ => false,
        };
        assert!(
            is_true,
            "{victim:?}: call {id} of {last} was {seen:?}, on record is {row:#?}"
        );
        is_lost |= row.is_none_or(|row| row.status == Status::Abandoned);
    }
    assert!(
        rows.len() <= seen.len(),
        "{victim:?}: {} of {} calls",
        rows.len(),
        seen.len()
    );
}

#[test]
fn what_is_on_record_after_a_kill_is_true() {
    let kills = std::env::var("ACTIVITY_TEST_PROXY_KILLS").ok();
    let kills = kills.and_then(|kills| kills.parse().ok()).unwrap_or(3);
    let victims = [Victim::Server, Victim::Proxy, Victim::Client];
    let mut answered = 0;
    for victim in victims.into_iter().cycle().take(kills) {
        let fixture = Fixture::new();
        let seen = kill(&fixture, victim, fastrand::usize(0..200));
        // Records that a killed process had started are ended by the next one.
        let next = fixture.path();
        let args = ["--store", next.to_str().unwrap(), "proxy", "--", "true"];
        let next = fixture
            .command(&args)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(next.success());
        let rows: Vec<_> = fixture.json(&["list", "--all", "-n", "1000"]);
        check(victim, &seen, &rows);
        answered += seen
            .values()
            .filter(|seen| **seen == Seen::Answered)
            .count();
    }
    println!("{kills} kills, {answered} calls answered before: all that is on record is true");
}

/// A server that ignores the end of its input and all signals that it can.
const STUBBORN: &str = "trap '' TERM HUP INT QUIT; echo $$; while :; do sleep 0.1; done";

#[test]
fn the_process_that_a_killed_proxy_has_started_is_killed() {
    let fixture = Fixture::new();
    let store = fixture.path();
    let args = [
        "--store",
        store.to_str().unwrap(),
        "proxy",
        "--",
        "sh",
        "-c",
        STUBBORN,
    ];
    let mut proxy = fixture
        .command(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = String::new();
    let mut output = BufReader::new(proxy.stdout.take().unwrap());
    output.read_line(&mut server).unwrap();
    proxy.kill().unwrap();
    proxy.wait().unwrap();
    let status = format!("/proc/{}/stat", server.trim());
    // It may wait for its new parent.
    until(|| {
        let status = fs::read_to_string(&status).unwrap_or_default();
        (status.is_empty() || status.contains(") Z ")).then_some(())
    });
}

/// Sends bytes through a proxy of `cat`, and returns what comes back and the lines on stderr.
fn echo(mut command: Command, bytes: &str) -> (String, Vec<String>) {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child: Child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let sent = bytes.to_owned();
    let sender = std::thread::spawn(move || input.write_all(sent.as_bytes()));
    let output = child.wait_with_output().unwrap();
    sender.join().unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said.lines().map(str::to_owned).collect();
    (String::from_utf8(output.stdout).unwrap(), said)
}

fn calls(count: usize) -> String {
    let call = |id| {
        format!("{{\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"call\"}}}}\n")
    };
    (0..count).map(call).collect()
}

#[test]
fn on_a_full_disk_all_bytes_pass_and_one_line_says_what_is_lost() {
    let fixture = Fixture::new();
    let full = fixture.folder.path().join("full");
    fs::create_dir(&full).unwrap();
    let count = 20_000;
    // Not enough for the calls, and not enough for an empty store.
    for size in ["4m", "16k"] {
        // In a mount namespace of its own.
        let script = "mount -t tmpfs -o size=\"$0\" tmpfs full && exec \"$@\"";
        let mut command = fixture.program("unshare");
        command.args([
            "--mount",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            script,
            size,
        ]);
        let store = Path::new("full/activity.db").to_str().unwrap();
        command.args([ACTIVITY, "--store", store, "proxy", "--", "cat"]);
        let sent = calls(count);
        let (received, said) = echo(command, &sent);
        assert!(
            received == sent,
            "{} of {} bytes",
            received.len(),
            sent.len()
        );
        assert_eq!(said.len(), 1, "{size}: {said:#?}");
        println!(
            "a disk of {size}, {count} calls: all bytes passed, {:?}",
            said[0]
        );
    }
}

#[test]
fn a_user_without_a_home_in_the_root_directory_gets_all_bytes() {
    let fixture = Fixture::new();
    // An id that no user has, as in a container.
    let script = "unset HOME XDG_DATA_HOME; cd / && exec \"$0\" \"$@\"";
    let mut command = fixture.program("unshare");
    command.args(["--user", "--map-user", "54321", "sh", "-c", script]);
    command.args([ACTIVITY, "proxy", "--", "cat"]);
    let sent = calls(3);
    let (received, said) = echo(command, &sent);
    assert_eq!(received, sent);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0].starts_with("activity: calls are not recorded: "),
        "{said:#?}"
    );
    println!("no home, in /: all bytes passed, {:?}", said[0]);
}
