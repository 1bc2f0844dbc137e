//! `activity proxy`: runs an MCP server, passes on what it and its client send each other, and records the calls.

mod args;
mod brand;
mod child;
mod log;
mod status;

use tower_activity::record::Scope;

pub(crate) use self::args::Proxy;
use self::{brand::Rule, child::Running};
use crate::{failure::Failure, source};

/// `explicit` is the store of `--store`, `named` that or `ACTIVITY_STORE`; by default all proxies of a user share one.
pub(crate) fn run(
    explicit: Option<&str>,
    named: Option<&str>,
    args: &Proxy,
) -> Result<(), Failure> {
    explicit.map(source::path).transpose()?;
    let rule = args.brand.as_deref().map(Rule::parse).transpose()?;
    // First, so that it starts while the log is opened.
    let running = Running::start(&args.command)?;
    let log = log::open(named, args);
    let mut tools = log
        .tools()
        .previews(args.capture.into())
        .prompts()
        .resources();
    if let Some(intent) = args.intent {
        tools = tools.intent(intent.into());
    }
    if args.missing_tool {
        tools = tools.missing_tool();
    }
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
    log::shutdown(&log);
    log::warn_of_long_messages(&tap);
    ended.exit()
}
