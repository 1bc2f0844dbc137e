//! Webhooks: real receivers, which fail, hang, die and come back.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod delivery;
mod killed;
mod receiver;
mod refusals;
mod wishes;
