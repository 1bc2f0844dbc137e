//! Simulated tool calls of agents: some fail, some hang, most are nested.

use std::time::Duration;

use tokio::time;
use tower_activity::{ActivityLog, Describe, Kind, Outcome, record::Capture};

/// The calls: project, agent, brand, tool, milliseconds, percentage of failures.
pub(crate) const TOOLS: [(&str, &str, &str, &str, u64, u8); 9] = [
    ("acme-shop", "claude", "amazon", "amazon_search", 820, 3),
    ("acme-shop", "claude", "amazon", "amazon_order", 2_400, 9),
    ("acme-shop", "gemini", "etsy", "etsy_search", 610, 2),
    ("acme-shop", "gemini", "etsy", "etsy_listing", 340, 1),
    (
        "orchard",
        "codex",
        "github",
        "github_open_pull_request",
        1_150,
        4,
    ),
    ("orchard", "codex", "github", "github_read_file", 95, 0),
    (
        "orchard",
        "claude",
        "stripe",
        "stripe_create_invoice",
        730,
        6,
    ),
    ("lighthouse", "scout", "notion", "notion_query", 260, 2),
    ("lighthouse", "scout", "slack", "slack_post", 180, 12),
];

/// The failures: error type and message.
pub(crate) const FAILURES: [(&str, &str); 4] = [
    ("timeout", "no answer from the site within 30 s"),
    ("denied", "the login was refused: wrong one-time code"),
    ("tool_error", "the page has no element `#checkout`"),
    ("rate_limited", "429: too many requests, try again in 12 s"),
];

/// The events of a project: type, summary, count.
pub(crate) const EVENTS: [(&str, &str, u64); 6] = [
    ("deployment", "v3.2 is live", 1),
    ("endpoint_added", "POST /orders, GET /orders/{id}", 2),
    (
        "endpoint_added",
        "GET /customers, POST /customers, DELETE /customers/{id}",
        3,
    ),
    ("memory_written", "prefers invoices by e-mail", 1),
    ("migration", "adds the column `orders.currency`", 1),
    ("scan_finished", "no vulnerable dependency", 1),
];

/// Describes a turn of an agent.
pub(crate) fn turn(project: &'static str, agent: &'static str, n: u64) -> Describe {
    let actor = ["ann@acme.example", "bo@acme.example", "chi@orchard.example"][n as usize % 3];
    Describe::turn("answer")
        .project(project)
        .agent(agent)
        .actor(actor)
        .session(format!("session-{}", n / 8))
}

/// Reasons for calls, as models give them.
const REASONS: [&str; 4] = [
    "the user asked for the cheapest oak table that ships this week",
    "compare the price with the last order before paying",
    "find out whether the invoice was already sent",
    "read the failing test before changing the code",
];
/// What models report that no tool does.
pub(crate) const MISSING: [&str; 3] = [
    "cancel an order that was already paid",
    "send an e-mail with an attachment",
    "list all sessions of a customer",
];

/// Describes a tool call as an MCP server records it: the tools of a brand are those of one server.
pub(crate) fn mcp_call(tool: &'static str, server: &'static str, n: u64) -> Describe {
    let (client, version) = [
        ("claude-code", "2.1.14"),
        ("claude-code", "2.1.9"),
        ("cursor", "1.7.0"),
        ("codex", "0.46.0"),
    ][(n / 8) as usize % 4];
    let call = Describe::tool(tool)
        .brand(server)
        .attribute("mcp.method.name", "tools/call")
        .attribute("mcp.server.name", server)
        .attribute("mcp.client.name", client)
        .attribute("mcp.client.version", version);
    match n % 6 {
        0 => call.attribute("mcp.intent", REASONS[n as usize % REASONS.len()]),
        _ => call,
    }
}

/// Makes calls until it is dropped.
pub(crate) async fn run_forever(log: ActivityLog) {
    let mut random = fastrand::Rng::with_seed(11);
    for n in 0_u64.. {
        let (project, agent, brand, tool, ms, failures) = TOOLS[random.usize(..TOOLS.len())];
        let fails = random.u8(..100) < failures * 2;
        let took = Duration::from_millis(ms / 2 + random.u64(..ms));
        let (error, message) = FAILURES[random.usize(..FAILURES.len())];
        let calls = log.clone();
        tokio::spawn(async move {
            let log = calls;
            let turn_now = log.start(turn(project, agent, n));
            let call = log.start(mcp_call(tool, brand, n).parent(&turn_now));
            let input = serde_json::json!({"query": "oak table", "page": n % 7, "headers": {"accept": "text/html"}});
            call.set_input(&input, Capture::Preview);
            let request = log.start(
                Describe::new(Kind::Http, format!("GET https://{brand}.example/")).parent(&call),
            );
            time::sleep(took / 2).await;
            request.set("status", 200);
            request.end(Outcome::success());
            time::sleep(took / 2).await;
            call.set_output(&serde_json::json!({"results": [{"title": "Oak table", "price": 249.5}], "total": n}), Capture::Preview);
            call.end(match fails {
                true => Outcome::failed(error).with_message(message),
                false => Outcome::success(),
            });
            turn_now.end(Outcome::success());
        });
        if n % 9 == 4 {
            let (event, summary, count) = EVENTS[random.usize(..EVENTS.len())];
            let event = log.event(event).summary(summary).count(count);
            event.project(project).agent(agent).record();
        }
        time::sleep(Duration::from_millis(300 + random.u64(..1_200))).await;
    }
}
