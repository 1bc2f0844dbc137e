//! Where known clients keep their servers.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Where a client may have a configuration file.
#[derive(Debug)]
pub(super) struct Location {
    pub(super) client: &'static str,
    pub(super) path: PathBuf,
}

/// The directories that the files are in.
#[derive(Debug)]
pub(super) struct Directories {
    pub(super) home: PathBuf,
    /// `~/Library/Application Support`, `%APPDATA%`, or `~/.config`.
    pub(super) config: PathBuf,
    /// Of Claude Code, if the user has set another.
    pub(super) claude: Option<PathBuf>,
    pub(super) project: PathBuf,
}

impl Directories {
    /// Returns those of the user and of the current directory; `None` for a user without a home.
    pub(super) fn of_user() -> Option<Self> {
        Some(Directories {
            home: dirs::home_dir()?,
            config: dirs::config_dir()?,
            claude: env::var_os("CLAUDE_CONFIG_DIR")
                .filter(|directory| !directory.is_empty())
                .map(PathBuf::from),
            project: env::current_dir().unwrap_or_default(),
        })
    }

    /// Returns all locations, whether there is a file or not.
    ///
    /// Claude Desktop: modelcontextprotocol.io/docs/develop/connect-local-servers. On Windows, an app of the store has its own
    /// `%APPDATA%`. Claude Code: code.claude.com/docs/en/mcp. Cursor: cursor.com/docs/mcp. VS Code:
    /// code.visualstudio.com/docs/agents/reference/mcp-configuration. Windsurf: docs.windsurf.com/windsurf/cascade/mcp.
    pub(super) fn locations(&self) -> Vec<Location> {
        let Directories {
            home,
            config,
            project,
            ..
        } = self;
        let claude = self.claude.as_ref().unwrap_or(home);
        let mut locations = Vec::new();
        let mut add = |client, directory: &Path, file: &str| {
            let path = directory.join(file);
            locations.push(Location { client, path });
        };
        let desktop = "Claude/claude_desktop_config.json";
        add("Claude Desktop", config, desktop);
        if cfg!(windows) {
            let of_store = "AppData/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming";
            add("Claude Desktop", &home.join(of_store), desktop);
        }
        add("Claude Code", claude, ".claude.json");
        add("Claude Code", project, ".mcp.json");
        add("Cursor", home, ".cursor/mcp.json");
        add("Cursor", project, ".cursor/mcp.json");
        add("VS Code", config, "Code/User/mcp.json");
        add("VS Code Insiders", config, "Code - Insiders/User/mcp.json");
        add("VS Code", project, ".vscode/mcp.json");
        add("Windsurf", home, ".codeium/windsurf/mcp_config.json");
        let mut seen = Vec::new();
        locations.retain(|location| {
            let is_new = !seen.contains(&location.path);
            seen.push(location.path.clone());
            is_new
        });
        locations
    }
}
