//! Runs a peer under a fault: starts its process, causes the fault, and counts what is on record afterwards.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use crate::{
    Failure, Peer,
    plan::{Fault, Plan},
    sink::Sink,
    table::{Calls, Row},
};

/// The time of a child to set up its sink and to make the calls of a phase, beyond the planned one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a peer under a fault.
pub(crate) fn run(peer: &Peer, fault: Fault, program: &Path) -> Result<Row, Failure> {
    let plan = Plan::new();
    let folder = tempfile::tempdir()?;
    let mut sink = Sink::new(peer.sink, fault, plan, folder.path())?;
    let mut process = Process::start(peer, fault, program, folder.path(), &sink)?;
    let mut row = Row {
        peer: *peer,
        fault,
        calls: None,
        sent: 0,
        kept: 0,
        told: 0,
        counted: None,
        ended: String::new(),
    };
    process.wait_for("at fault", plan.before + PATIENCE)?;
    sink.break_down()?;
    process.go()?;
    if fault == Fault::Kill {
        thread::sleep(plan.during / 2);
        process.child.kill()?;
        process.child.wait()?;
        let progress = fs::read(folder.path().join("progress"))?;
        row.sent = u64::from_le_bytes(progress.try_into().map_err(|_| "no progress")?);
        row.ended = "killed".into();
    } else {
        process.wait_for("at healed", plan.during + PATIENCE)?;
        sink.heal()?;
        process.go()?;
        let line = process.wait_for("called", plan.after + PATIENCE)?;
        let (sent, calls) = Calls::parse(&line)?;
        (row.sent, row.calls) = (sent, Some(calls));
        match process.lines.recv_timeout(plan.ending) {
            Ok(line) => {
                let mut words = line.splitn(4, ' ').skip(1);
                let [took, counted, result] = [(); 3].map(|()| words.next().unwrap_or_default());
                row.counted = counted.parse().ok();
                row.ended = format!("{result}, {:.1} s", took.parse::<f64>()? / 1e3);
            }
            Err(RecvTimeoutError::Timeout) => {
                row.ended = format!("hangs, killed after {:.0} s", plan.ending.as_secs_f64());
            }
            Err(RecvTimeoutError::Disconnected) => return Err("it exited at its end".into()),
        }
        process.child.kill()?;
        process.child.wait()?;
    }
    (row.kept, row.told) = sink.count()?;
    Ok(row)
}

/// The process of a peer.
struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Process {
    fn start(
        peer: &Peer,
        fault: Fault,
        program: &Path,
        folder: &Path,
        sink: &Sink,
    ) -> Result<Self, Failure> {
        let mut child = Command::new(program)
            .args(["peer", peer.name, fault.name()])
            .args([folder, sink.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (sender, lines) = channel();
        let stdin = child.stdin.take().ok_or("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Process {
            child,
            stdin,
            lines,
        })
    }

    /// Waits for a line that begins with `begin`.
    fn wait_for(&self, begin: &str, timeout: Duration) -> Result<String, Failure> {
        let line = self.lines.recv_timeout(timeout)?;
        if line.starts_with(begin) {
            Ok(line)
        } else {
            Err(format!("expected `{begin}`, got {line:?}").into())
        }
    }

    /// Lets it continue.
    fn go(&mut self) -> Result<(), Failure> {
        Ok(self.stdin.write_all(b"go\n")?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has exited, or a run that failed leaves it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
