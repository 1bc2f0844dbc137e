//! What a receiver says about when it wants to be sent something.

use chrono::{TimeDelta, Utc};
use tower_activity::notify::{Webhook, WebhookStatus, Webhooks};

use crate::webhook::{
    delivery::Place,
    receiver::{Does, Plan, Receiver, soon},
};

fn status(webhooks: &Webhooks, name: &str) -> WebhookStatus {
    let all = webhooks.list().unwrap();
    all.into_iter().find(|one| one.name == name).unwrap()
}

fn types(plan: &Plan, path: &str) -> Vec<String> {
    let mut seen = plan.seen();
    seen.retain(|message| message.path == path);
    let kind = |body: serde_json::Value| body["data"]["type"].as_str().unwrap().to_owned();
    seen.iter().map(|message| kind(message.json())).collect()
}

#[test]
fn a_receiver_that_says_when_to_come_back_is_left_alone_until_then_or_until_it_is_mended() {
    let place = Place::new();
    let plan = Plan::default();
    let receiver = Receiver::start(&plan, None);
    let webhooks = place.webhooks();
    let busy = Webhook::events("busy", receiver.url())
        .unwrap()
        .allow_private();
    webhooks.add(&busy).unwrap();
    let delivery = webhooks.deliver();

    plan.then([
        Does::Later("0"),
        Does::Later("Sun, 06 Nov 1994 08:49:37 GMT"),
    ]);
    plan.then([Does::Later("3600")]);
    let before = Utc::now();
    place.log.event("one").record();
    let waits = soon(|| {
        Some(status(&webhooks, "busy")).filter(|one| {
            plan.seen().len() == 3 && {
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

    // Whoever goes on knows of it, too.
    delivery.stop();
    let free = format!("http://{}/free", receiver.address);
    let free = Webhook::events("free", free).unwrap().allow_private();
    webhooks.add(&free).unwrap();
    let delivery = webhooks.deliver();
    place.log.event("two").record();
    soon(|| (status(&webhooks, "free").delivered == 1).then_some(()));
    assert_eq!(types(&plan, "/hook"), ["one", "one", "one"]);
    assert_eq!(status(&webhooks, "busy").behind, 2);

    webhooks.add(&busy).unwrap();
    let fine = soon(|| Some(status(&webhooks, "busy")).filter(|one| one.delivered == 2));
    delivery.stop();
    assert_eq!(types(&plan, "/hook"), ["one", "one", "one", "one", "two"]);
    assert_eq!((fine.behind, fine.trouble, fine.again_at), (0, None, None));
    assert!(fine.delivered_at.unwrap() >= before);
}

#[test]
fn a_receiver_that_is_gone_is_sent_nothing_until_it_is_added_again_and_misses_nothing() {
    let place = Place::new();
    let plan = Plan::default();
    let receiver = Receiver::start(&plan, None);
    let webhooks = place.webhooks();
    let gone = Webhook::events("gone", receiver.url())
        .unwrap()
        .allow_private();
    webhooks.add(&gone).unwrap();
    let delivery = webhooks.deliver();
    plan.then([Does::Answer(410)]);
    place.log.event("one").record();
    let stopped = soon(|| Some(status(&webhooks, "gone")).filter(|one| one.stopped_at.is_some()));
    assert_eq!(stopped.trouble.as_deref(), Some("answered 410 Gone"));
    assert_eq!((stopped.behind, stopped.dead_letters), (1, 0));
    delivery.stop();

    let free = format!("http://{}/free", receiver.address);
    let free = Webhook::events("free", free).unwrap().allow_private();
    webhooks.add(&free).unwrap();
    let delivery = webhooks.deliver();
    place.log.event("two").record();
    soon(|| (status(&webhooks, "free").delivered == 1).then_some(()));
    assert_eq!(types(&plan, "/hook"), ["one"]);

    webhooks.add(&gone).unwrap();
    let fine = soon(|| Some(status(&webhooks, "gone")).filter(|one| one.delivered == 2));
    delivery.stop();
    assert_eq!((fine.stopped_at, fine.trouble), (None, None));
    assert_eq!(types(&plan, "/hook"), ["one", "one", "two"]);
}
