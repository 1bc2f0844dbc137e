//! `activity proxy`: runs an MCP server, passes on what it and its client send each other, and records the calls.

mod args;
mod brand;
mod child;
mod log;
mod status;

use tower_activity::record::Scope;

pub(crate) use self::args::Proxy;
use self::{brand::Rule, child::Running};
use crate::failure::Failure;

/// The store is the one that the user names; by default one for all proxies of the user.
pub(crate) fn run(store: Option<&str>, args: &Proxy) -> Result<(), Failure> {
    let rule = args.brand.as_deref().map(Rule::parse).transpose()?;
    // First, so that it starts while the log is opened.
    let running = Running::start(&args.command)?;
    let log = log::open(store, args)?;
    let mut tools = log
        .tools()
        .previews(args.capture.into())
        .prompts()
        .resources();
    let mut scope = Scope::new();
    if let Some(project) = &args.project {
        scope = scope.project(project.clone());
    }
    match rule {
        Some(Rule::Fixed(brand)) => scope = scope.brand(brand),
        Some(rule) => tools = tools.brand(move |tool| rule.of(tool)),
        None => {}
    }
    let mut tap = tools.tap().scope(&scope);
    if let Some(name) = &args.name {
        tap = tap.server_name(name.clone());
    }
    let ended = running.pass_on(&tap)?;
    tap.close(&ended.outcome());
    log::shutdown(log);
    ended.exit()
}
