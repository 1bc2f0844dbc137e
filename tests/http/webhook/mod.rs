//! Webhooks, with receivers that fail, hang, crash and restart.

mod delivery;
mod killed;
mod receiver;
mod rejections;
mod retry_after;
