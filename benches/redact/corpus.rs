//! Ordinary texts: from the registry's cache and this repository, and generated ones. No foreign text is stored here.

use std::{fs, path::Path};

use serde_json::json;

use crate::files;

/// Returns texts of about this size with their names.
pub(crate) fn texts(size: usize) -> Vec<(&'static str, String)> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let from = |extension: &str| {
        let mut text = String::new();
        for folder in [&files::registry(), &repository] {
            for path in files::gather(folder, &[extension]) {
                if text.len() < size {
                    text.push_str(&fs::read_to_string(path).unwrap_or_default());
                }
            }
        }
        text
    };
    let markdown = from("md");
    let mut texts = vec![
        ("json", tool_results(&markdown)),
        ("html", from("html")),
        ("css", from("css")),
        ("markdown", markdown.clone()),
        ("rust", from("rs")),
        ("javascript", from("js")),
        ("logs", logs(size)),
        ("base64", base64(size)),
        ("lock", from("lock")),
        (
            "secret_60",
            "user ann logged in at home before noon password=hunter2 ok\n".repeat(size / 59),
        ),
        ("secret_1000", secrets(&markdown)),
    ];
    texts.retain(|(_, text)| !text.is_empty());
    for (_, text) in &mut texts {
        let times = size / text.len();
        *text = text.repeat(times.max(1));
    }
    texts
}

fn tool_results(markdown: &str) -> String {
    let mut out = String::new();
    for (id, part) in markdown.split("\n\n").enumerate() {
        let user = json!({"name": "Ann", "email": "ann@example.com"});
        let result = json!({"id": id, "type": "text", "key": "x", "text": part, "at": "2026-02-18T10:00:00Z", "user": user});
        out.push_str(&result.to_string());
        out.push('\n');
    }
    out
}

fn logs(size: usize) -> String {
    let line = |n: usize| {
        let (second, micros, peer) = (n % 60, n * 37 % 1_000_000, n % 255);
        format!(
            "2026-02-18T10:00:{second:02}.{micros:06}Z  INFO request{{method=GET path=/users/{n}/orders \
             id=01890a5d-ac96-774b-bcce-b302099a{:04x}}}: finished in {} ms status=200 peer=10.0.0.{peer}:443\n",
            n % 65_536,
            n % 97
        )
    };
    (0..size / 165).map(line).collect()
}

fn base64(size: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 88_172_645_463_325_252_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[(state % 64) as usize])
    };
    (0..size).map(|_| letter()).collect()
}

fn secrets(markdown: &str) -> String {
    let mut out = String::new();
    let mut rest = markdown;
    while rest.len() > 1_000 {
        let (part, behind) = rest.split_at(rest.floor_char_boundary(970));
        out.push_str(part);
        out.push_str("\npassword=hunter2 and so on\n");
        rest = behind;
    }
    out
}
