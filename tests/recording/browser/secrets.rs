//! Typed text, and secrets in addresses and texts, are nowhere in the file.

use std::fs;

use tower_activity::{ActivityLog, Describe, Outcome, recording::Browser};

use crate::browser::{
    chromium::Chromium,
    ended, events, recording_when,
    site::{HIDDEN, Site},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_found_nowhere_in_the_file() {
    let (site, chromium) = (Site::start().await, Chromium::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let call = log.start(Describe::tool("shop_login"));
    let id = call.id();
    call.attach(Browser::at(&chromium.address)).await;
    let mut driver = chromium.driver().await;
    let tab = driver.open(&site.url("/"), None).await;
    driver
        .wait(&tab, "document.readyState === 'complete' && window.mark")
        .await;
    let (password, hidden, draft, token, card) = (
        "correct-horse-battery",
        "nonce-77aa01c3",
        "dear diary",
        "tok-9f8e7d6c5b4a",
        ["4111", "1111", "1111", "1111"].join(" "),
    );
    let typed = format!(
        "document.querySelector('[name=password]').value = '{password}';
         document.getElementById('set').value = '{hidden}';
         document.getElementById('draft').textContent = '{draft}';
         document.querySelector('[name=q]').value = '{card}';
         mark('paid with {card}; thanks');
         document.querySelector('[name=access_token]').value = '{token}';
         document.querySelector('[name=note]').value = 'hello';
         document.getElementById('get').submit(); 0"
    );
    driver.eval(&tab, &typed).await;
    driver
        .wait(
            &tab,
            "location.pathname === '/found' && document.readyState === 'complete'",
        )
        .await;
    let href = driver.eval(&tab, "location.href").await;
    assert!(
        href.as_str().unwrap().contains(token),
        "the address has it: {href}"
    );
    call.end(Outcome::success());
    let recording = recording_when(&log, id, ended).await;
    let all = serde_json::to_string(&events(&log, &recording)).unwrap();
    assert!(
        all.contains("note=hello") && all.contains("thanks"),
        "texts that are not secret are recorded"
    );
    log.shutdown().await.unwrap();

    let mut files = vec![all.into_bytes()];
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            files.push(fs::read(path).unwrap());
        }
    }
    let joined = card.replace(' ', "");
    for secret in [password, HIDDEN, hidden, draft, token, &card, &joined] {
        for file in &files {
            let found = file
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{secret}");
        }
    }
}
