//! `activity mcp-config`: entries as clients and people write them, with secrets.

use serde_json::Value;

use crate::mcp_config::Home;

const FILE: &str = "project/.mcp.json";

#[test]
fn secrets_without_an_option_are_never_printed_and_stay_in_the_file() {
    let args = [
        "sk-live-51HunterAbCdEf0123456789",
        "https://h.example/mcp?k=hunter2",
        "https://ann:hunter3@h.example/mcp",
        "Authorization: Bearer hunter4hunter4",
        "--header",
        "X-Mine: hunter5",
        "--header=X-Mine: hunter6",
        "FOO=hunter7",
        "-eFOO=hunter8",
        "--key",
        "hunter9",
        "8f14e45f-hunt-4er1-0a2b-c3d4e5f60718",
    ];
    let home = Home::new();
    let text = format!(
        "{{\"mcpServers\": {{\"x\": {{\"command\": \"npx\", \"args\": {}}}}}}}",
        serde_json::to_string(&args).unwrap()
    );
    home.write(FILE, &text);
    let all: [&[&str]; 8] = [
        &[],
        &["--json"],
        &["x"],
        &["x", "--json"],
        &["x", "--write"],
        &["x", "--write"],
        &[],
        &["x", "--undo"],
    ];
    for options in all {
        let shown = home.shown(options, 0);
        let secret = ["hunt", "Hunt", "8f14"]
            .into_iter()
            .find(|one| shown.contains(one));
        assert_eq!(secret, None, "{options:?}: {shown}");
        if options == ["x", "--write"] {
            let file: Value = serde_json::from_str(&home.read(FILE)).unwrap();
            let written = file["mcpServers"]["x"]["args"].as_array().unwrap();
            assert_eq!(written[3..], args);
        }
    }
    assert_eq!(home.read(FILE), text);
}
