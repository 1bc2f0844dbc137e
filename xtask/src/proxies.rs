//! What the tests of the guides start: reverse proxies, and a client of the API.

use crate::debian::Requirement;

pub(crate) const PROXIES: Requirement = Requirement {
    programs: &["caddy", "curl", "nginx"],
    packages: &["caddy", "curl", "nginx-light"],
    why: "tests of the guides put reverse proxies in front of the dashboard, and request the API with curl",
};
