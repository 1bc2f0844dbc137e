//! `activity proxy`: passes on what an MCP server and its client send each other, and records the calls. It runs the server, or
//! connects to it over HTTP.

mod args;
mod bound;
mod brand;
mod child;
mod http;
mod log;
mod signals;
mod status;
mod stream;

use tower_activity::{ActivityLog, forward::ForwardTarget, mcp::ToolOptions, record::Scope};

pub(crate) use self::args::Proxy;
use self::{brand::Rule, child::Running, http::Target, status::SHUTDOWN};
use crate::{failure::Failure, secrets::Token, source};

/// Becomes the server of a proxy, if the arguments say so. Returns an error if that fails, and otherwise only if they do not.
pub(crate) fn become_server(args: &Proxy) -> Result<(), Failure> {
    #[cfg(target_os = "linux")]
    if let Some(proxy) = args.die_with {
        return Err(bound::exec(proxy, &args.command));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = args;
    Ok(())
}

/// `explicit` is the store of `--store`, `named` that or `ACTIVITY_STORE`; by default all proxies of a user share one.
pub(crate) fn run(
    explicit: Option<&str>,
    named: Option<&str>,
    args: &Proxy,
) -> Result<(), Failure> {
    explicit.map(source::path).transpose()?;
    let rule = args.brand.as_deref().map(Rule::parse).transpose()?;
    // A mistyped address is an error now; without a log the calls would not be recorded.
    let forward_to = args.forward_to.as_deref();
    if let Some(address) = forward_to {
        source::warn_of_password(address);
    }
    let target = forward_to.map(ForwardTarget::into_store).transpose()?;
    if let Some(to) = &args.to {
        let server = Target::parse(to)?;
        let token = Token::of_args(args.token.as_deref(), args.token_file.as_deref())?;
        let log = log::open(named, target);
        let (tools, scope) = settings(&log, args, rule);
        let mut tap = tools.http_tap().scope(&scope);
        if let Some(name) = &args.name {
            tap = tap.server_name(name.clone());
        }
        let ended = http::serve(&server, token.as_ref(), &tap, args);
        log::shutdown(&log, SHUTDOWN);
        log::warn_of_unchanged(&tap.counts());
        return ended;
    }
    // First, so that it starts while the log is opened.
    let running = Running::start(&args.command)?;
    let log = log::open(named, target);
    let (tools, scope) = settings(&log, args, rule);
    let mut tap = tools.tap().scope(&scope);
    if let Some(name) = &args.name {
        tap = tap.server_name(name.clone());
    }
    let ended = running.pass_on(&tap)?;
    tap.close(&ended.outcome());
    log::shutdown(&log, ended.shutdown_timeout());
    log::warn_of_unchanged(&tap.counts());
    ended.exit()
}

/// Returns how calls are recorded, and what they belong to.
fn settings(log: &ActivityLog, args: &Proxy, rule: Option<Rule>) -> (ToolOptions, Scope) {
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
    for name in &args.session_argument {
        tools = tools.session_argument(name.clone());
    }
    let mut scope = Scope::new();
    if let Some(project) = &args.project {
        scope = scope.project(project.clone());
    }
    match rule {
        Some(Rule::Fixed(brand)) => (tools, scope.brand(brand)),
        Some(rule) => (tools.brand(move |tool| rule.of(tool)), scope),
        None => (tools, scope),
    }
}
