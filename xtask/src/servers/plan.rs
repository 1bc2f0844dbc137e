//! The plan: which servers, and which calls of each.

use std::{env, fs, path::Path};

use serde_json::{Value, json};

use super::{Installed, folder, text};
use crate::{
    inspector::{Inspector, Transport},
    run::{Result, root},
};

/// A server, and the calls that a client makes.
pub(super) struct Plan {
    pub(super) name: String,
    /// The command of the server.
    pub(super) command: Vec<String>,
    /// The call of the inspector: the tool, and its arguments as `key=value`.
    inspector: Vec<String>,
    steps: Value,
}

impl Plan {
    /// Reads `xtask/servers/plan.json`.
    pub(super) fn read(installed: &Installed) -> Result<Vec<Self>> {
        let plans = fs::read_to_string(root().join("xtask/servers/plan.json"))?
            .replace("{packages}", &text(&installed.packages))
            .replace("{python-1}", &text(&installed.python1))
            .replace("{python-2}", &text(&installed.python2))
            .replace("{work}", &text(&folder().join("work")))
            .replace("{site}", installed.site.url());
        let plans: Vec<Value> = serde_json::from_str(&plans)?;
        let texts = |value: &Value| -> Vec<String> {
            let values = value.as_array().into_iter().flatten();
            values
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let plans = plans.iter().map(|plan| {
            let name = plan["name"].as_str().ok_or("a plan has no name")?;
            let command = plan["command"].as_str().ok_or("a plan has no command")?;
            Ok(Plan {
                name: name.to_owned(),
                command: [vec![command.to_owned()], texts(&plan["args"])].concat(),
                inspector: texts(&plan["inspector"]),
                steps: plan["steps"].clone(),
            })
        });
        plans.collect()
    }

    /// Returns the plan as drivers read it, with another command.
    pub(super) fn with_command(&self, command: &[String]) -> Value {
        let env = environment();
        let env: serde_json::Map<_, _> = env
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        json!({
            "command": command[0],
            "args": command[1..],
            "cwd": folder().join("work"),
            "env": env,
            "steps": self.steps,
        })
    }

    /// Makes the call of the inspector. Returns lines like those of a driver.
    pub(super) fn inspect(&self, inspector: &Inspector, command: &[String]) -> Result<Vec<Value>> {
        let env = environment();
        let env: Vec<_> = env
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        // It would read the options of a command as its own.
        let script = folder().join("command.sh");
        let quoted = command.iter().map(|word| format!("'{word}'"));
        fs::write(
            &script,
            format!("exec {}\n", quoted.collect::<Vec<_>>().join(" ")),
        )?;
        let transport = Transport::Stdio {
            program: Path::new("sh"),
            args: &[&text(&script)],
            env: &env,
        };
        let (tool, args) = self
            .inspector
            .split_first()
            .ok_or("no call of the inspector")?;
        let args: Vec<_> = args.iter().filter_map(|arg| arg.split_once('=')).collect();
        let result = inspector.call(&transport, tool, &args)?;
        Ok(vec![
            json!({"client": "inspector-cli"}),
            json!({"step": {"tool": tool, "varies": true}, "result": result}),
        ])
    }
}

/// The environment of a server.
fn environment() -> Vec<(&'static str, String)> {
    vec![
        ("PATH", env::var("PATH").unwrap_or_default()),
        ("MEMORY_FILE_PATH", text(&folder().join("work/memory.json"))),
    ]
}
