//! Hosts over ssh: on the local machine, through a real sshd.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Utc};
use tower_activity::{
    Status,
    host::{
        ActivitySource, ClockReading, HostProviderExt, HostState, SshProvider, StopReason, Watcher,
    },
};

use crate::{
    provider::{events, kinds, runs_through_its_lifecycle, setup, sshd::Sshd},
    support::poll_until,
};

fn provider(sshd: &Sshd, root: &Path) -> SshProvider {
    SshProvider::new("machine", root.to_str().unwrap())
        .config(sshd.client())
        .timeout(Duration::from_secs(60))
        .start("sleep 60 >output.log 2>&1 </dev/null & echo $! >pid; echo $MNGR_HOST_DIR >dir")
        .stop("[ -e pid ] || exit 0; kill $(cat pid); rm pid")
        .up("echo asked; kill -0 $(cat pid)")
}

#[tokio::test]
async fn a_host_behind_ssh_gets_all_markers() {
    let sshd = Sshd::start();
    let (folder, log) = setup();
    // Special characters that a path may contain.
    let root = folder.path().join("it's $HOME");
    let provider = provider(&sshd, &root);
    let directory = root.join("web");
    let host = runs_through_its_lifecycle(&provider, &log, directory.clone()).await;
    let told = fs::read_to_string(directory.join("dir")).unwrap();
    assert_eq!(
        Path::new(told.trim_end()),
        directory.canonicalize().unwrap()
    );
    host.record(ActivitySource::Ssh).await.unwrap();
    let markers = provider.host("web").unwrap().markers().await.unwrap();
    let age = Utc::now() - markers.get(ActivitySource::Ssh).unwrap();
    assert!(age < TimeDelta::minutes(1), "{age}");
    assert_eq!(markers.get(ActivitySource::User), None);
    let line = fs::read_to_string(directory.join("activity/ssh")).unwrap();
    assert!(line.ends_with("Z\n") && line.len() == 21, "{line:?}");
    let error = provider.create_host(&log, "web").await.unwrap_err();
    assert!(std::error::Error::source(&error).is_some(), "{error}");
    assert!(
        directory.join("activity/boot").exists(),
        "the first of this name is as it was"
    );
    assert_eq!(host.is_up().await.unwrap(), Some(true));
    let process = fs::read_to_string(directory.join("pid")).unwrap();
    provider.start_host(&log, &host).await.unwrap();
    let still = fs::read_to_string(directory.join("pid")).unwrap();
    assert_eq!(still, process, "no second one was started");
    provider.stop_host(&log, &host).await.unwrap();
    assert!(!directory.join("pid").exists());
    assert_eq!(host.is_up().await.unwrap(), Some(false));
    let gone = provider.host("gone").unwrap();
    assert_eq!(gone.is_up().await.unwrap(), Some(false));
}

#[tokio::test]
async fn an_idle_host_behind_ssh_is_stopped() {
    let sshd = Sshd::start();
    let (folder, log) = setup();
    let provider = provider(&sshd, folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    let mut watcher = Watcher::new(&log, &host).idle_timeout(Duration::from_secs(300));
    let start = ClockReading::now();
    for (seconds, up) in [(0, true), (290, true), (302, false)] {
        let now = start.after(Duration::from_secs(seconds));
        let watched = watcher
            .poll(now, |_| provider.stop_host(&log, &host))
            .await
            .unwrap();
        assert_eq!(matches!(watched, HostState::Up(_)), up, "{watched:?}");
        if let HostState::Stopped(decision) = watched {
            assert_eq!(decision.reason, StopReason::Idle);
        }
    }
    let story = ["host_created", "host_idle", "host_stopped"];
    assert_eq!(
        kinds(&events(&log)),
        story.map(|kind| (kind, Status::Success))
    );
    assert!(!folder.path().join("web/pid").exists());
}

#[tokio::test]
async fn a_lost_connection_is_reestablished() {
    let mut sshd = Sshd::start();
    let (folder, log) = setup();
    let provider = provider(&sshd, folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    sshd.restart();
    host.record(ActivitySource::User).await.unwrap();
    sshd.end();
    let error = host.record(ActivitySource::User).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot record user in {:?} on the host",
            folder.path().join("web")
        )
    );
    let watched = Watcher::new(&log, &host)
        .poll(ClockReading::now(), async |_| Ok(()))
        .await;
    assert!(watched.is_err());
    assert_eq!(
        kinds(&events(&log)).last(),
        Some(&("host_watch_failed", Status::Failed))
    );
    sshd.restart();
    provider.stop_host(&log, &host).await.unwrap();
}

