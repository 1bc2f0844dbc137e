//! The calls that the demo makes, and what must be on record of each.

/// A tool call.
pub(super) struct Call {
    pub(super) tool: &'static str,
    pub(super) args: &'static [(&'static str, &'static str)],
    pub(super) expected: Ends,
    /// The tools that it calls itself, in order.
    pub(super) nested: &'static [&'static str],
}

/// How a call ends.
pub(super) enum Ends {
    Well,
    /// The tool says that it failed.
    InToolError,
}

/// Called over streamable HTTP, one after the other.
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
            ("database", "tests/golden/schema-2.db"),
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

/// Called over stdio: by a second process, which writes to the same file.
pub(super) const OVER_STDIO: &[Call] = &[Call {
    tool: "read_file",
    args: &[("path", "README.md")],
    expected: Ends::Well,
    nested: &[],
}];
