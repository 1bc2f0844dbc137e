//! The project's own commands: `cargo demo` and `cargo xtask ..`.

mod api;
mod bench;
mod browser;
mod checks;
mod conformance;
mod debian;
mod demo;
mod npm;
mod pages;
mod run;
mod screenshots;
mod sshd;

use std::process::ExitCode;

const USAGE: &str = "\
The project's own commands.

  cargo demo            starts the example tool server, calls its tools with the MCP inspector, shows
                        what is on record and stays up until ctrl-c
  cargo demo --smoke    the same, ends by itself and fails if anything is missing
  cargo xtask test      sets up what the tests need, and passes them all; or those of `cargo xtask test --test browser ..`
  cargo xtask pages     builds what runs in browsers, with npm and Vite
  cargo xtask lint      checks the types and the form of the pages, and tests what needs no browser
  cargo xtask screenshots  takes the pictures of the dashboard that the README shows
  cargo xtask fmt       checks the formatting
  cargo xtask clippy    checks all members with all features, warnings denied
  cargo xtask doc       builds the documentation, warnings denied
  cargo xtask features  checks that every feature compiles alone
  cargo xtask conformance  asks a server what the official MCP suite asks, with and without us
  cargo xtask api       asks the API whatever its description allows, with schemathesis (python)
  cargo xtask bench     runs the benches for some seconds, and checks the instructions of a call
  cargo xtask model     tries every order in which threads can meet at a shard
  cargo xtask ci        all of these, but what takes python
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["demo"] => demo::demo(demo::Stay::UntilStopped),
        ["demo", "--smoke"] => demo::demo(demo::Stay::No),
        ["test", ref chosen @ ..] => checks::test(chosen),
        ["pages"] => pages::pages(),
        ["lint"] => pages::lint(),
        ["screenshots"] => screenshots::screenshots(),
        ["fmt"] => checks::fmt(),
        ["clippy"] => checks::clippy(),
        ["doc"] => checks::doc(),
        ["conformance"] => conformance::conformance(),
        ["api"] => api::api(),
        ["bench"] => bench::bench(),
        ["features"] => checks::features(),
        ["model"] => checks::model(),
        ["ci"] => checks::ci(),
        [] | ["help" | "--help" | "-h", ..] => {
            anstream::print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            anstream::eprintln!("no such command: {:?}\n\n{USAGE}", args.join(" "));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{} {error}", run::bad("error:"));
            ExitCode::FAILURE
        }
    }
}
