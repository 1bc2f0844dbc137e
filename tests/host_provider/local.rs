//! Hosts on this machine.

use std::{fs, time::Duration};

use tower_activity::{
    Status,
    host::{HostProviderExt, LocalProvider},
};

use crate::{ends, events, kinds, number, passes_through_its_life, place, support};

#[tokio::test]
async fn a_local_host_is_a_directory_and_a_process() {
    let (folder, log) = place();
    let hosts = folder.path().join("hosts");
    let said = "echo $MNGR_HOST_DIR; echo $$ > pid; exec sleep 1000";
    let provider = LocalProvider::new(&hosts, "sh").arg("-c").arg(said);
    let directory = hosts.join("web");
    let host = passes_through_its_life(&provider, &log, directory.clone()).await;
    assert!(provider.is_up(&host).await.unwrap());
    // The first time it may have been stopped before it said anything.
    let output = support::soon(|| {
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
    assert!(
        provider
            .is_up(&provider.host("web").unwrap())
            .await
            .unwrap()
    );
    assert!(provider.host("other").unwrap_err().is_not_found());
    assert!(provider.host("../hosts/web").unwrap_err().is_invalid());
}

#[tokio::test]
async fn a_local_host_that_is_deaf_is_killed_with_what_it_started() {
    let (folder, log) = place();
    let deaf = "trap '' TERM; sleep 1000 & echo $! > child; wait; sleep 1000";
    let provider = LocalProvider::new(folder.path(), "sh")
        .arg("-c")
        .arg(deaf)
        .grace(Duration::from_millis(20));
    let host = provider.create_host(&log, "web").await.unwrap();
    let child = number(&folder.path().join("web/child"));
    provider.stop_host(&log, &host).await.unwrap();
    assert!(!provider.is_up(&host).await.unwrap());
    ends(&child);
    provider.stop_host(&log, &host).await.unwrap();
}

#[tokio::test]
async fn what_a_process_leaves_behind_ends_with_the_next_stop() {
    let (folder, log) = place();
    let leaves = "trap '' TERM; sleep 1000 & echo $! > child";
    let provider = LocalProvider::new(folder.path(), "sh")
        .arg("-c")
        .arg(leaves);
    let host = provider.create_host(&log, "web").await.unwrap();
    let child = number(&folder.path().join("web/child"));
    while provider.is_up(&host).await.unwrap() {
        tokio::task::yield_now().await;
    }
    provider.stop_host(&log, &host).await.unwrap();
    ends(&child);
}

#[tokio::test]
async fn a_process_that_cannot_be_run_leaves_no_host() {
    let (folder, log) = place();
    let provider = LocalProvider::new(folder.path(), "/no/such/program");
    let error = provider.create_host(&log, "web").await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(!folder.path().join("web").exists());
    assert_eq!(kinds(&events(&log)), [("host_created", Status::Failed)]);
}
