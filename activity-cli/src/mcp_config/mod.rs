//! `activity mcp-config`: starts the servers of known clients through the proxy, in their configuration files.

mod args;
mod clients;
mod document;
mod edit;
mod file;
mod mask;
mod show;

use std::{
    env, fs,
    path::{self, PathBuf},
};

use chrono::Utc;
use clap::Parser;
use tower_activity::{Error, ErrorKind};

pub(crate) use self::args::McpConfig;
use self::{
    clients::{Directories, Location},
    document::{Command, Launch, Server, Text},
    edit::{Edit, Wrapper},
    file::ConfigFile,
    show::{Shown, State},
};
use crate::{
    failure::Failure,
    print::{self, safe},
    proxy::Proxy,
    source,
};

/// A configuration file with its servers.
#[derive(Debug)]
struct Config {
    location: Location,
    file: ConfigFile,
    servers: Vec<Server>,
}

/// What a server's entry becomes.
enum Change {
    Edits(Vec<Edit>),
    /// It is as it was asked for.
    Done(&'static str),
    /// It cannot be changed.
    Refused(String),
}

/// Options that are checked as those of `activity proxy`.
#[derive(Debug, Parser)]
#[command(name = "activity proxy", no_binary_name = true)]
struct Options {
    #[command(flatten)]
    _proxy: Proxy,
}

/// `explicit` is the store of `--store`, `named` that or `ACTIVITY_STORE`.
pub(crate) fn run(
    explicit: Option<&str>,
    named: Option<&str>,
    args: &McpConfig,
) -> Result<(), Failure> {
    let is_list = args.servers.is_empty() && !args.all;
    if is_list && (args.write || args.undo || !args.options.is_empty()) {
        return Err(Failure::Usage(String::from(
            "--write, --undo and options of the proxy change entries: name the servers to change, or use --all",
        )));
    }
    if explicit.is_some() && (is_list || args.undo) {
        return Err(Failure::Usage(String::from(
            "--store has no effect here: it is part of entries that are changed, so name their servers, without --undo",
        )));
    }
    explicit.map(source::path).transpose()?;
    let mut shown = Shown::new(args.json);
    let mut has_failed = false;
    let mut configs = Vec::new();
    let own = own_path()?;
    let own_name = own.to_string_lossy();
    for location in locations(args)? {
        match read(location, &own_name) {
            Ok(config) => configs.extend(config),
            Err((location, error)) => {
                // The servers that were asked for may be in others.
                has_failed |= args.servers.is_empty() || args.file.is_some();
                shown.unreadable(&location, &error);
            }
        }
    }
    if is_list {
        let is_empty = configs.is_empty() && args.file.is_none();
        shown.list(&configs, args.file.as_deref())?;
        if is_empty && !has_failed && !args.json {
            print::text("no configuration of a known client was found; name one with --file\n")?;
        }
    } else {
        let store = match args.undo {
            true => None,
            // The client starts the proxy in another directory, without the variables of this shell.
            false => source::file_of_proxy(named)
                .map(path::absolute)
                .transpose()?,
        };
        let is_default = store == source::of_proxies();
        let wrapper = wrapper(own, store.clone().filter(|_| !is_default), &args.options)?;
        has_failed |= !change(args, &wrapper, &configs, &mut shown)?;
        shown.end(args, store.as_deref())?;
    }
    match has_failed {
        true => Err(Failure::Reported),
        false => Ok(()),
    }
}

fn locations(args: &McpConfig) -> Result<Vec<Location>, Failure> {
    if let Some(path) = &args.file {
        // A directory or a pipe is reported as what it is.
        if fs::symlink_metadata(path).is_err() {
            let path = path.display();
            return Err(Failure::Usage(format!("--file: there is no file {path}")));
        }
        return Ok(vec![Location {
            client: "File",
            path: path.clone(),
        }]);
    }
    let directories = Directories::of_user().ok_or_else(|| {
        Failure::Usage(String::from(
            "the user has no home directory: name a configuration with --file FILE",
        ))
    })?;
    Ok(directories.locations())
}

fn read(location: Location, own: &str) -> Result<Option<Config>, (Location, String)> {
    let file = match ConfigFile::read(&location.path) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        Err(error) => return Err((location, error)),
    };
    match document::servers(file.text(), own) {
        Ok(servers) => Ok(Some(Config {
            location,
            file,
            servers,
        })),
        Err(error) => Err((location, error)),
    }
}

