//! Hosts over ssh: on the local machine, through a real sshd.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use chrono::{TimeDelta, Utc};
use tower_activity::{
    Status,
    host::{
        ActivitySource, ClockReading, HostProviderExt, HostState, SshProvider, StopReason, Watcher,
    },
};

use crate::provider::{events, kinds, runs_through_its_lifecycle, setup, sshd::Sshd};

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
