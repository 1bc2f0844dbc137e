//! `activity completions`: scripts that make a shell ask this command, and its answers.

use clap::CommandFactory;
use clap_complete::{
    CompleteEnv,
    env::{EnvCompleter, Shells},
};

use crate::{
    args::{self, Cli},
    failure::Failure,
    print,
};

/// The variable by which a script asks.
const VARIABLE: &str = "ACTIVITY_COMPLETE";

/// The script for bash. That of clap does not know that bash splits words at colons, which every filter has.
const BASH: &str = include_str!("completions.bash");

/// The script for zsh. That of clap does nothing at the first tab, and adds a space behind the name of a filter's field.
const ZSH: &str = include_str!("completions.zsh");

/// Answers a script and exits, if one asks.
pub(crate) fn answer() {
    CompleteEnv::with_factory(Cli::command)
        .var(VARIABLE)
        .complete();
}

pub(crate) fn run(args: &args::Completions) -> Result<(), Failure> {
    let shell = args.shell.to_string();
    match shell.as_str() {
        "bash" => return Ok(print::text(BASH)?),
        "zsh" => return Ok(print::text(ZSH)?),
        _ => {}
    }
    let shells = Shells::builtins();
    let known: Option<&dyn EnvCompleter> = shells.completer(&shell);
    let Some(completer) = known else {
        return Err(Failure::Usage(format!("no completions for {shell}")));
    };
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "activity", "activity", "activity", &mut script)?;
    Ok(print::text(&String::from_utf8_lossy(&script))?)
}
