//! The checkout's records.
#![allow(clippy::unwrap_used)]

use std::{
    future::{pending, ready},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};

use tested_service::{Charge, Order, Refused, checkout};
use tower::{Service, ServiceExt, service_fn};
use tower_activity::{ActivityLog, testing::ManualClock};

const SECOND: Duration = Duration::from_secs(1);

fn order() -> Order {
    Order {
        customer: "ann".into(),
        number: "2026-17".into(),
        cents: 1_999,
    }
}

/// A bank that gives these answers, and takes a second for each.
fn bank<const N: usize>(
    clock: &ManualClock,
    answers: [Result<(), Refused>; N],
) -> impl Service<Charge, Response = (), Error = Refused, Future: Send> + Clone + Send + 'static {
    let clock = clock.clone();
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    service_fn(move |_: Charge| {
        clock.advance(SECOND);
        ready(answers.lock().unwrap().next().unwrap())
    })
}

#[tokio::test]
async fn a_paid_order_is_recorded_with_its_charge() {
    let (log, clock) = ActivityLog::test();
    let checkout = checkout(&log, bank(&clock, [Ok(())]));
    checkout.oneshot(order()).await.unwrap();

    let recorded = log.assert().await;
    let checkout = recorded
        .one("checkout")
        .succeeded()
        .actor("ann")
        .took(SECOND);
    checkout.attribute("cents", 1_999).children(["charge"]);
    checkout
        .event("order_placed")
        .reference("2026-17")
        .actor("ann");
    recorded
        .one("charge")
        .succeeded()
        .under("checkout")
        .actor("ann");
}

#[tokio::test]
async fn a_declined_card_fails_the_checkout_and_places_no_order() {
    let (log, clock) = ActivityLog::test();
    let checkout = checkout(&log, bank(&clock, [Err(Refused::Declined)]));
    assert_eq!(checkout.oneshot(order()).await, Err(Refused::Declined));

    let recorded = log.assert().await;
    recorded.one("charge").failed("declined").under("checkout");
    recorded.one("checkout").failed("declined").took(SECOND);
    recorded.no_event("order_placed");
}

#[tokio::test]
async fn an_unavailable_bank_is_retried_once() {
    let (log, clock) = ActivityLog::test();
    let checkout = checkout(&log, bank(&clock, [Err(Refused::Unavailable), Ok(())]));
    checkout.oneshot(order()).await.unwrap();

    let recorded = log.assert().await;
    recorded
        .one("checkout")
        .succeeded()
        .took(2 * SECOND)
        .children(["charge", "charge"]);
    let charges = recorded.all("charge").count(2);
    charges.nth(0).failed("unavailable").took(SECOND);
    charges.nth(1).succeeded().took(SECOND);
}

#[test]
fn a_customer_who_leaves_is_recorded_as_cancelled() {
    let (log, clock) = ActivityLog::test();
    let silent = service_fn(|_: Charge| pending::<Result<(), Refused>>());
    {
        let mut call = pin!(checkout(&log, silent).oneshot(order()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        log.assert()
            .wait()
            .one("charge")
            .running()
            .under("checkout");
        clock.advance(30 * SECOND);
    }
    let recorded = log.assert().wait();
    recorded.one("checkout").cancelled().took(30 * SECOND);
    recorded.one("charge").cancelled().took(30 * SECOND);
}

#[tokio::test]
async fn without_a_log_it_works_the_same() {
    let log = ActivityLog::disabled();
    let checkout = checkout(&log, bank(&ManualClock::new(), [Ok(())]));
    checkout.oneshot(order()).await.unwrap();
    log.assert().await.count(0);
}
