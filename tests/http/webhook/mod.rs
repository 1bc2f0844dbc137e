//! Webhooks, with receivers that fail, hang, crash and restart.

#[cfg(all(feature = "postgres", unix))]
mod central;
mod delivery;
mod killed;
mod receiver;
mod rejections;
mod retry_after;
