//! A checkout whose records are tested in `tests/checkout.rs`.

use std::fmt;

use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{Activity, ActivityLayer, ActivityLog, Describe, Outcome};

/// An order.
#[derive(Debug, Clone)]
pub struct Order {
    /// The customer.
    pub customer: String,
    /// The order number.
    pub number: String,
    /// The price in cents.
    pub cents: u64,
}

/// A request to the bank to charge this many cents.
#[derive(Debug, Clone, Copy)]
pub struct Charge(pub u64);

/// Why a payment was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The bank declined it.
    Declined,
    /// The bank did not respond; the charge may be retried.
    Unavailable,
}

/// Creates the checkout: a service that charges the bank, and retries once if the bank is unavailable.
pub fn checkout<Bank>(
    log: &ActivityLog,
    bank: Bank,
) -> impl Service<Order, Response = (), Error = Refused, Future: Send> + Clone
where
    Bank: Service<Charge, Response = (), Error = Refused, Future: Send> + Clone + Send + 'static,
{
    let bank = ServiceBuilder::new()
        .layer(
            ActivityLayer::new(log)
                .describe(|_| Describe::job("charge"))
                .classify(outcome),
        )
        .service(bank);
    let events = log.clone();
    ServiceBuilder::new()
        .layer(
            ActivityLayer::new(log)
                .describe(|order: &Order| Describe::job("checkout").actor(&order.customer))
                .classify(outcome),
        )
        .service(service_fn(move |order: Order| {
            let (bank, log) = (bank.clone(), events.clone());
            async move {
                Activity::current().set("cents", order.cents);
                let charge = Charge(order.cents);
                let mut paid = bank.clone().oneshot(charge).await;
                if paid == Err(Refused::Unavailable) {
                    paid = bank.oneshot(charge).await;
                }
                paid?;
                log.event("order_placed").reference(order.number).record();
                Ok(())
            }
        }))
}

fn outcome(result: &Result<(), Refused>) -> Outcome {
    match result {
        Ok(()) => Outcome::success(),
        Err(refused) => Outcome::failed(refused.as_str()),
    }
}

impl Refused {
    fn as_str(self) -> &'static str {
        match self {
            Refused::Declined => "declined",
            Refused::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Refused {}
