//! The command `activity`, run like people and scripts do, on stores written by real logs.
#![allow(clippy::unwrap_used, clippy::disallowed_macros, unreachable_pub)]

mod away;
mod busy;
mod central;
mod clickhouse;
#[allow(dead_code)]
#[path = "../../../tests/support/clickhouse.rs"]
mod clickhouse_server;
mod columns;
#[cfg(unix)]
mod completions;
mod digest;
mod doctor;
mod errors;
mod events;
mod export;
mod fixture;
mod forward;
#[cfg(unix)]
mod guides;
mod host;
mod import;
mod list;
mod man;
mod mcp;
#[cfg(unix)]
mod mcp_config;
#[cfg(unix)]
mod mcp_config_entries;
mod options;
#[allow(dead_code)]
#[path = "../../../tests/support/postgres.rs"]
mod postgres;
#[cfg(unix)]
mod private;
#[cfg(unix)]
mod proxy;
#[cfg(unix)]
mod proxy_broken;
#[cfg(target_os = "linux")]
mod proxy_faults;
#[cfg(unix)]
mod proxy_http;
#[cfg(unix)]
mod proxy_intent;
#[cfg(unix)]
mod proxy_options;
#[cfg(target_os = "linux")]
mod proxy_streams;
mod proxy_tls;
mod prune;
mod recording;
#[cfg(unix)]
mod replaced;
mod retention;
mod roles;
mod roots;
mod schema;
mod serve;
mod show;
mod stats;
#[cfg(target_os = "linux")]
mod streams;
#[path = "../../../tests/support/mod.rs"]
mod support;
mod tail;
mod token;
#[cfg(target_os = "linux")]
mod top;
mod tree;
mod webhooks;
