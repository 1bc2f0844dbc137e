//! Webhooks: other programs are told of activities and events.
//!
//! ```no_run
//! use tower_activity::{notify::{Webhook, Webhooks}, record::Filter};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let webhooks = Webhooks::open("activity.db")?;
//! let failed = Filter::parse("status:failed project:acme", chrono::Utc::now())?;
//! let alerts = Webhook::activities("alerts", "https://example.com/hook")?.filter(failed);
//! let secret = webhooks.add(&alerts)?;
//! println!("the receiver verifies signatures with {}", secret.reveal());
//! let delivery = webhooks.deliver();    // from now on, on threads of its own
//! # drop(delivery);
//! # Ok(())
//! # }
//! ```
//!
//! Each webhook follows the order of commits on a thread of its own, from where it was added. The next record is sent
//! once the one before was taken, so that they arrive in order. What is sent is a CloudEvent with a signature as
//! [Standard Webhooks](https://www.standardwebhooks.com) has it; the header `webhook-id` is the record's id, also when it
//! is sent again.
//!
//! # At least once
//!
//! How far a webhook has come is kept beside the log, in `activity.db-webhooks`: the log's own writer never waits for it,
//! and whoever delivers next goes on from there. A record is taken when the answer is 2xx. While there is no answer
//! because the receiver cannot be reached, the record waits, for ever if need be: the log is the queue. An answer that
//! is not 2xx, or none in time, is tried again after waits that double and vary; after 10 attempts the record is set aside
//! as a [`DeadLetter`], and the next one's turn comes. A record may arrive twice: receivers tell by `webhook-id`.
//!
//! A receiver that says when to come back (`Retry-After`) is waited for as long as that, up to an hour, and never shorter than
//! otherwise. One that answers 410 is gone for good: the webhook stops where it is, and goes on from there once it is
//! [added](Webhooks::add) again.
//!
//! # Loss
//!
//! What is pruned from the log before its turn came is not sent. When another file takes the place of the log while it is
//! open, each webhook goes on there with what is committed since; what it had not sent yet of the old file and is not copied
//! from there is not sent.
//!
//! # Where it may send to
//!
//! Only to public addresses, unless a webhook is said to [`allow_private`](Webhook::allow_private) ones: names are looked
//! up first, and the connection goes to an address that was checked. Redirects are not followed, proxies not used.

mod address;
mod delivery;
mod follower;
mod schema;
mod secret;
mod send;
mod state;
mod status;
mod stop;
mod webhook;
mod webhooks;

pub use delivery::Delivery;
pub use secret::Secret;
pub use status::{DeadLetter, WebhookStatus};
pub use webhook::{Reach, Webhook};

pub use crate::store::What;
pub use webhooks::Webhooks;
