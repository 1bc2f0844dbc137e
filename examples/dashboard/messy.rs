//! Records as real programs leave them: long, blank and right-to-left names, a deep tree, many equal steps, large payloads.

use serde_json::{Value, json};
use tower_activity::{ActivityLog, Describe, Kind, Outcome, record::Capture};

/// The depth of the deep tree.
const DEPTH: usize = 60;
/// The number of projects, of equal steps, and of MCP tools.
const PROJECTS: usize = 300;
const STEPS: usize = 400;
const TOOLS: usize = 400;

pub(crate) async fn write(log: &ActivityLog) {
    for n in 0..PROJECTS {
        let project = match n {
            0 => "p".repeat(120),
            1 => "\u{645}\u{634}\u{631}\u{648}\u{639}".to_owned(),
            _ => format!("project-{n:03}"),
        };
        let name = match n % 6 {
            0 => "x".repeat(300),
            1 => " ".to_owned(),
            2 => "\u{202e}reversed\u{202c} override".to_owned(),
            3 => "name\nwith\tcontrols".to_owned(),
            4 => "\u{628}\u{62d}\u{62b} \u{639}\u{646}".to_owned(),
            _ => "an ordinary name".to_owned(),
        };
        let call = log.start(Describe::tool(name).project(project));
        let message = format!("message {n}: {}", "no such host ".repeat(20));
        call.end(match n % 3 {
            0 => Outcome::failed("timeout").with_message(message),
            _ => Outcome::success(),
        });
    }
    // A store that cannot be written is shown by the pages, too.
    let _ = log.flush().await;
    deep(log);
    steps(log);
    payloads(log);
    mcp(log);
    let _ = log.flush().await;
}

fn deep(log: &ActivityLog) {
    let mut open = vec![log.start(Describe::job("level 0"))];
    for n in 1..DEPTH {
        let parent = &open[n - 1];
        open.push(log.start(Describe::job(format!("level {n}")).parent(parent)));
    }
    for call in open.into_iter().rev() {
        call.end(Outcome::success());
    }
}

fn steps(log: &ActivityLog) {
    let job = log.start(Describe::job("equal steps"));
    for n in 0..STEPS {
        let step = log.start(Describe::tool("upsert").parent(&job));
        step.end(match n {
            77 | 333 => Outcome::failed("tool_error").with_message("the price is not a number"),
            _ => Outcome::success(),
        });
    }
    job.end(Outcome::success());
}

fn payloads(log: &ActivityLog) {
    let call = Describe::tool("payloads")
        .attribute("http.response.status_code", 402)
        .attribute("Odd key: \"quoted\"", "a value")
        .attribute("mcp.client.name", "claude-ai");
    let call = log.start(call);
    let rows: Vec<Value> = (0..2_000)
        .map(|n| json!({"row": n, "nested": {"price": 249.50, "big": 9_007_199_254_740_993_u64}}))
        .collect();
    call.set_input(&json!({"2": "b", "1": "a", "rows": rows}), Capture::Full);
    call.set_output(&"a line of output\n".repeat(5_000), Capture::Full);
    call.end(Outcome::success());
}

/// Calls of many tools, of servers and clients that say little of themselves, or too much.
fn mcp(log: &ActivityLog) {
    for n in 0..TOOLS {
        let server: Option<Value> = match n % 8 {
            0 => Some("s".repeat(3_000).into()),
            1 => Some("\u{202e}reversed\u{202c} server".into()),
            2 => Some("".into()),
            3 => Some("\"quoted\", with: all\\ of it".into()),
            4 => Some(17.into()),
            5 => None,
            _ => Some("files".into()),
        };
        let name = match n % 5 {
            0 => format!("{n}{}", "tool".repeat(100)),
            1 => format!(" \n{n}\u{202e}"),
            _ => format!("tool_{n:03}"),
        };
        let method = ["tools/call", "prompts/get", "resources/read"]
            [usize::from(n % 9 == 4) + usize::from(n % 27 == 4)];
        let mut call = Describe::tool(name)
            .attribute("mcp.method.name", method)
            .attribute(
                "mcp.client.version",
                format!("0.{n}{}", ".0".repeat(n % 60)),
            );
        if n % 4 > 0 {
            call = call.attribute(
                "mcp.client.name",
                ["claude-ai", "<script>alert(1)</script>", ""][n % 3],
            );
        }
        if let Some(server) = server {
            call = call.attribute("mcp.server.name", server);
        }
        if n % 3 == 0 {
            call = call.attribute(
                "mcp.intent",
                format!(
                    "{n}: because {}",
                    "\u{645}\u{634}\u{631} of the user ".repeat(n % 120)
                ),
            );
        }
        if n % 3 == 1 {
            call = call.attribute(
                "mcp.missing_tool",
                format!(
                    "a tool that does {n}\n{}",
                    "wordwithoutspaces".repeat(n % 90)
                ),
            );
        }
        let call = log.start(call);
        if n % 10 == 0 {
            // A request to the client, which is no call.
            let sampling = Describe::new(Kind::Custom, "sampling/createMessage")
                .attribute("mcp.method.name", "sampling/createMessage")
                .attribute("mcp.client.version", "0.0");
            log.start(sampling.parent(&call)).end(Outcome::success());
        }
        call.end(match n % 4 {
            0 => Outcome::failed(format!("error_{}_{}", n % 40, "e".repeat(n % 200))),
            _ => Outcome::success(),
        });
    }
}
