//! The activities that are written: 200 projects, 2,000 agents, 50 tools, one in fifty fails.

/// The bytes of JSON that every activity has as attributes: `{"rows":421}`.
pub(crate) const ATTRIBUTE_BYTES: usize = 12;

/// One activity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) tool: usize,
    pub(crate) project: usize,
    pub(crate) agent: usize,
    pub(crate) actor: usize,
    pub(crate) rows: i64,
    pub(crate) fails: bool,
}

/// The number of each.
pub(crate) const TOOLS: usize = 50;
pub(crate) const PROJECTS: usize = 200;
pub(crate) const AGENTS: usize = 2000;
pub(crate) const ACTORS: usize = 500;

impl Sample {
    /// Returns an activity by its number; the same on every side.
    pub(crate) fn new(number: usize) -> Self {
        // A multiplicative hash scatters the values as real traffic would.
        let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        Sample {
            tool: scattered % TOOLS,
            project: (scattered >> 6) % PROJECTS,
            agent: (scattered >> 14) % AGENTS,
            actor: (scattered >> 25) % ACTORS,
            rows: 100 + (scattered % 900) as i64,
            fails: scattered % 50 == 7,
        }
    }
}
