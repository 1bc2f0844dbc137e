//! What the command prints: servers, and the changes of their entries. Values that may be secret are hidden.

use std::{
    io,
    path::{Path, PathBuf},
};

use anstyle::AnsiColor;
use serde::Serialize;

use super::{
    Config, McpConfig,
    clients::Location,
    document::{Launch, Server},
    edit,
    mask::Mask,
};
use crate::{
    failure::print_error,
    print::{
        self, json, safe,
        status::{BOLD, DIM, named, styled},
        table::{Align, Cell, Column, Shrink, Table},
    },
    source,
};

/// Whether the calls of a server are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Recorded,
    NotRecorded,
    Remote,
    Own,
    Unknown,
}

/// One line of `--json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    client: &'static str,
    file: &'a Path,
    server: &'a str,
    project: Option<&'a str>,
    /// Before a change that was shown, after one that was written.
    state: State,
    /// Its command and arguments without the proxy, or its address.
    command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Prints.
#[derive(Debug)]
pub(super) struct Shown {
    json: bool,
    mask: Mask,
    has_changes: bool,
}

impl State {
    pub(super) fn new(server: &Server) -> Self {
        match &server.launch {
            Launch::Command(command) if edit::proxied(command).is_some() => State::Recorded,
            Launch::Command(command) if command.is_own => State::Own,
            Launch::Command(_) => State::NotRecorded,
            Launch::Remote(_) => State::Remote,
            Launch::Unknown(_) => State::Unknown,
        }
    }

    fn shown(self) -> &'static str {
        match self {
            State::Recorded => "yes",
            State::NotRecorded => "no",
            State::Remote => "remote",
            State::Own => "itself",
            State::Unknown => "unknown",
        }
    }
}

impl Shown {
    pub(super) fn new(json: bool) -> Self {
        Shown {
            json,
            mask: Mask::new(),
            has_changes: false,
        }
    }

    /// Prints why a file was left out.
    pub(super) fn unreadable(&self, location: &Location, error: &str) {
        let path = short(&location.path);
        print_error(&format!("{path}: {error}"));
    }

    /// Lists all servers.
    pub(super) fn list(&self, configs: &[Config], file: Option<&Path>) -> io::Result<()> {
        let mut text = String::new();
        let mut counts = [0; 2];
        for config in configs {
            if self.json {
                for server in &config.servers {
                    self.line(config, server, None)?;
                }
                continue;
            }
            let heading = styled(BOLD, config.location.client);
            text.push_str(&format!("{heading}  {}\n", short(&config.location.path)));
            if config.servers.is_empty() {
                text.push_str("  no servers\n");
            }
            let mut table = Table::new(vec![
                Column::new("  SERVER", Align::Left, Shrink::Truncate(12)),
                Column::new("RECORDED", Align::Left, Shrink::Never),
                Column::new("COMMAND", Align::Left, Shrink::Truncate(20)),
            ]);
            for server in &config.servers {
                let state = State::new(server);
                counts[0] += usize::from(state == State::NotRecorded);
                counts[1] += usize::from(state == State::Remote);
                table.row(vec![
                    Cell::new(&format!("  {}", name(server))),
                    Cell::new(state.shown()),
                    Cell::new(&self.mask.launch(server).join(" ")).style(DIM),
                ]);
            }
            if !config.servers.is_empty() {
                text.push_str(&table.render(print::width()));
            }
            text.push('\n');
        }
        if self.json {
            return Ok(());
        }
        let [direct, remote] = counts;
        if direct > 0 {
            let file = file.map(|file| format!(" --file {}", safe::line(&file.to_string_lossy())));
            let file = file.unwrap_or_default();
            text.push_str(&format!(
                "Record a server: activity mcp-config SERVER --write{file}\n"
            ));
        }
        if remote > 0 {
            text.push_str("Record a remote server: activity proxy --to URL\n");
        }
        print::text(&text)
    }

    pub(super) fn unchanged(&self, config: &Config, server: &Server, why: &str) -> io::Result<()> {
        match self.json {
            true => self.line(config, server, None),
            false => print::text(&format!("{}: {why}\n", title(config, server))),
        }
    }

