//! `activity completions`: generates shell completions.

use clap::CommandFactory;

use crate::{
    args::{self, Cli},
    failure::Failure,
    print,
};

pub(crate) fn run(args: &args::Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "activity", &mut script);
    Ok(print::text(&String::from_utf8_lossy(&script))?)
}
