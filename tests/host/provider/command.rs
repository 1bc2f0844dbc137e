//! Hosts of a command-line tool: here a shell script, whose hosts are folders with a process each.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use tower_activity::{
    Status,
    host::{
        ActivitySource, ClockReading, CommandProvider, HostProviderExt, HostState, Idle, IdleMode,
        Watcher,
    },
};

use crate::provider::{
    events, kinds, marked, pid, runs_through_its_lifecycle, setup, wait_for_exit,
};

/// The tool: `tool create|start|stop NAME`, and `tool exec ID SCRIPT`. Its state is in its own folder.
const TOOL: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit
case $1 in
  create) mkdir "$2" || exit; echo "pulling ..."; echo "id-$2"; ln -s "$2" "id-$2"; touch "$2/up" ;;
  start) [ -d "$2" ] || { echo "no such host: $2" >&2; exit 3; }; touch "$2/up" ;;
  stop) rm -f "$2/up" ;;
  exec) [ -e "$2/up" ] || { echo "$2 is down" >&2; exit 4; }; cd "$2" && exec sh -c "$3" ;;
esac
"#;

fn tool(folder: &Path) -> (PathBuf, CommandProvider) {
    let tool = folder.join("tool");
    fs::write(&tool, TOOL).unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let run = tool.to_str().unwrap().to_owned();
    let provider = CommandProvider::new("it's here")
        .create([&run, "create", "{host}"])
        .start([&run, "start", "{id}"])
        .stop([&run, "stop", "{id}"])
        .exec([&run, "exec", "{id}", "{script}"]);
    (folder.join("web/it's here"), provider)
}

