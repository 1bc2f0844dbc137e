//! Options of `activity proxy` and `mcp-config`: one that has no effect is an error that names it.

use std::{net::TcpListener, process::Stdio};

use crate::fixture::{CommandResult, Fixture};

const STDIO: &[&str] = &["--", "cat"];
const HTTP: &[&str] = &["--to", "http://127.0.0.1:9/mcp", "--listen", "nowhere"];

fn run(fixture: &Fixture, args: &[&str]) -> CommandResult {
    let mut command = fixture.command(args);
    command
        .stdin(Stdio::null())
        .env("HOME", fixture.folder.path())
        .env_remove("XDG_DATA_HOME");
    CommandResult::new(&command.output().unwrap())
}

#[test]
fn an_option_without_effect_is_an_error_that_names_it() {
    let fixture = Fixture::new();
    let check = |before: &[&str], option: &[&str], after: &[&str], named: &str| {
        let args = [before, option, after].concat();
        let ran = run(&fixture, &args);
        assert_eq!(ran.code, Some(2), "{args:?} {ran:?}");
        assert!(ran.stderr.contains(named), "{args:?} {ran:?}");
    };
    let proxy = ["--store", "a.db", "proxy"];
    for option in [
        &["--listen", "127.0.0.1:0"][..],
        &["--token", "secret"],
        &["--token"],
        &["--token-file", "secret"],
        &["--host", "a.example"],
    ] {
        check(&proxy, option, STDIO, option[0]);
        check(&proxy, option, &[], "--to");
    }
    for option in [
        "--name",
        "--project",
        "--brand",
        "--session-argument",
        "--forward-to",
        "--intent=",
        "--capture",
    ] {
        let blank: &[&str] = if option.ends_with('=') {
            &[option]
        } else {
            &[option, ""]
        };
        check(&proxy, blank, STDIO, option.trim_end_matches('='));
        check(&proxy, blank, HTTP, option.trim_end_matches('='));
    }
    check(&proxy, &["--host", " "], HTTP, "--host");
    check(&proxy, &["--to", ""], &[], "--to");
    check(
        &proxy,
        &["--to", "http://127.0.0.1:9/", "--listen", ""],
        &[],
        "--listen",
    );
    check(&proxy, &["--token-file", "none"], HTTP, "none");
    check(&proxy, &["--to", "http://127.0.0.1:9/"], STDIO, "--to");
    check(&["--store", "", "proxy"], &[], STDIO, "--store");
    check(
        &["--store", "postgres://h/d", "proxy"],
        &[],
        STDIO,
        "--store",
    );
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let own = [
        "--to",
        &format!("http://localhost:{port}/mcp"),
        "--listen",
        &format!("127.0.0.1:{port}"),
    ];
    check(&proxy, &own, &[], "where this proxy listens");
    let blank = ["--to", "http://a/", "--token", " "];
    check(&proxy, &blank, &[], "the token is blank");
    for mistyped in ["postgres:/u:pw@h/d", "postgres//u:pw@h/d"] {
        let ran = run(&fixture, &["list", "--store", mistyped]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(!ran.stderr.contains("pw"), "{ran:?}");
    }
    check(&["mcp-config"], &["--write"], &[], "--write");
    check(&["mcp-config"], &["--undo"], &[], "--undo");
    check(&["mcp-config"], &["--store", "a.db"], &[], "--store");
    check(
        &["mcp-config", "--all"],
        &["--store", "a.db"],
        &["--undo"],
        "--store",
    );
    check(&["mcp-config", "--all"], &["--name", "x"], &[], "-- --name");
    check(
        &["mcp-config", "--all", "--"],
        &["--to", "http://a/"],
        &[],
        "--to",
    );
    check(
        &["mcp-config", "--all", "--"],
        &["--listen", "a:1"],
        &[],
        "--listen",
    );
    check(
        &["mcp-config", "--all", "--"],
        &["--store", "a.db"],
        &[],
        "--store",
    );
    check(&["mcp-config", "--file", ""], &[], &[], "--file");
    check(&["mcp-config", "files"], &["--all"], &[], "--all");
}

#[test]
fn a_token_of_the_environment_is_only_for_a_proxy_over_http() {
    let fixture = Fixture::new();
    std::fs::write(fixture.folder.path().join("token"), "abc\n").unwrap();
    let check = |args: &[&str], code| {
        let mut command = fixture.command(args);
        let command = command.stdin(Stdio::null()).env("ACTIVITY_TOKEN", "secret");
        let ran = CommandResult::new(&command.output().unwrap());
        assert_eq!(ran.code, Some(code), "{args:?} {ran:?}");
        ran.stderr
    };
    check(&["--store", "activity.db", "proxy", "--", "true"], 0);
    let to = [
        "--store",
        "activity.db",
        "proxy",
        "--to",
        "http://a/",
        "--listen",
        "nowhere",
    ];
    // The address to listen on is read after the token.
    let said = check(&[&to[..], &["--token-file", "token"]].concat(), 2);
    assert!(said.contains("nowhere"), "{said}");
    let said = check(
        &["serve", "--listen", "nowhere", "--token-file", "token"],
        2,
    );
    assert!(said.contains("nowhere"), "{said}");
}

#[test]
fn a_command_without_dashes_gets_a_hint() {
    let fixture = Fixture::new();
    for args in [
        &["proxy", "cat"][..],
        &["proxy", "--project", "acme", "npx", "-y", "server"],
    ] {
        let ran = run(&fixture, args);
        let hint = format!(
            "activity proxy [OPTIONS] -- {} …",
            args.iter()
                .find(|arg| ["cat", "npx"].contains(arg))
                .unwrap()
        );
        assert_eq!(ran.code, Some(2), "{args:?} {ran:?}");
        assert!(ran.stderr.contains(&hint), "{args:?} {}", ran.stderr);
    }
    let ran = run(&fixture, &["show", "a", "b"]);
    assert!(!ran.stderr.contains("before the command"), "{}", ran.stderr);
}

#[test]
fn an_empty_or_missing_default_store_points_at_that_of_the_proxies() {
    let fixture = Fixture::new();
    let missing = run(&fixture, &["list"]);
    assert!(!missing.stderr.contains("activity-proxy.db"), "{missing:?}");
    let recorded = run(&fixture, &["proxy", "--", "true"]);
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    for command in ["list", "events", "top", "stats"] {
        let missing = run(&fixture, &[command]);
        assert_eq!(missing.code, Some(1), "{missing:?}");
        assert!(missing.stderr.contains("activity-proxy.db"), "{missing:?}");
    }
    fixture.log().shutdown().wait().unwrap();
    for command in ["list", "events"] {
        let empty = run(&fixture, &[command]);
        assert_eq!(empty.code, Some(0), "{empty:?}");
        assert!(empty.stderr.contains("activity-proxy.db"), "{empty:?}");
    }
    let named = run(&fixture, &["--store", "other.db", "list"]);
    assert!(!named.stderr.contains("activity-proxy.db"), "{named:?}");
}
