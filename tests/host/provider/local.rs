//! Hosts on the local machine.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use tower_activity::{
    ActivityLog, Status,
    host::{HostProviderExt, LocalProvider},
};

use crate::{
    provider::{events, kinds, pid, runs_through_its_lifecycle, setup, wait_for_exit},
    support,
};

#[tokio::test]
async fn a_local_host_is_a_directory_and_a_process() {
    let (folder, log) = setup();
    let hosts = folder.path().join("hosts");
    let said = "echo $MNGR_HOST_DIR; echo $$ > pid; exec sleep 1000";
    let provider = LocalProvider::new(&hosts, "sh").arg("-c").arg(said);
    let directory = hosts.join("web");
    let host = runs_through_its_lifecycle(&provider, &log, directory.clone()).await;
    assert_eq!(host.is_up().await.unwrap(), Some(true));
    // The first process may have been stopped before its output.
    let output = support::poll_until(|| {
        let text = fs::read_to_string(directory.join("output.log")).unwrap();
        Some(text).filter(|text| text.ends_with('\n'))
    });
    let told = directory.to_str().unwrap();
    assert!(output.lines().all(|line| line == told), "{output}");
    let error = provider.create_host(&log, "web").await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot create the host directory"),
        "{error}"
    );
    let found = provider.host("web").unwrap();
    assert_eq!(found.is_up().await.unwrap(), Some(true));
    assert!(provider.host("other").unwrap_err().is_not_found());
    assert!(provider.host("../hosts/web").unwrap_err().is_invalid());
}

#[tokio::test]
async fn a_local_host_that_ignores_sigterm_is_killed_with_its_children() {
    let (folder, log) = setup();
    let deaf = "trap '' TERM; sleep 1000 & echo $! > child; wait; sleep 1000";
    let provider = LocalProvider::new(folder.path(), "sh")
        .arg("-c")
        .arg(deaf)
        .grace(Duration::from_millis(20));
    let host = provider.create_host(&log, "web").await.unwrap();
    let child = pid(&folder.path().join("web/child"));
    provider.stop_host(&log, &host).await.unwrap();
    assert_eq!(host.is_up().await.unwrap(), Some(false));
    wait_for_exit(&child);
    provider.stop_host(&log, &host).await.unwrap();
}

#[tokio::test]
async fn children_that_outlive_the_process_are_killed_by_the_next_stop() {
    let (folder, log) = setup();
    let leaves = "trap '' TERM; sleep 1000 & echo $! > child";
    let provider = LocalProvider::new(folder.path(), "sh")
        .arg("-c")
        .arg(leaves);
    let host = provider.create_host(&log, "web").await.unwrap();
    let child = pid(&folder.path().join("web/child"));
    while host.is_up().await.unwrap() == Some(true) {
        // Another process: nothing notifies this one.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    provider.stop_host(&log, &host).await.unwrap();
    wait_for_exit(&child);
}

/// The other half of the next test: starts a host and is killed.
#[tokio::test]
async fn child() {
    let Ok(root) = std::env::var("ACTIVITY_TEST_HOSTS") else {
        return;
    };
    let log = ActivityLog::open(":memory:").unwrap();
    let provider = sleeper(&root);
    provider.create_host(&log, "web").await.unwrap();
    println!("ready");
    // Runs until it is killed; bounded in case it is not.
    let forever = std::future::pending::<()>();
    tokio::time::timeout(Duration::from_secs(60), forever)
        .await
        .unwrap_err();
}

fn sleeper(root: impl Into<PathBuf>) -> LocalProvider {
    LocalProvider::new(root, "sh")
        .arg("-c")
        .arg("echo $$ > number; sleep 1000 & wait")
}

#[tokio::test]
async fn a_host_left_by_a_killed_program_is_up_and_is_stopped_by_the_next() {
    let (folder, log) = setup();
    let mut killed = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "provider::local::child", "--nocapture"])
        .env("ACTIVITY_TEST_HOSTS", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(killed.stdout.take().unwrap()).lines();
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.contains("ready"))
    );
    let file = folder.path().join("web/number");
    let process = pid(&file);
    killed.kill().unwrap();
    killed.wait().unwrap();

    let provider = sleeper(folder.path());
    let host = provider.host("web").unwrap();
    assert_eq!(host.is_up().await.unwrap(), Some(true));
    fs::remove_file(&file).unwrap();
    provider.start_host(&log, &host).await.unwrap();
    assert!(!file.exists(), "no second one was started");
    provider.stop_host(&log, &host).await.unwrap();
    assert_eq!(host.is_up().await.unwrap(), Some(false));
    wait_for_exit(&process);
    provider.start_host(&log, &host).await.unwrap();
    assert_eq!(host.is_up().await.unwrap(), Some(true));
    assert_ne!(pid(&file), process);
}

#[tokio::test]
async fn a_process_that_cannot_be_started_leaves_no_host() {
    let (folder, log) = setup();
    let provider = LocalProvider::new(folder.path(), "/no/such/program");
    let error = provider.create_host(&log, "web").await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(!folder.path().join("web").exists());
    assert_eq!(kinds(&events(&log)), [("host_created", Status::Failed)]);
}
