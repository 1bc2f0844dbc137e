//! A store with the records of an example, served to clients that are written in Python.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::{
    python,
    run::{self, Result, cargo, root, run},
};

/// A store with the records of the example `quickstart`, and a Python environment.
pub(crate) struct Example {
    programs: PathBuf,
    built: PathBuf,
    /// The folder of the store, and of what clients write.
    pub(crate) data: PathBuf,
}

/// A server process, killed on drop.
pub(crate) struct Server {
    process: Child,
    /// The URL of its pages, with a slash at the end.
    pub(crate) url: String,
}

impl Example {
    /// Installs a Python package below `target/xtask`, builds the command `activity`, and runs the example.
    ///
    /// # Errors
    ///
    /// If Python is missing, or one of them fails.
    pub(crate) fn new(name: &str, package: &str) -> Result<Self> {
        let programs = python::environment(name)?;
        run(Command::new(programs.join("python"))
            .args(["-m", "pip", "install", "--quiet", package]))?;
        let packages = ["--package", "activity-cli", "--package", "tower-activity"];
        run(cargo(&["build"]).args(packages).args([
            "--bin",
            "activity",
            "--example",
            "quickstart",
        ]))?;
        let data = root().join("target/xtask").join(name).join("data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir_all(&data)?;
        let built = run::built()?;
        let example = Example {
            programs,
            built,
            data,
        };
        run(&mut example.with_store(example.built.join("examples/quickstart")))?;
        Ok(example)
    }

    /// Returns the command `activity`, on the store.
    pub(crate) fn activity(&self) -> Command {
        self.with_store(self.built.join("activity"))
    }

    /// Returns a program of the Python environment, on the store, in the folder of the data.
    pub(crate) fn python(&self, program: &str) -> Command {
        let mut command = self.with_store(self.programs.join(program));
        command.current_dir(&self.data);
        command
    }

    fn with_store(&self, program: PathBuf) -> Command {
        let mut command = Command::new(program);
        command.env("ACTIVITY_STORE", self.data.join("activity.db"));
        command
    }

    /// Serves the store on a free port.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub(crate) fn serve(&self, args: &[&str]) -> Result<Server> {
        let mut serve = self.activity();
        serve.args(["serve", "--listen", "127.0.0.1:0"]).args(args);
        let process = serve.stderr(Stdio::piped()).spawn()?;
        let mut server = Server {
            process,
            url: String::new(),
        };
        let mut said = String::new();
        let stderr = server.process.stderr.as_mut();
        BufReader::new(stderr.ok_or("the server has no stderr")?).read_line(&mut said)?;
        let mut words = said.split_whitespace();
        let url = words.find(|word| word.starts_with("http://"));
        server.url = url
            .ok_or_else(|| format!("the server said {said:?}"))?
            .to_owned();
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
