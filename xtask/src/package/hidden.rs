//! Hides programs that a user may not have.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{Result, make_executable};

const PROGRAMS: [&str; 4] = ["node", "npm", "npx", "git"];

/// Failing programs of these names, which precede them in `PATH` and log their use.
pub(super) struct Hidden {
    folder: PathBuf,
}

impl Hidden {
    /// Creates the failing programs in a folder below this one.
    pub(super) fn behind(place: &Path) -> Result<Self> {
        let folder = place.join("hidden");
        fs::create_dir(&folder)?;
        for program in PROGRAMS {
            let note = folder.join("used").display().to_string();
            if cfg!(windows) {
                let script = format!("@echo %0 %*>>\"{note}\"\r\n@exit /b 127\r\n");
                fs::write(folder.join(format!("{program}.cmd")), script)?;
            } else {
                let script = format!("#!/bin/sh\necho \"$0 $*\" >>'{note}'\nexit 127\n");
                let path = folder.join(program);
                fs::write(&path, script)?;
                make_executable(&path)?;
            }
        }
        Ok(Hidden { folder })
    }

    /// Puts them first in a command's `PATH`.
    pub(super) fn from<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let rest = env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.folder.clone()).chain(env::split_paths(&rest));
        match env::join_paths(all) {
            Ok(path) => command.env("PATH", path),
            // `PATH` cannot contain a folder whose name has a separator.
            Err(_) => command,
        }
    }

    /// Fails if one of them was run.
    pub(super) fn was_not_used(&self) -> Result {
        match fs::read_to_string(self.folder.join("used")) {
            Ok(used) => {
                Err(format!("the build of the package ran a hidden program: {used}").into())
            }
            Err(_) => Ok(()),
        }
    }
}
