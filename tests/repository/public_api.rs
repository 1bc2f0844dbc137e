//! Public signatures have no types of other crates whose next version could be breaking, unless listed here. The
//! signatures are those of docs/public-api.txt, which `cargo xtask public-api` writes.

use std::collections::BTreeSet;

/// Crates of version 1.0 or later, and Rust's own.
const STABLE: &[&str] = &[
    "alloc",
    "bytes",
    "core",
    "http",
    "http_body",
    "serde_core",
    "serde_json",
    "std",
    "tokio",
];

/// All others, each with the reason why it is public.
const LISTED: &[(&str, &str)] = &[
    ("axum", "feature `axum`, named after it"),
    (
        "axum_core",
        "feature `web`: the body that `axum` has from it, of a service that `Server::bind_service` serves",
    ),
    ("chrono", "the times of records; 0.4 since 2017"),
    (
        "pin_project_lite",
        "a hidden bound of the `Unpin` impl that it generates; it cannot be named",
    ),
    ("rmcp", "feature `rmcp`, named after it"),
    ("tower_layer", "`Layer`, which the layers implement"),
    ("tower_mcp", "feature `tower-mcp`, named after it"),
    ("tower_service", "`Service`, which the services implement"),
    (
        "tracing_core",
        "feature `subscriber`: levels and events of `tracing`; 0.1 since 2019",
    ),
    (
        "tracing_subscriber",
        "feature `subscriber`: `ActivityEvents` is one of its layers",
    ),
    (
        "utoipa",
        "feature `web`: records derive their schemas for openapi.json; these impls are not part of what is promised",
    ),
    (
        "uuid",
        "the ids of logs and batches that central stores are given; 1.0 since 2022",
    ),
];

/// Returns the crates that the paths of these signatures begin with.
fn crates(signatures: &str) -> BTreeSet<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = signatures.match_indices("::").filter_map(|(end, _)| {
        let before = &signatures[..end];
        let start = before.trim_end_matches(is_word).len();
        let name = &before[start..];
        let is_first = !before[..start].ends_with("::");
        let is_crate = name.starts_with(|c: char| c.is_ascii_lowercase());
        (is_first && is_crate).then_some(name)
    });
    // `sealed` is a module of this crate that the list shows without its path, `str` is a primitive type.
    starts
        .filter(|name| !["tower_activity", "sealed", "str"].contains(name))
        .collect()
}

#[test]
fn only_listed_crates_are_in_public_signatures() {
    let found = crates(include_str!("../../docs/public-api.txt"));
    let listed = LISTED.iter().map(|(name, _)| *name);
    let allowed: BTreeSet<_> = STABLE.iter().copied().chain(listed).collect();
    let unknown: Vec<_> = found.difference(&allowed).collect();
    assert!(
        unknown.is_empty(),
        "{unknown:?} in docs/public-api.txt: hide these types, or list them here with the reason"
    );
    let unused: Vec<_> = allowed.difference(&found).collect();
    assert!(unused.is_empty(), "{unused:?} are listed and not used");
}

#[test]
fn crates_are_parsed_from_paths() {
    let check = |signature: &str, expected: &[&str]| {
        assert_eq!(
            crates(signature),
            BTreeSet::from_iter(expected.iter().copied())
        );
    };
    check("pub fn tower_activity::Activity::id(&self) -> u8", &[]);
    check("impl<S> tower_layer::Layer<S> for X", &["tower_layer"]);
    check(
        "fn x(<S as core::a::B>::C, &'a http::Uri)",
        &["core", "http"],
    );
    check("S::Response, <F as Future>::Output", &[]);
}