#[tokio::test]
async fn a_failure_on_the_machine_is_in_the_error() {
    let sshd = Sshd::start();
    let (folder, log) = setup();
    let provider = provider(&sshd, folder.path());
    let fails = provider.clone().start("echo no such image >&2; exit 7");
    let error = fails.create_host(&log, "web").await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "no such image (exit status: 7)");
    assert!(!folder.path().join("web").exists(), "nothing is left of it");

    for wrong in ["if true", "echo )", "( echo"] {
        let wrong = provider.clone().start(wrong);
        assert!(wrong.create_host(&log, "web").await.is_err());
        assert!(!folder.path().join("web").exists(), "nothing is left of it");
    }

    let prints = provider.clone().start("exec yes");
    let error = prints.create_host(&log, "yes").await.unwrap_err();
    let message = format!("{error:?}");
    assert!(message.contains("output exceeds 16 MiB"), "{message}");

    let host = provider.create_host(&log, "web").await.unwrap();
    let user = folder.path().join("web/activity/user");
    symlink("elsewhere", &user).unwrap();
    let error = host.markers().await.unwrap_err();
    let message = format!("{error:?}");
    assert!(
        message.contains("user is not a plain file (exit status: 1)"),
        "{message}"
    );
    provider.stop_host(&log, &host).await.unwrap();
    fs::remove_dir_all(folder.path().join("web")).unwrap();
    let error = host.record(ActivitySource::User).await.unwrap_err();
    assert!(format!("{error:?}").contains("exit status"), "{error:?}");

    // An unknown host key is refused.
    let stranger = Sshd::start();
    let known = fs::read_to_string(stranger.client())
        .unwrap()
        .replace("/known", "/missing");
    fs::write(stranger.client(), known).unwrap();
    let refused = SshProvider::new("machine", "hosts").config(stranger.client());
    let error = refused.create_host(&log, "web").await.unwrap_err();
    assert_eq!(error.to_string(), "cannot connect to \"machine\" by ssh");
    let option = SshProvider::new("-oProxyCommand=true", "hosts");
    assert!(
        option
            .create_host(&log, "web")
            .await
            .unwrap_err()
            .is_invalid()
    );
}

/// True if a process has this file in its command line.
fn is_in_use(config: &Path) -> bool {
    let mut processes = fs::read_dir("/proc").unwrap();
    processes.any(|process| {
        let line = fs::read(process.unwrap().path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(config.to_str().unwrap())
    })
}

#[tokio::test]
async fn a_refused_key_is_in_the_record() {
    let (sshd, other) = (Sshd::start(), Sshd::start());
    let (folder, log) = setup();
    let key = |sshd: &Sshd| sshd.client().with_file_name("user").display().to_string();
    let config = fs::read_to_string(sshd.client()).unwrap();
    fs::write(sshd.client(), config.replace(&key(&sshd), &key(&other))).unwrap();
    let provider = provider(&sshd, folder.path());
    provider.create_host(&log, "web").await.unwrap_err();
    let event = events(&log).pop().unwrap();
    assert_eq!(event.status, Status::Failed);
    let summary = event.summary.unwrap();
    assert!(
        summary.contains("Permission denied (publickey)"),
        "{summary}"
    );
}

#[tokio::test]
async fn a_machine_that_does_not_answer_is_left_after_the_timeout() {
    let (folder, log) = setup();
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let config = folder.path().join("client");
    let machine = format!("Host machine\n HostName 127.0.0.1\n Port {port}\n");
    fs::write(&config, machine).unwrap();
    let provider = SshProvider::new("machine", "hosts")
        .config(&config)
        .timeout(Duration::from_secs(1));
    provider.create_host(&log, "web").await.unwrap_err();
    let start = Instant::now();
    poll_until(|| (!is_in_use(&config)).then_some(()));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "ssh continues to connect"
    );
}

#[tokio::test]
async fn a_machine_that_freezes_is_a_timeout_and_used_again_once_it_continues() {
    let sshd = Sshd::start();
    let (folder, log) = setup();
    let provider = provider(&sshd, folder.path());
    let host = provider.create_host(&log, "web").await.unwrap();
    sshd.signal("-STOP");
    let hurried = provider.clone().timeout(Duration::from_secs(1));
    let error = hurried.stop_host(&log, &host).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    sshd.signal("-CONT");
    provider.stop_host(&log, &host).await.unwrap();
    let story = [
        ("host_created", Status::Success),
        ("host_stopped", Status::Failed),
        ("host_stopped", Status::Success),
    ];
    assert_eq!(kinds(&events(&log)), story);
}
