//! The test's side of the process under test.

use std::{
    fmt,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use crate::foreign_clients::recorder::{self, Answer};

/// Longer than any timeout of the process itself.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Fast,
    Wait,
    Durable,
}

impl Mode {
    pub const ALL: [Mode; 3] = [Mode::Fast, Mode::Wait, Mode::Durable];

    fn name(self) -> &'static str {
        match self {
            Mode::Fast => "fast",
            Mode::Wait => "wait",
            Mode::Durable => "durable",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The clock of a writer's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    Manual,
    Real,
}

/// A process of our own that has the log open. Dropping it kills the process.
#[derive(Debug)]
pub struct Writer {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Writer {
    /// Starts a process that opens the log.
    pub fn start(store: &Path, mode: Mode, clock: Clock) -> Result<Self, String> {
        let clock = match clock {
            Clock::Manual => "manual",
            Clock::Real => "real",
        };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "foreign_clients::process_under_test",
                "--nocapture",
            ])
            .env(recorder::STORE, store)
            .env(recorder::MODE, mode.name())
            .env(recorder::CLOCK, clock)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (said, answers) = channel();
        thread::spawn(move || {
            // The test harness prints other lines, too.
            let lines = output.lines().map_while(Result::ok);
            for line in lines.filter(|line| line.starts_with('{')) {
                if said.send(line).is_err() {
                    break;
                }
            }
        });
        let input = child.stdin.take();
        let mut writer = Writer {
            child,
            input,
            answers,
        };
        writer.answer("open the log")?;
        Ok(writer)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a command and waits for the answer.
    pub fn ask(&mut self, command: &str) -> Result<Answer, String> {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{command}").map_err(|error| format!("the writer is gone: {error}"))?;
        self.answer(command)
    }

    fn answer(&mut self, command: &str) -> Result<Answer, String> {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(line) => Ok(serde_json::from_str(&line).unwrap()),
            Err(_) => {
                // It is useless now, even if it still runs.
                self.child.kill().unwrap();
                let status = self.child.wait().unwrap();
                Err(format!("the writer did not answer {command:?}: {status}"))
            }
        }
    }

    /// Kills it with SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Shuts its log down and ends it.
    pub fn end(mut self) -> Result<(), String> {
        let answer = self.ask("end")?;
        self.input = None;
        let status = self.child.wait().unwrap();
        if let Some(error) = answer.error {
            return Err(format!("the writer did not shut down: {error}"));
        }
        if !status.success() {
            return Err(format!("the writer failed: {status}"));
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