/// Shows or writes the changes of the servers that were asked for. Returns false if one failed.
fn change(
    args: &McpConfig,
    wrapper: &Wrapper,
    configs: &[Config],
    shown: &mut Shown,
) -> Result<bool, Failure> {
    let is_asked = |server: &Server| args.all || args.servers.contains(&server.name);
    let all = || configs.iter().flat_map(|config| &config.servers);
    for name in &args.servers {
        if !all().any(|server| server.name == *name) {
            let known: Vec<&str> = all().map(|server| server.name.as_str()).collect();
            let known = match known.is_empty() {
                true => String::from("no configuration names any"),
                false => format!("there are {}", known.join(", ")),
            };
            return Err(Failure::Usage(format!("no server {name:?}: {known}")));
        }
    }
    let mut is_complete = true;
    for config in configs {
        let text = config.file.text();
        let mut edits = Vec::new();
        let mut changed = Vec::new();
        for (number, server) in config.servers.iter().enumerate() {
            if !is_asked(server) {
                continue;
            }
            match change_of(args, wrapper, text, server) {
                Change::Edits(more) => {
                    edits.extend(more);
                    changed.push(number);
                }
                Change::Done(_) if args.all => {}
                // Of all servers those that can be changed are.
                Change::Refused(why) if args.all => shown.unchanged(config, server, &why)?,
                Change::Done(why) => shown.unchanged(config, server, why)?,
                Change::Refused(why) => {
                    is_complete = false;
                    shown.refused(config, server, &why)?;
                }
            }
        }
        if changed.is_empty() {
            continue;
        }
        let new = edit::apply(text, edits);
        let servers = match verified(config, wrapper, &new, &changed, args.undo) {
            Ok(servers) => servers,
            Err(error) => {
                is_complete = false;
                shown.unreadable(&config.location, &error);
                continue;
            }
        };
        let written = (args.write || args.undo).then(|| config.file.replace(&new, Utc::now()));
        for number in &changed {
            let (before, after) = (&config.servers[*number], &servers[*number]);
            shown.change(config, (text, before), (&new, after), written.as_ref())?;
        }
        match written {
            Some(Ok(backup)) => shown.written(config, &backup, args)?,
            Some(Err(error)) => {
                is_complete = false;
                shown.unreadable(&config.location, &error);
            }
            None => {}
        }
    }
    Ok(is_complete)
}

fn change_of(args: &McpConfig, wrapper: &Wrapper, text: &str, server: &Server) -> Change {
    let command = match &server.launch {
        Launch::Command(command) => command,
        Launch::Remote(_) if args.undo => return Change::Done("it is not started by a command"),
        Launch::Remote(_) => {
            return Change::Refused(String::from(
                "it is at an address: run `activity proxy --to URL`, and enter the address of the proxy",
            ));
        }
        Launch::Unknown(why) => return Change::Refused((*why).to_owned()),
    };
    match (args.undo, State::new(server)) {
        (true, _) => match edit::unwrap(text, command) {
            Some(edits) => Change::Edits(edits),
            None => Change::Done("it does not go through the proxy"),
        },
        (false, State::Recorded) => {
            let is_default = wrapper.arguments.len() == 1;
            match is_default || edit::has_options(command, wrapper) {
                true => Change::Done("it goes through the proxy already"),
                false => Change::Refused(String::from(
                    "it goes through the proxy already, with other options: take that back with --undo, and write it again",
                )),
            }
        }
        (false, State::Own) => Change::Done("it is this program"),
        (false, _) => Change::Edits(edit::wrap(text, command, wrapper)),
    }
}

