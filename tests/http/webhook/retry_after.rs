//! Receivers that ask for a delay, or for no more messages.

use chrono::{TimeDelta, Utc};
use tower_activity::notify::{Webhook, WebhookStatus, Webhooks};

use crate::webhook::{
    delivery::TestLog,
    receiver::{Receiver, Reply, Script, poll_until},
};

fn status(webhooks: &Webhooks, name: &str) -> WebhookStatus {
    let all = webhooks.list().unwrap();
    all.into_iter().find(|one| one.name == name).unwrap()
}

fn types(script: &Script, path: &str) -> Vec<String> {
    let mut seen = script.seen();
    seen.retain(|message| message.path == path);
    let kind = |body: serde_json::Value| body["data"]["type"].as_str().unwrap().to_owned();
    seen.iter().map(|message| kind(message.json())).collect()
}

#[test]
fn retry_after_is_honored_until_the_webhook_is_added_again() {
    let test = TestLog::new();
    let script = Script::default();
    let receiver = Receiver::start(&script, None);
    let webhooks = test.webhooks();
    let busy = Webhook::events("busy", receiver.url())
        .unwrap()
        .allow_private();
    webhooks.add(&busy).unwrap();
    let delivery = webhooks.deliver();

    script.then([
        Reply::RetryAfter("0"),
        Reply::RetryAfter("Sun, 06 Nov 1994 08:49:37 GMT"),
    ]);
    script.then([Reply::RetryAfter("3600")]);
    let before = Utc::now();
    test.log.event("one").record();
    let waits = poll_until(|| {
        Some(status(&webhooks, "busy")).filter(|one| {
            script.seen().len() == 3 && {
                one.again_at
                    .is_some_and(|at| at > before + TimeDelta::seconds(3_500))
            }
        })
    });
    assert!(waits.again_at.unwrap() <= Utc::now() + TimeDelta::seconds(3_600));
    assert_eq!(
        waits.trouble.as_deref(),
        Some("answered 429 Too Many Requests")
    );
    assert_eq!(
        (waits.behind, waits.delivered, waits.delivered_at),
        (1, 0, None)
    );

    // The next delivery honors it too.
    delivery.stop();
    let free = format!("http://{}/free", receiver.address);
    let free = Webhook::events("free", free).unwrap().allow_private();
    webhooks.add(&free).unwrap();
    let delivery = webhooks.deliver();
    test.log.event("two").record();
    poll_until(|| (status(&webhooks, "free").delivered == 1).then_some(()));
    assert_eq!(types(&script, "/hook"), ["one", "one", "one"]);
    assert_eq!(status(&webhooks, "busy").behind, 2);

    webhooks.add(&busy).unwrap();
    let fine = poll_until(|| Some(status(&webhooks, "busy")).filter(|one| one.delivered == 2));
    delivery.stop();
    assert_eq!(types(&script, "/hook"), ["one", "one", "one", "one", "two"]);
    assert_eq!((fine.behind, fine.trouble, fine.again_at), (0, None, None));
    assert!(fine.delivered_at.unwrap() >= before);
}

#[test]
fn a_webhook_stops_after_410_and_resumes_once_added_again() {
    let test = TestLog::new();
    let script = Script::default();
    let receiver = Receiver::start(&script, None);
    let webhooks = test.webhooks();
    let gone = Webhook::events("gone", receiver.url())
        .unwrap()
        .allow_private();
    webhooks.add(&gone).unwrap();
    let delivery = webhooks.deliver();
    script.then([Reply::Status(410)]);
    test.log.event("one").record();
    let stopped =
        poll_until(|| Some(status(&webhooks, "gone")).filter(|one| one.stopped_at.is_some()));
    assert_eq!(stopped.trouble.as_deref(), Some("answered 410 Gone"));
    assert_eq!((stopped.behind, stopped.dead_letters), (1, 0));
    delivery.stop();

    let free = format!("http://{}/free", receiver.address);
    let free = Webhook::events("free", free).unwrap().allow_private();
    webhooks.add(&free).unwrap();
    let delivery = webhooks.deliver();
    test.log.event("two").record();
    poll_until(|| (status(&webhooks, "free").delivered == 1).then_some(()));
    assert_eq!(types(&script, "/hook"), ["one"]);

    webhooks.add(&gone).unwrap();
    let fine = poll_until(|| Some(status(&webhooks, "gone")).filter(|one| one.delivered == 2));
    delivery.stop();
    assert_eq!((fine.stopped_at, fine.trouble), (None, None));
    assert_eq!(types(&script, "/hook"), ["one", "one", "two"]);
}
