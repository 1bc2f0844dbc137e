//! Webhooks: real receivers, which fail, hang, die and come back.

mod delivery;
mod killed;
mod receiver;
mod refusals;
mod wishes;
