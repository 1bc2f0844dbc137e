//! The processes: a program that copies like a proxy without a record, and a server.

use std::{
    io::{self, BufRead, Read, Write},
    process::{Command, Stdio, exit},
    thread,
};

use benches::Failure;

/// Passes the streams of a command on.
pub(crate) fn copy(command: &[&str]) -> Result<(), Failure> {
    let (program, args) = command.split_first().ok_or("no command")?;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    thread::spawn(move || pass(&mut io::stdin().lock(), &mut input.ok_or("no input")?));
    pass(&mut output.ok_or("no output")?, &mut io::stdout())?;
    exit(child.wait()?.code().unwrap_or(1));
}

fn pass(from: &mut impl Read, to: &mut impl Write) -> Result<(), Failure> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            length => to.write_all(&buffer[..length])?,
        }
        to.flush()?;
    }
}

/// Answers each call with a result of about as many bytes.
pub(crate) fn serve(bytes: usize) -> Result<(), Failure> {
    let text = "x".repeat(bytes.saturating_sub(80));
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let id = line.split(|byte| *byte == b',').nth(1).ok_or("no id")?;
        let id = std::str::from_utf8(id)?;
        let answer = format!(
            "{{\"jsonrpc\":\"2.0\",{id},\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}}}\n"
        );
        output.write_all(answer.as_bytes())?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}
