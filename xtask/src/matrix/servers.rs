//! The servers that a log wraps, with the oldest and newest version of each.

use super::cases::{CASE, Case, Fits};

const RMCP: Case = Case {
    program: "rmcp",
    ours: "features = [\"rmcp\"]",
    ..CASE
};

/// Versions that are too old to be wrapped.
const TAPPED: Case = Case {
    program: "rmcp_tapped",
    shown: Some(("rmcp", "rmcp, under `http_tap`:")),
    ours: "features = [\"mcp\"]",
    ..CASE
};

const TOWER_MCP: Case = Case {
    program: "tower_mcp",
    shown: Some(("tower-mcp", "tower-mcp")),
    ours: "features = [\"tower-mcp\"]",
    ..CASE
};

/// With the API, without the feature `recording`, which it does not need.
const AXUM: Case = Case {
    program: "axum",
    shown: Some(("axum", "axum")),
    ours: "features = [\"axum\", \"web\"]",
    ..CASE
};

const TONIC: Case = Case {
    program: "tonic",
    shown: Some(("tonic", "tonic")),
    ours: "features = [\"http\"]",
    ..CASE
};

const TOWER: Case = Case {
    program: "tower",
    shown: Some(("tower", "tower")),
    ..CASE
};

pub(super) const SERVERS: &[Case] = &[
    Case {
        name: "rmcp-oldest",
        shown: Some(("rmcp", "rmcp, the oldest:")),
        theirs: "rmcp = { version = \"=3.9.0\", features = [\"client\", \"server\", \"transport-streamable-http-server\"] }",
        ..RMCP
    },
    Case {
        name: "rmcp-newest",
        shown: Some(("rmcp", "rmcp, the newest:")),
        theirs: "rmcp = { version = \"3\", features = [\"client\", \"server\", \"transport-streamable-http-server\"] }",
        ..RMCP
    },
    Case {
        name: "rmcp-too-old",
        program: "rmcp_too_old",
        theirs: "rmcp = { version = \"2\", features = [\"server\"] }",
        fits: Fits::NotBuilt(
            "`Shop` is not a server of an rmcp that tower-activity supports: 3.9 to 3.11",
        ),
        shown: Some(("rmcp", "rmcp")),
        ..RMCP
    },
    Case {
        name: "rmcp-tapped-oldest",
        theirs: "rmcp = { version = \"=1.0.0\", features = [\"server\", \"transport-streamable-http-server\"] }\n\
                 bytes = \"1\"\nhttp = \"1\"\nhttp-body-util = \"0.1\"\n\
                 tower = { version = \"0.5\", features = [\"util\"] }",
        ..TAPPED
    },
    Case {
        name: "rmcp-tapped-newest",
        theirs: "rmcp = { version = \"2\", features = [\"server\", \"transport-streamable-http-server\"] }\n\
                 bytes = \"1\"\nhttp = \"1\"\nhttp-body-util = \"0.1\"\n\
                 tower = { version = \"0.5\", features = [\"util\"] }",
        ..TAPPED
    },
    Case {
        name: "tower-mcp-oldest",
        precise: Some(("tower-mcp@0.25", "0.24.0")),
        theirs: "tower-mcp = { version = \"=0.24.0\", default-features = false }",
        ..TOWER_MCP
    },
    Case {
        name: "tower-mcp-newest",
        theirs: "tower-mcp = { version = \"0.25\", default-features = false }",
        ..TOWER_MCP
    },
    Case {
        name: "axum-oldest",
        theirs: "axum = \"=0.8.0\"\ntower = { version = \"0.5\", features = [\"util\"] }",
        ..AXUM
    },
    Case {
        name: "axum-newest",
        theirs: "axum = \"0.8\"\ntower = { version = \"0.5\", features = [\"util\"] }",
        ..AXUM
    },
    Case {
        name: "tonic-oldest",
        theirs: "tonic = \"=0.12.0\"\ntonic-health = \"=0.12.0\"\ntokio-stream = { version = \"0.1\", features = [\"net\"] }",
        ..TONIC
    },
    Case {
        name: "tonic-newest",
        theirs: "tonic = \"0.14\"\ntonic-health = \"0.14\"\ntokio-stream = { version = \"0.1\", features = [\"net\"] }",
        ..TONIC
    },
    Case {
        name: "tower-oldest",
        theirs: "tower = { version = \"=0.4.13\", features = [\"util\"] }",
        ..TOWER
    },
    Case {
        name: "tower-newest",
        theirs: "tower = { version = \"0.5\", features = [\"util\"] }",
        ..TOWER
    },
];
