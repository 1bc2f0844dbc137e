//! Marker files of a host.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::Barrier,
    thread,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use tower_activity::{
    ErrorKind,
    host::{ActivitySource, HostActivity, Idle, IdleMode, MarkerFormat},
};

fn host() -> (TempDir, HostActivity) {
    let folder = tempfile::tempdir().unwrap();
    let host = HostActivity::new(folder.path());
    (folder, host)
}

fn marker(host: &HostActivity, source: ActivitySource) -> PathBuf {
    host.directory().join("activity").join(source.as_str())
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn run(program: &str, args: &[&Path]) {
    assert!(Command::new(program).args(args).status().unwrap().success());
}

#[test]
fn a_marker_is_a_file_named_after_its_source_with_the_time_as_one_line() {
    let (_folder, host) = host();
    let noon = at("2026-03-01T12:00:00.5Z");
    let json = host.clone().format(MarkerFormat::Json);
    for source in ActivitySource::ALL {
        let iso_line = "2026-03-01T12:00:00.500000Z\n".to_owned();
        let json_line =
            format!("{{\"source\":\"{source}\",\"time\":\"2026-03-01T12:00:00.500000Z\"}}\n");
        for (host, line) in [(&host, iso_line), (&json, json_line)] {
            host.record_at(source, noon).unwrap();
            assert_eq!(fs::read_to_string(marker(host, source)).unwrap(), line);
            assert_eq!(host.last_active(source).unwrap(), Some(noon));
            assert_eq!(host.line_time(source).unwrap(), Some(noon));
        }
    }
    let mut names: Vec<_> = fs::read_dir(host.directory().join("activity"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = ["agent", "boot", "create", "process", "ssh", "start", "user"];
    assert_eq!(names, expected, "nothing else is left behind");
}

#[test]
fn a_marker_recorded_now_has_the_current_time() {
    let (_folder, host) = host();
    let before = Utc::now();
    host.record(ActivitySource::Agent).unwrap();
    let reported = host.last_active(ActivitySource::Agent).unwrap().unwrap();
    assert!(before <= reported && reported <= Utc::now(), "{reported}");
}

#[cfg(unix)]
#[test]
fn a_bare_touch_counts() {
    let (_folder, host) = host();
    host.record_at(ActivitySource::Boot, at("2026-03-01T12:00:00Z"))
        .unwrap();
    let before = Utc::now();
    let user = marker(&host, ActivitySource::User);
    run("touch", &[&user]);
    assert_eq!(host.line_time(ActivitySource::User).unwrap(), None);
    let now = Utc::now();
    let Idle::For(idle) = host.idle_for(&IdleMode::User, now).unwrap() else {
        panic!("there is a marker");
    };
    // The kernel's clock for files may be a tick behind.
    let bound = (now - before).to_std().unwrap() + Duration::from_millis(20);
    assert!(idle <= bound, "{idle:?}");
    // The modification time is authoritative, not the line.
    let boot = marker(&host, ActivitySource::Boot);
    run("touch", &[&boot]);
    let reported = host.last_active(ActivitySource::Boot).unwrap().unwrap();
    assert!(reported > at("2026-03-01T12:00:00Z"), "{reported}");
}

#[test]
fn without_a_marker_the_idle_time_is_unknown_and_disabled_is_never_idle() {
    let (_folder, host) = host();
    let now = Utc::now();
    let idle = |mode: &str| host.idle_for(&mode.parse().unwrap(), now).unwrap();
    assert_eq!(idle("io"), Idle::Unknown);
    assert_eq!(idle("disabled"), Idle::Never);
    host.record(ActivitySource::Process).unwrap();
    assert_eq!(idle("io"), Idle::Unknown, "a process does not count here");
    assert_eq!(idle("disabled"), Idle::Never);
    assert_eq!(host.last_active(ActivitySource::User).unwrap(), None);
}

#[test]
fn a_mode_chooses_which_sources_count() {
    let (_folder, host) = host();
    let noon = at("2026-03-01T12:00:00Z");
    // Later in the order means more recent.
    for (minutes, source) in (1..).zip(ActivitySource::ALL.into_iter().rev()) {
        host.record_at(source, noon - TimeDelta::minutes(minutes))
            .unwrap();
    }
    let check = |mode: &str, minutes: u64| {
        let parsed: IdleMode = mode.parse().unwrap();
        assert_eq!(parsed.to_string(), mode);
        let idle = host.idle_for(&parsed, noon).unwrap();
        assert_eq!(idle, Idle::For(Duration::from_secs(60 * minutes)), "{mode}");
    };
    check("io", 1);
    check("user", 1);
    check("agent", 2);
    check("run", 3);
    check("ssh", 4);
    check("start", 5);
    check("boot", 6);
    check("create", 7);
    check("custom:process", 3);
    check("custom:boot,agent", 2);
}

#[test]
fn a_marker_in_the_future_is_idle_for_zero_seconds() {
    let (_folder, host) = host();
    let noon = at("2026-03-01T12:00:00Z");
    host.record_at(ActivitySource::User, noon + TimeDelta::hours(1))
        .unwrap();
    let idle = host.idle_for(&IdleMode::User, noon).unwrap();
    assert_eq!(idle, Idle::For(Duration::ZERO));
}

#[test]
fn truncated_and_foreign_files_are_tolerated() {
    let (_folder, host) = host();
    host.record_at(ActivitySource::Boot, at("2026-03-01T12:00:00Z"))
        .unwrap();
    let folder = host.directory().join("activity");
    for name in ["USER", "Boot", "user.txt", ".agent-0123", "notes"] {
        fs::write(folder.join(name), "2026-03-01T13:00:00Z\n").unwrap();
    }
    fs::create_dir(folder.join("old")).unwrap();
    let markers = host.markers().unwrap();
    let seen = ActivitySource::ALL.map(|source| markers.get(source).is_some());
    assert_eq!(seen.into_iter().filter(|seen| *seen).count(), 1);
    for text in [
        "",
        "2026-03-01T1",
        "{\"time\":",
        "\u{0}\u{0}",
        &"x".repeat(100_000),
    ] {
        fs::write(marker(&host, ActivitySource::User), text).unwrap();
        assert_eq!(host.line_time(ActivitySource::User).unwrap(), None);
        assert!(host.last_active(ActivitySource::User).unwrap().is_some());
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_an_error_and_is_not_followed() {
    use std::os::unix::fs::symlink;
    let (_folder, host) = host();
    host.record(ActivitySource::Boot).unwrap();
    let elsewhere = host.directory().join("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    symlink(&elsewhere, marker(&host, ActivitySource::User)).unwrap();
    let error = host.last_active(ActivitySource::User).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Host, "{error}");
    assert_eq!(host.markers().unwrap_err().kind(), ErrorKind::Host);
    // Writing replaces the link by a marker.
    host.record(ActivitySource::User).unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine");
    assert!(host.last_active(ActivitySource::User).unwrap().is_some());

    let (_other_folder, other) = self::host();
    symlink(
        host.directory().join("activity"),
        other.directory().join("activity"),
    )
    .unwrap();
    assert_eq!(
        other.record(ActivitySource::User).unwrap_err().kind(),
        ErrorKind::Host
    );
    assert_eq!(other.markers().unwrap_err().kind(), ErrorKind::Host);
}

#[test]
fn a_failed_write_says_why_and_leaves_no_file() {
    let (folder, host) = host();
    let gone = HostActivity::new(folder.path().join("gone"));
    let error = gone.record(ActivitySource::User).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(
        error.to_string().starts_with("no host directory"),
        "{error}"
    );
    assert!(gone.markers().unwrap_err().is_not_found());
    assert!(
        !gone.directory().exists(),
        "a directory that is mistyped is not made"
    );

    fs::create_dir_all(marker(&host, ActivitySource::User)).unwrap();
    let error = host.record(ActivitySource::User).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot record user in "),
        "{error}"
    );
    assert!(host.last_active(ActivitySource::User).is_err());
    let left = fs::read_dir(host.directory().join("activity")).unwrap();
    assert_eq!(left.count(), 1, "only what was in the way");

    #[cfg(target_os = "linux")]
    {
        // Not even root can create a folder there.
        let error = HostActivity::new("/sys")
            .record(ActivitySource::User)
            .unwrap_err();
        assert!(std::error::Error::source(&error).is_some(), "{error}");
        assert_eq!(error.to_string(), "cannot record user in \"/sys\"");
    }
}

#[test]
fn many_writers_at_once_never_leave_an_empty_file() {
    const WRITERS: usize = 4;
    const TIMES: usize = 250;
    let (_folder, host) = host();
    host.record(ActivitySource::Agent).unwrap();
    let start = Barrier::new(WRITERS + 1);
    let path = marker(&host, ActivitySource::Agent);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let (start, host) = (&start, host.clone());
                scope.spawn(move || {
                    let format = [MarkerFormat::Iso, MarkerFormat::Json][number % 2];
                    let host = host.format(format);
                    start.wait();
                    for _ in 0..TIMES {
                        host.record(ActivitySource::Agent).unwrap();
                    }
                })
            })
            .collect();
        start.wait();
        while writers.iter().any(|writer| !writer.is_finished()) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.ends_with('\n'), "{text:?}");
            assert!(
                host.line_time(ActivitySource::Agent).unwrap().is_some(),
                "{text:?}"
            );
        }
    });
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn the_modification_time_wins_over_the_line() {
    let (_folder, host) = host();
    host.record(ActivitySource::Ssh).unwrap();
    let past = at("2020-02-29T00:00:00Z");
    let file = File::options()
        .write(true)
        .open(marker(&host, ActivitySource::Ssh))
        .unwrap();
    file.set_modified(past.into()).unwrap();
    assert_eq!(host.last_active(ActivitySource::Ssh).unwrap(), Some(past));
}

#[test]
fn a_temporary_file_of_a_killed_writer_is_removed_after_an_hour() {
    let (_folder, host) = host();
    host.record(ActivitySource::Boot).unwrap();
    let folder = host.directory().join("activity");
    let unnamed = |hours: i64| {
        let begun = (Utc::now() - TimeDelta::hours(hours)).timestamp();
        format!(".user-{begun:08x}0badcafe")
    };
    let young = unnamed(0);
    for name in [
        &unnamed(2),
        &young,
        ".user-notes",
        ".other-0000000000000000",
    ] {
        fs::write(folder.join(name), "").unwrap();
    }
    // The time in the line does not make the file older.
    host.record_at(ActivitySource::Agent, at("2020-02-29T00:00:00Z"))
        .unwrap();
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        ".other-0000000000000000",
        ".user-notes",
        &young,
        "agent",
        "boot",
    ];
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(names, expected);
}
