//! The project's own commands: `cargo demo` and `cargo xtask …`.

mod api;
mod archive;
mod bench;
mod browser;
mod checks;
mod clickhouse;
mod conformance;
mod debian;
mod demo;
mod fuzz;
mod gitleaks;
mod golden;
mod inspector;
mod matrix;
mod msrv;
mod npm;
mod openapi;
mod package;
mod pages;
mod platforms;
mod postgres;
mod prove;
mod prove_all;
mod proxies;
mod public_api;
mod python;
mod redaction_rules;
mod release;
mod run;
mod rustup;
mod scrape;
mod screenshots;
mod served;
mod servers;
mod shells;
mod sqlite;
mod sshd;
mod strace;
mod suites;
mod tools;
mod versions;

use std::process::ExitCode;

use public_api::Difference;
use rustup::Missing;

const USAGE: &str = "\
The project's own commands.

  cargo demo            starts the example tool server, calls its tools with the MCP inspector, shows
                        what is on record and stays up until ctrl-c
  cargo demo --smoke    the same, ends by itself and fails if anything is missing
  cargo xtask test      sets up what the tests need, and passes them all; or those of `cargo xtask test --test http ..`
  cargo xtask pages     builds what runs in browsers, with npm and Vite
  cargo xtask dashboard  runs the example dashboard, a week of work with more to come, and builds its pages before; at
                        127.0.0.1:8787, or `cargo xtask dashboard ADDRESS`
  cargo xtask lint      checks the types and the form of the pages, and tests what needs no browser
  cargo xtask screenshots  takes the pictures of the dashboard that the README shows; `screenshots messy empty` those of every
                        page with these stores (week, messy, empty, damaged), into `target/screenshots`
  cargo xtask golden    writes the golden log of today's schema, which later versions have to read
  cargo xtask openapi   writes the API's description, `src/web/openapi.json`, which types of the pages are generated from
  cargo xtask fmt       checks the formatting
  cargo xtask clippy    checks all members with all features, warnings denied
  cargo xtask doc       builds the documentation, warnings denied
  cargo xtask docsrs    builds it as docs.rs does, with a nightly compiler
  cargo xtask features  checks that every feature compiles alone
  cargo xtask conformance  asks a server what the official MCP suite asks, with and without the wrapper or the proxy
  cargo xtask api       asks the API whatever its description allows, with schemathesis (python)
  cargo xtask metrics   parses `GET metrics` with Prometheus' Python client, and scrapes it with Prometheus where that is installed
  cargo xtask bench     runs the benches for some seconds, and checks the instructions of a call
  cargo xtask typos     looks for spelling mistakes with typos; `--install` gets it
  cargo xtask deny      checks licenses, duplicates, sources and advisories of the dependencies with cargo-deny, as
                        `deny.toml` says; `--install` gets it
  cargo xtask public-api  compares the library's public items with `docs/public-api.txt`, with cargo-public-api and a nightly
                        compiler; `--write` records them, `--install` gets both
  cargo xtask msrv      compiles with the oldest compiler that the manifest names, where rustup has it; `--install` gets it
  cargo xtask platforms  checks for Windows and macOS, where rustup has their targets; `--install` gets them
  cargo xtask package   packages the library and the command, builds them outside of the repository without node, and
                        serves the dashboard; `package all` with each feature by itself
  cargo xtask archive   builds the command for this machine and packs it, as it is attached to a release
  cargo xtask release --dry-run  checks what RELEASING.md asks for before a version is published
  cargo xtask prove NAME  proves a promise in a long run, and prints figures; `prove list` lists them; without a name proves all,
                        three times each, and writes a table into `target/proofs`
  cargo xtask matrix    builds and runs small programs around the oldest and the newest rmcp, tower-mcp, axum, tonic
                        and tower, and beside other users of SQLite; passes the store's tests with the oldest and
                        the newest rusqlite; `matrix sqlx` only those with that in their name
  cargo xtask model     tries every order in which threads can meet at a shard
  cargo xtask redaction-rules PATH  writes our table of gitleaks' rules from its `config/gitleaks.toml`
  cargo xtask ci        what has to hold before a change lands, in the order in which it is likely to fail
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["demo"] => demo::demo(demo::Stay::UntilStopped),
        ["demo", "--smoke"] => demo::demo(demo::Stay::No),
        ["test", ref chosen @ ..] => checks::test(chosen),
        ["pages"] => pages::pages(),
        ["dashboard", ref args @ ..] => pages::dashboard(args),
        ["lint"] => pages::lint(),
        ["screenshots", ref stores @ ..] => screenshots::screenshots(stores),
        ["golden"] => golden::golden(),
        ["openapi"] => openapi::openapi(),
        ["fmt"] => checks::fmt(),
        ["clippy"] => checks::clippy(),
        ["doc"] => checks::doc(),
        ["conformance"] => conformance::conformance(),
        ["api"] => api::api(),
        ["metrics"] => scrape::metrics(),
        ["bench"] => bench::bench(),
        ["prove"] => prove::prove(None),
        ["prove", "list"] => {
            prove::list();
            Ok(())
        }
        ["prove", name] => prove::prove(Some(name)),
        ["features"] => checks::features(),
        ["redaction-rules", path] => redaction_rules::redaction_rules(path),
        ["model"] => checks::model(),
        ["msrv"] => msrv::msrv(Missing::LeaveOut),
        ["msrv", "--install"] => msrv::msrv(Missing::Install),
        ["platforms"] => platforms::platforms(Missing::LeaveOut),
        ["platforms", "--install"] => platforms::platforms(Missing::Install),
        ["typos"] => tools::typos(Missing::LeaveOut),
        ["typos", "--install"] => tools::typos(Missing::Install),
        ["deny"] => tools::deny(Missing::LeaveOut),
        ["deny", "--install"] => tools::deny(Missing::Install),
        ["public-api"] => public_api::public_api(Difference::Refuse, Missing::LeaveOut),
        ["public-api", "--install"] => public_api::public_api(Difference::Refuse, Missing::Install),
        ["public-api", "--write"] => public_api::public_api(Difference::Write, Missing::Install),
        ["docsrs"] => checks::docsrs(),
        ["archive"] => archive::archive(),
        ["release", "--dry-run"] => release::dry_run(),
        ["package"] => package::package(package::Built::Together),
        ["package", "all"] => package::package(package::Built::Everything),
        ["matrix"] => matrix::matrix(None),
        ["matrix", name] => matrix::matrix(Some(name)),
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
