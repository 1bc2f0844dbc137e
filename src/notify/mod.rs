//! Webhooks: sends activities and events to other programs.
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
//! let delivery = webhooks.deliver();    // on threads of its own, until it is dropped
//! # drop(delivery);
//! # Ok(())
//! # }
//! ```
//!
//! Each webhook follows the commit order on a thread of its own, starting when it was added. It sends a record once the one
//! before was accepted, so that records arrive in order. A message is a CloudEvent, signed as specified by
//! [Standard Webhooks](https://www.standardwebhooks.com); the header `webhook-id` is the record's ID, in retries too.
//!
//! # At least once
//!
//! The position of each webhook is stored beside the log, in `activity.db-webhooks`: the log's writer never waits for it, and
//! the next delivery continues there. A 2xx response accepts a record. While the receiver is unreachable, the record is
//! retried without limit: the log is the queue. Other responses and timeouts are retried with exponential backoff and jitter;
//! after 10 attempts the record becomes a [`DeadLetter`], and the next one is sent. A record may arrive twice: receivers
//! deduplicate by `webhook-id`.
//!
//! `Retry-After` is honored up to an hour, and only prolongs a wait. A receiver that answers 410 is gone for good: the webhook
//! stops at its position, and continues there once it is [added](Webhooks::add) again.
//!
//! # Several machines
//!
//! The webhooks of a central store (`Webhooks::open("postgres://…")`) send the records of all logs. Their state is in tables there, and
//! so is a lease, on the clock of the server: one process at a time sends. A process that cannot renew it stops sending while no other
//! one may have it. One that stands still with a request in flight may have sent a record that another process then sends again.
//!
//! # Loss
//!
//! Records that are pruned before they were sent are not sent. If another file replaces the log while it is open, each webhook
//! continues there with records committed since; unsent records of the old file are sent only if they are copied over.
//!
//! # Private addresses
//!
//! Webhooks send to public addresses only, unless [`allow_private`](Webhook::allow_private) is set: host names are resolved
//! first, and the connection goes to an address that was checked. Redirects are not followed and proxies are not used.

mod address;
mod delivery;
mod follower;
mod lease;
mod schema;
mod secret;
mod send;
mod state;
mod state_file;
mod status;
mod stop;
mod webhook;
mod webhooks;

pub use delivery::Delivery;
pub use secret::Secret;
pub use status::{DeadLetter, WebhookStatus};
pub use webhook::{Reach, Webhook};

pub use crate::store::RecordKind;
pub use webhooks::Webhooks;