    pub(super) fn refused(&self, config: &Config, server: &Server, why: &str) -> io::Result<()> {
        match self.json {
            true => self.line(config, server, Some(why)),
            false => {
                print_error(&format!("{}: {why}", title(config, server)));
                Ok(())
            }
        }
    }

    /// Prints the lines of an entry that change, or have been written.
    pub(super) fn change(
        &mut self,
        config: &Config,
        (old, before): (&str, &Server),
        (new, after): (&str, &Server),
        written: Option<&Result<PathBuf, String>>,
    ) -> io::Result<()> {
        self.has_changes |= written.is_none_or(Result::is_ok);
        if self.json {
            return match written {
                Some(Ok(_)) => self.line(config, after, None),
                Some(Err(error)) => self.line(config, before, Some(error)),
                None => self.line(config, before, None),
            };
        }
        let (old, new) = (self.mask.entry(old, before), self.mask.entry(new, after));
        let heading = styled(BOLD, &title(config, before));
        print::text(&format!("{heading}\n{}", difference(&old, &new)))
    }

    pub(super) fn written(
        &self,
        config: &Config,
        backup: &Path,
        args: &McpConfig,
    ) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let path = short(&config.location.path);
        let backup = short(backup);
        print::text(&format!("{path} written; backup: {backup}\n"))?;
        if args.write && config.file.is_in_repository() {
            print::text(
                "It is in a repository, and has paths of this machine: do not commit it\n",
            )?;
        }
        print::text("\n")
    }

    /// Prints what to do next, and where calls are recorded.
    pub(super) fn end(&self, args: &McpConfig, store: Option<&Path>) -> io::Result<()> {
        if self.json || !self.has_changes {
            return Ok(());
        }
        if let Some(store) = store {
            print::text(&format!(
                "Calls are recorded in {}: activity --store {} list\n",
                safe::line(&store.display().to_string()),
                source::quoted(store)
            ))?;
        }
        print::text(match args.write || args.undo {
            true => "Restart the client for the change to take effect.\n",
            false => "Nothing was written; --write does that.\n",
        })
    }

    fn line(&self, config: &Config, server: &Server, error: Option<&str>) -> io::Result<()> {
        json::print(&Line {
            client: config.location.client,
            file: &config.location.path,
            server: &server.name,
            project: server.project.as_deref(),
            state: State::new(server),
            command: self.mask.launch(server),
            error,
        })
    }
}

/// Returns the lines of two texts: those that differ, between those that do not.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (safe::lines(old).collect(), safe::lines(new).collect());
    let same = |pairs: &mut dyn Iterator<Item = (&String, &String)>| {
        pairs.take_while(|(old, new)| old == new).count()
    };
    let head = same(&mut old.iter().zip(&new));
    let tail = same(&mut old[head..].iter().rev().zip(new[head..].iter().rev()));
    let colour = |colour: AnsiColor, line: String| styled(colour.on_default(), &line);
    let mut text = String::new();
    let mut add = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    old[..head]
        .iter()
        .for_each(|line| add(format!("    {line}")));
    for line in &old[head..old.len() - tail] {
        add(colour(AnsiColor::Red, format!("  - {line}")));
    }
    for line in &new[head..new.len() - tail] {
        add(colour(AnsiColor::Green, format!("  + {line}")));
    }
    new[new.len() - tail..]
        .iter()
        .for_each(|line| add(format!("    {line}")));
    text.push('\n');
    text
}

fn title(config: &Config, server: &Server) -> String {
    format!(
        "{} in {}",
        safe::line(&name(server)),
        short(&config.location.path)
    )
}

/// Returns the name of a server, with its project.
fn name(server: &Server) -> String {
    match &server.project {
        Some(project) => format!("{} ({project})", named(&server.name)),
        None => named(&server.name),
    }
}

/// Returns a path, with `~` for the user's home.
fn short(path: &Path) -> String {
    let home = dirs::home_dir().filter(|home| home.parent().is_some());
    let shown = match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
        Some(rest) => Path::new("~").join(rest),
        None => path.to_owned(),
    };
    safe::line(&shown.display().to_string())
}