#[tokio::test]
async fn a_host_of_any_tool_gets_all_markers() {
    let (folder, log) = setup();
    let (directory, provider) = tool(folder.path());
    let host = runs_through_its_lifecycle(&provider, &log, directory.clone()).await;
    assert_eq!(host.id(), "id-web");
    assert!(folder.path().join("web/up").exists());
    let found = provider.host("web", host.id()).unwrap();
    found.record(ActivitySource::User).await.unwrap();
    let line = fs::read_to_string(directory.join("activity/user")).unwrap();
    assert!(line.ends_with("Z\n") && line.len() == 21, "{line:?}");
    let mut names: Vec<_> = fs::read_dir(directory.join("activity"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["boot", "create", "user"]);
    let markers = found.markers().await.unwrap();
    let age = Utc::now() - markers.get(ActivitySource::User).unwrap();
    assert!(age < TimeDelta::minutes(1), "{age}");
}

#[tokio::test]
async fn the_error_contains_the_output_of_the_tool() {
    let (folder, log) = setup();
    let (_, provider) = tool(folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    provider.stop_host(&log, &host).await.unwrap();
    let error = host.record(ActivitySource::User).await.unwrap_err();
    let message = format!("{:?}", std::error::Error::source(&error));
    assert!(
        message.contains("id-web is down (exit status: 4)"),
        "{message}"
    );
    fs::remove_file(folder.path().join("id-web")).unwrap();
    provider.start_host(&log, &host).await.unwrap_err();
    let events = events(&log);
    let last = events.last().unwrap();
    assert_eq!(
        kinds(&events).last(),
        Some(&("host_started", Status::Failed))
    );
    let summary = last.summary.as_deref().unwrap();
    assert!(
        summary.ends_with(" start {id}`: no such host: id-web (exit status: 3)"),
        "{summary}"
    );
}

#[tokio::test]
async fn a_host_without_markers_is_created_regardless() {
    let (folder, log) = setup();
    let (_, provider) = tool(folder.path());
    let provider = provider.exec(["false"]);
    let host = provider.create_host(&log, "web").await.unwrap();
    assert_eq!(host.mark_failures(), 2);
    let expected = [
        ("host_mark_failed", Status::Failed),
        ("host_mark_failed", Status::Failed),
        ("host_created", Status::Success),
    ];
    assert_eq!(kinds(&events(&log)), expected);
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_and_an_unset_one_is_named() {
    let (folder, log) = setup();
    let (_, provider) = tool(folder.path());
    let hangs = provider
        .clone()
        .create(["sleep", "1000"])
        .timeout(Duration::from_millis(20));
    let error = hangs.create_host(&log, "web").await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(
        error.to_string(),
        "cannot run `sleep 1000`: timed out after 0.02 s"
    );
    let missing = provider.clone().create(["/no/such/tool"]);
    assert!(
        missing
            .create_host(&log, "web")
            .await
            .unwrap_err()
            .is_not_found()
    );
    let error = CommandProvider::new("/d")
        .create_host(&log, "web")
        .await
        .unwrap_err();
    assert!(
        error.is_invalid() && error.to_string().contains("`CommandProvider::create`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_cancelled_command_is_killed_with_its_children() {
    let (folder, log) = setup();
    let (_, provider) = tool(folder.path());
    let file = folder.path().join("child");
    let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
    let hangs = provider.create(["sh", "-c", &script]);
    let waits = tokio::task::spawn_blocking(move || pid(&file));
    let child = tokio::select! {
        created = hangs.create_host(&log, "web") => panic!("{created:?}"),
        child = waits => child.unwrap(),
    };
    wait_for_exit(&child);
}

#[tokio::test]
async fn a_command_with_endless_output_is_killed_before_it_fills_the_memory() {
    let (folder, log) = setup();
    let (_, provider) = tool(folder.path());
    let prints = provider.create(["yes"]).timeout(Duration::from_secs(60));
    let error = prints.create_host(&log, "web").await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "output exceeds 16 MiB");
}

#[tokio::test]
async fn a_start_through_another_handle_waits_for_a_stop_in_progress() {
    let (folder, log) = setup();
    let (_, provider) = tool(folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    let begun = tokio::sync::Notify::new();
    let mut watcher = Watcher::new(&log, &host).idle_timeout(Duration::from_secs(300));
    let later = ClockReading::now().after(Duration::from_secs(301));
    let watch = watcher.poll(later, async |_| {
        begun.notify_one();
        // Longer than a start takes.
        for _ in 0..8 {
            host.markers().await?;
        }
        provider.stop_host(&log, &host).await
    });
    let start = async {
        begun.notified().await;
        let other = provider.host("web", host.id())?;
        provider.start_host(&log, &other).await
    };
    let (watched, started) = tokio::join!(watch, start);
    assert!(matches!(watched.unwrap(), HostState::Stopped(_)));
    started.unwrap();
    let story = ["host_created", "host_idle", "host_stopped", "host_started"];
    assert_eq!(
        kinds(&events(&log)),
        story.map(|kind| (kind, Status::Success))
    );
}

#[tokio::test]
async fn links_and_folders_are_not_accepted_as_markers() {
    let (folder, log) = setup();
    let (directory, provider) = tool(folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    let user = directory.join("activity/user");
    fs::create_dir(&user).unwrap();
    assert!(host.record(ActivitySource::User).await.is_err());
    assert!(host.markers().await.is_err());
    fs::remove_dir(&user).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &user).unwrap();
    assert!(host.markers().await.is_err());
    host.record(ActivitySource::User).await.unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine");
    assert!(
        host.markers()
            .await
            .unwrap()
            .get(ActivitySource::User)
            .is_some()
    );
    let activity = directory.join("activity");
    fs::rename(&activity, directory.join("moved")).unwrap();
    std::os::unix::fs::symlink(directory.join("moved"), &activity).unwrap();
    assert!(host.record(ActivitySource::User).await.is_err());
    assert!(host.markers().await.is_err());
}

#[tokio::test]
async fn a_wrong_clock_of_the_host_does_not_change_its_idle_time() {
    let (folder, log) = setup();
    let (directory, provider) = tool(folder.path());
    // An hour ahead, both in `date` and in file times.
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let date = bin.join("date");
    fs::write(
        &date,
        "#!/bin/sh\nPATH=/usr/bin:/bin exec date -d '+1 hour' \"$@\"\n",
    )
    .unwrap();
    fs::set_permissions(&date, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("PATH={}:/usr/bin:/bin", bin.display());
    let run = folder.path().join("tool").to_str().unwrap().to_owned();
    let provider = provider.exec(["env", &path, &run, "exec", "{id}", "{script}"]);
    let host = provider.create_host(&log, "web").await.unwrap();
    let ahead = Utc::now() + TimeDelta::hours(1);
    for source in ["create", "boot"] {
        let file = fs::File::options()
            .write(true)
            .open(directory.join("activity").join(source));
        file.unwrap().set_modified(ahead.into()).unwrap();
    }
    let markers = host.markers().await.unwrap();
    let now = Utc::now();
    let Idle::For(idle) = markers.idle_for(&IdleMode::Io, now) else {
        panic!("there are markers");
    };
    let off = now - markers.get(ActivitySource::Boot).unwrap();
    assert!(
        idle < Duration::from_secs(30) && off.abs() < TimeDelta::seconds(30),
        "{idle:?} {off}"
    );
    // Over several polls, unchanged markers age.
    let mut watcher = Watcher::new(&log, &host).idle_timeout(Duration::from_secs(300));
    let start = ClockReading::now();
    for (minutes, up) in [(0, true), (4, true), (6, false)] {
        let now = start.after(Duration::from_secs(60 * minutes));
        let watched = watcher
            .poll(now, |_| provider.stop_host(&log, &host))
            .await
            .unwrap();
        assert_eq!(
            matches!(watched, HostState::Up(_)),
            up,
            "minute {minutes}: {watched:?}"
        );
    }
    // It is down and does not respond.
    let later = start.after(Duration::from_secs(3600));
    let watched = watcher
        .poll(later, |_| provider.stop_host(&log, &host))
        .await;
    assert!(matches!(watched.unwrap(), HostState::Down));
}

#[tokio::test]
async fn the_markers_of_a_new_host_are_written_by_one_command() {
    let (folder, log) = setup();
    let (directory, provider) = tool(folder.path());
    let calls = folder.path().join("calls");
    let counted = format!("echo >>'{}'; exec \"$@\"", calls.display());
    let run = folder.path().join("tool").to_str().unwrap().to_owned();
    let provider = provider.exec(["sh", "-c", &counted, "sh", &run, "exec", "{id}", "{script}"]);
    provider.create_host(&log, "web").await.unwrap();
    let count = fs::read_to_string(&calls).unwrap().lines().count();
    assert_eq!(count, 1, "what hangs is waited for once");
    marked(&directory);
}

#[tokio::test]
async fn the_markers_of_a_new_host_are_all_written_or_none() {
    let (folder, log) = setup();
    let (directory, provider) = tool(folder.path());
    let run = folder.path().join("tool").to_str().unwrap().to_owned();
    // The tool creates a folder in place of the second marker.
    let create = "\"$1\" create \"$2\" && mkdir -p \"$3/activity/boot\"";
    let provider = provider.create([
        "sh",
        "-c",
        create,
        "sh",
        &run,
        "{host}",
        directory.to_str().unwrap(),
    ]);
    let provider = provider.exec([&run, "exec", "web", "{script}"]);
    let host = provider.create_host(&log, "web").await.unwrap();
    assert_eq!(host.mark_failures(), 2);
    let left: Vec<_> = fs::read_dir(directory.join("activity")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn an_id_that_looks_like_an_option_or_a_message_is_refused() {
    let (folder, log) = setup();
    let (_, provider) = tool(folder.path());
    for id in ["-rf", "Created web.", "a\tb", "a\u{1b}[2J"] {
        let prints = provider.clone().create(["printf", "%s\\n", id]);
        let error = prints.create_host(&log, "web").await.unwrap_err();
        assert!(error.is_invalid(), "{id:?}: {error}");
        let message = format!("invalid id {id:?} of the host \"web\"");
        assert!(error.to_string().starts_with(&message), "{error}");
        assert!(provider.host("web", id).unwrap_err().is_invalid());
    }
    assert!(provider.host("web", "").unwrap_err().is_invalid());
    assert!(provider.host("web", "sha256:0a-b_c/d.e").is_ok());
}

#[tokio::test]
async fn a_temporary_file_of_a_killed_writer_on_a_host_is_removed_after_a_day() {
    let (folder, log) = setup();
    let (directory, provider) = tool(folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    let left = |name: &str, days: i64| {
        let file = fs::File::create(directory.join("activity").join(name)).unwrap();
        let at = Utc::now() - TimeDelta::days(days);
        file.set_modified(at.into()).unwrap();
    };
    left(".user-0123456789abcdef", 2);
    left(".user-fedcba9876543210", 0);
    left(".user-notes", 2);
    host.record(ActivitySource::User).await.unwrap();
    let mut names: Vec<_> = fs::read_dir(directory.join("activity"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        ".user-fedcba9876543210",
        ".user-notes",
        "boot",
        "create",
        "user",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_host_that_is_up_is_not_started_again() {
    let (folder, log) = setup();
    let (_, provider) = tool(folder.path());
    let file = folder.path().join("web/up");
    let provider = provider.up(["test", "-e", file.to_str().unwrap()]);
    let host = provider.create_host(&log, "web").await.unwrap();
    assert_eq!(host.is_up().await.unwrap(), Some(true));
    // A start would fail.
    provider
        .clone()
        .start(["false"])
        .start_host(&log, &host)
        .await
        .unwrap();
    provider.stop_host(&log, &host).await.unwrap();
    assert_eq!(host.is_up().await.unwrap(), Some(false));
    provider
        .clone()
        .start(["false"])
        .start_host(&log, &host)
        .await
        .unwrap_err();
    provider.start_host(&log, &host).await.unwrap();
    let cannot = provider.up(["/no/such/tool"]);
    let host = cannot.host("web", host.id()).unwrap();
    assert!(host.is_up().await.unwrap_err().is_not_found());
    cannot.start_host(&log, &host).await.unwrap();
}
