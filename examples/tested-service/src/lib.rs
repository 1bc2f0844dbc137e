//! A checkout that records what it does. What it records is tested in `tests/checkout.rs`.

use std::fmt;

use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{Activity, ActivityLayer, ActivityLog, Describe, Outcome};

/// What a customer orders.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who orders.
    pub customer: String,
    /// The order's number.
    pub number: String,
    /// What it costs, in cents.
    pub cents: u64,
}

/// What a bank is asked for: so many cents.
#[derive(Debug, Clone, Copy)]
pub struct Charge(pub u64);

/// Why there is no payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The bank says no.
    Declined,
    /// The bank says nothing; it may be asked again.
    Unavailable,
}

/// Makes the checkout: a service that has the bank take the payment, and asks it once more when it was away.
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
                .describe(|_: &Charge| Describe::job("charge"))
                .classify(outcome),
        )
        .service(bank);
    let events = log.clone();
    ServiceBuilder::new()
        .layer(
            ActivityLayer::new(log)
                .describe(|order: &Order| Describe::job("checkout").actor(order.customer.clone()))
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
