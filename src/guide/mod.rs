//! Guides, each of which leads to a running result.
//!
//! | guide | |
//! |---|---|
//! | [`axum`] | axum, tonic and other HTTP services |
//! | [`mcp`] | MCP servers with rmcp or tower-mcp, and a model that reads the log |
//! | [`tower`] | any tower service, jobs, events, log lines |
//! | [`testing`] | tests of what your service records |
//! | [`dashboard`] | the dashboard and the API: in your application, tokens, a reverse proxy |
//! | [`filters`] | filters, everywhere the same |
//! | [`webhooks`] | webhooks, and a receiver that verifies them |
//! | [`deployment`] | processes, machines, sizes, retention, backup, containers |
//! | [`fleet`] | several machines: forward to PostgreSQL, and read all as one |
//! | [`privacy`] | what is stored, redaction, erasing a person's data, who can read it |
//! | [`troubleshooting`] | symptoms and causes |
//!
//! They are the files of [`docs/`](https://github.com/tower-activity/tower-activity/blob/main/docs/README.md), which has more
//! pages. Their links are references, defined for readers of the files at the end of each; `links.md` comes first, and defines
//! them for this documentation.

#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/axum.md")]
pub mod axum {}
#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/mcp.md")]
pub mod mcp {}
#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/tower.md")]
pub mod tower {}
#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/testing.md")]
pub mod testing {}
#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/dashboard.md")]
pub mod dashboard {}
#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/filters.md")]
pub mod filters {}
#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/webhooks.md")]
pub mod webhooks {}
#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/deployment.md")]
pub mod deployment {}
#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/fleet.md")]
pub mod fleet {}
#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/privacy.md")]
pub mod privacy {}
#[doc = include_str!("links.md")]
#[doc = include_str!("../../docs/troubleshooting.md")]
pub mod troubleshooting {}