/// Parses a changed text, and compares it with what it should be: the same servers and commands, with and without the proxy.
///
/// # Errors
///
/// If it differs: in which entry, and how.
fn verified(
    config: &Config,
    wrapper: &Wrapper,
    new: &str,
    changed: &[usize],
    undo: bool,
) -> Result<Vec<Server>, String> {
    let refused = |what: String| format!("it is left as it is, because {what}: change it manually");
    let servers = document::servers(new, &wrapper.program)
        .map_err(|error| refused(format!("after the change {error}")))?;
    if servers.len() != config.servers.len() {
        return Err(refused(String::from("changed it would have other servers")));
    }
    for (number, (before, after)) in config.servers.iter().zip(&servers).enumerate() {
        let name = &before.name;
        if (name, &before.project) != (&after.name, &after.project) {
            let after = &after.name;
            return Err(refused(format!(
                "the server {name:?} would become {after:?}"
            )));
        }
        let same = match (changed.contains(&number), undo) {
            (false, _) => commands(before, edit::words) == commands(after, edit::words),
            (true, true) => commands(before, edit::command_line) == commands(after, edit::words),
            (true, false) => {
                let is_recorded = State::new(after) == State::Recorded;
                is_recorded && commands(before, edit::words) == commands(after, edit::command_line)
            }
        };
        if !same {
            return Err(refused(format!(
                "the entry of {name:?} would start another command"
            )));
        }
    }
    Ok(servers)
}

/// Returns the words of a server's command.
fn commands(server: &Server, words: fn(&Command) -> Vec<&Text>) -> Option<Vec<&str>> {
    match &server.launch {
        Launch::Command(command) => {
            let words = words(command).into_iter();
            Some(words.map(|word| word.value.as_str()).collect())
        }
        _ => None,
    }
}

/// Returns what is put before the command of a server.
fn wrapper(own: PathBuf, store: Option<PathBuf>, options: &[String]) -> Result<Wrapper, Failure> {
    let mut arguments = Vec::new();
    if let Some(store) = store {
        arguments.extend([String::from("--store"), utf8(store)?]);
    }
    arguments.push(String::from("proxy"));
    check(options)?;
    arguments.extend(options.iter().cloned());
    Ok(Wrapper {
        program: utf8(own)?,
        arguments,
    })
}

fn check(options: &[String]) -> Result<(), Failure> {
    let server = ["--", "server"].map(String::from);
    let parsed = Options::try_parse_from(options.iter().chain(&server));
    let is_option = !options.iter().any(|option| option == "--");
    match parsed {
        Ok(_) if is_option => Ok(()),
        Ok(_) => Err(Failure::Usage(String::from(
            "the options of the proxy end with the command: write them without `--`",
        ))),
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            let line = line.trim_start_matches("error: ");
            Err(Failure::Usage(format!("options of the proxy: {line}")))
        }
    }
}

/// Returns the absolute path of this program: a client with windows does not have the `PATH` of a shell. The one in the `PATH`
/// stays the same after an update.
fn own_path() -> Result<PathBuf, Failure> {
    let own = env::current_exe()?;
    let real = fs::canonicalize(&own).ok();
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path)
        .map(|directory| directory.join(own.file_name().unwrap_or_default()))
        .find(|file| file.is_absolute() && fs::canonicalize(file).ok() == real && real.is_some());
    Ok(in_path.unwrap_or(own))
}

fn utf8(path: PathBuf) -> Result<String, Failure> {
    path.into_os_string().into_string().map_err(|path| {
        let what = format!(
            "the path {} cannot be written as JSON: it is not UTF-8",
            safe::line(&path.to_string_lossy())
        );
        Failure::Library(Error::new(ErrorKind::Invalid, what))
    })
}
