//! `activity man`: writes man pages.

use std::{fs, io};

use clap::CommandFactory;

use crate::{
    args::{self, Cli},
    failure::Failure,
};

pub(crate) fn run(args: &args::Man) -> Result<(), Failure> {
    let written = fs::create_dir_all(&args.directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.directory));
    Ok(written.map_err(|cause| {
        let what = format!("cannot write into {}: {cause}", args.directory.display());
        io::Error::new(cause.kind(), what)
    })?)
}
