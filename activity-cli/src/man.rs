//! `activity man`: writes man pages.

use std::{fs, io, path::Path};

use clap::CommandFactory;

use crate::{
    args::{self, Cli},
    failure::Failure,
};

pub(crate) fn run(args: &args::Man) -> Result<(), Failure> {
    Ok(write(&args.directory).map_err(|cause| {
        let what = format!("cannot write into {}: {cause}", args.directory.display());
        io::Error::new(cause.kind(), what)
    })?)
}

fn write(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("activity") && name.ends_with(".1") {
            let page = fs::read_to_string(&path)?;
            fs::write(&path, preformatted(&page))?;
        }
    }
    Ok(())
}

/// Keeps lines that begin with a space as they are: examples and tables.
fn preformatted(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with(' ') != inside {
            text.push_str(if inside { ".fi\n" } else { ".nf\n" });
            inside = !inside;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}
