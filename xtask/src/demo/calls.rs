//! The calls of the demo, and the expected record of each.

/// A tool call.
pub(super) struct Call {
    pub(super) tool: &'static str,
    pub(super) args: &'static [(&'static str, &'static str)],
    pub(super) expected: Ends,
    /// The tools that it calls itself, in order.
    pub(super) nested: &'static [&'static str],
}

/// The end of a call.
pub(super) enum Ends {
    Well,
    /// The tool returns an error.
    InToolError,
}

/// Calls over streamable HTTP, in sequence.
pub(super) const OVER_HTTP: &[Call] = &[
    Call {
        tool: "search_source",
        args: &[("text", "unsafe_code")],
        expected: Ends::Well,
        nested: &[],
    },
    Call {
        tool: "read_file",
        args: &[("path", "Cargo.toml")],
        expected: Ends::Well,
        nested: &[],
    },
    Call {
        tool: "query_sqlite",
        args: &[
            ("database", "tests/golden/schema-3.db"),
            ("sql", "PRAGMA user_version"),
        ],
        expected: Ends::Well,
        nested: &[],
    },
    Call {
        tool: "slow_count",
        args: &[("pause_ms", "1")],
        expected: Ends::Well,
        nested: &[],
    },
    Call {
        tool: "fetch_invoice",
        args: &[("number", "117")],
        expected: Ends::InToolError,
        nested: &[],
    },
    Call {
        tool: "find_and_read",
        args: &[("text", "ActivityLayer")],
        expected: Ends::Well,
        nested: &["search_source", "read_file"],
    },
];

/// Calls over stdio, to a second process that writes to the same file.
pub(super) const OVER_STDIO: &[Call] = &[Call {
    tool: "read_file",
    args: &[("path", "README.md")],
    expected: Ends::Well,
    nested: &[],
}];
