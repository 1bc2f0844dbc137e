//! `activity man`: writes man pages.

use std::{fs, io, path::Path};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::{
    args::{self, Cli},
    failure::Failure,
    print::safe,
};

pub(crate) fn run(args: &args::Man) -> Result<(), Failure> {
    Ok(write(&args.directory).map_err(|cause| {
        let what = format!("cannot write into {}: {cause}", args.directory.display());
        io::Error::new(cause.kind(), what)
    })?)
}

fn write(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    write_pages(command, directory)
}

/// Writes the pages of a command and of those below it. Other pages in the directory stay as they are.
fn write_pages(command: Command, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        write_pages(below.clone(), directory)?;
    }
    let path = Man::new(command).generate_to(directory)?;
    fs::write(&path, preformatted(&fs::read_to_string(&path)?))
}

/// Columns of a page.
const WIDTH: usize = 80;
/// Columns by which man indents a text.
const INDENT: usize = 7;

/// Keeps lines that begin with a space as they are: examples and tables. Where they would be wider than the page, they are
/// indented by less.
fn preformatted(page: &str) -> String {
    let lines = page.lines().filter(|line| line.starts_with(' '));
    let unescaped = |line: &str| line.replace(r"\*(Aq", "'").replace('\\', "");
    let widest = lines.map(|line| safe::width(&unescaped(line))).max();
    let indent = INDENT.min(WIDTH.saturating_sub(widest.unwrap_or_default()));
    let mut text = String::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with(' ') != inside {
            match inside {
                true => text.push_str(".in\n.fi\n"),
                false => text.push_str(&format!(".nf\n.in {indent}n\n")),
            }
            inside = !inside;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}
