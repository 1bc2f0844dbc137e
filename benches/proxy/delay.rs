//! The time of a call and its answer.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::{Duration, Instant},
};

use benches::{Failure, is_quick, print_ratio, quantile, setting};

use crate::{VARIANTS, Variant};

/// Calls per burst.
pub(crate) const BURST: usize = 100;

/// A server behind a variant.
struct Connection {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    times: Vec<Duration>,
    id: usize,
}

pub(crate) fn measure(activity: &Path, folder: &Path) -> Result<(), Failure> {
    for (name, bytes) in [("200 B", 200), ("64 KiB", 64 << 10)] {
        let rounds = setting("BENCH_ROUNDS", if is_quick() { 2 } else { 100 });
        let mut connections = Vec::new();
        for variant in VARIANTS {
            connections.push(Connection::open(variant, activity, folder, bytes)?);
        }
        for _ in 0..rounds {
            for connection in &mut connections {
                connection.burst(bytes)?;
            }
        }
        println!("a call of {name} and its answer, µs: p50, p99");
        let names = VARIANTS.map(|variant| format!("{variant:?}").to_lowercase());
        let times: Result<Vec<_>, Failure> =
            connections.into_iter().map(Connection::close).collect();
        report(
            &names.each_ref().map(String::as_str),
            times?,
            &bytes.to_string(),
        )?;
    }
    Ok(())
}

/// Prints the times of calls without anything between, with something that does not record, and with the proxy; then what the proxy
/// adds to a message.
pub(crate) fn report(
    names: &[&str; 3],
    times: Vec<Vec<Duration>>,
    suffix: &str,
) -> Result<(), Failure> {
    let mut found = Vec::new();
    for (name, mut times) in names.iter().zip(times) {
        times.sort();
        let us = |share| quantile(&times, share).as_secs_f64() * 1e6;
        println!("  {name:<8} {:>9.1} {:>9.1}", us(0.5), us(0.99));
        found.push((us(0.5), us(0.99)));
    }
    let [_, plain, proxy] = found[..] else {
        return Err("a variant is missing".into());
    };
    // A call and its answer are two messages.
    let (p50, p99) = ((proxy.0 - plain.0) / 2.0, (proxy.1 - plain.1) / 2.0);
    let plain = names[1];
    println!("  added to a message by the proxy, compared with {plain}: {p50:.1}, {p99:.1}");
    print_ratio(&format!("proxy_added_us_p50_{suffix}"), p50);
    print_ratio(&format!("proxy_added_us_p99_{suffix}"), p99);
    Ok(())
}

/// Returns a call of about as many bytes.
pub(crate) fn call(id: usize, bytes: usize) -> String {
    let text = "x".repeat(bytes.saturating_sub(110));
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"echo\",\"arguments\":{{\"text\":\"{text}\"}}}}}}"
    )
}

impl Connection {
    fn open(
        variant: Variant,
        activity: &Path,
        folder: &Path,
        bytes: usize,
    ) -> Result<Self, Failure> {
        let this = env::current_exe()?.to_string_lossy().into_owned();
        let server = [this, "--serve".into(), bytes.to_string()];
        let mut command = variant.command(activity, folder, &server)?;
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let mut connection = Connection {
            process,
            input: input.ok_or("no input")?,
            output: BufReader::with_capacity(128 << 10, output.ok_or("no output")?),
            times: Vec::new(),
            id: 0,
        };
        // The first calls wait until the processes have started.
        connection.burst(bytes)?;
        connection.times.clear();
        Ok(connection)
    }

    fn burst(&mut self, bytes: usize) -> Result<(), Failure> {
        let mut line = Vec::new();
        for _ in 0..BURST {
            self.id += 1;
            let call = call(self.id, bytes) + "\n";
            let start = Instant::now();
            self.input.write_all(call.as_bytes())?;
            line.clear();
            self.output.read_until(b'\n', &mut line)?;
            self.times.push(start.elapsed());
            if line.len() + 40 < bytes {
                return Err(format!("an answer of {} bytes", line.len()).into());
            }
        }
        Ok(())
    }

    /// Ends the server. Returns the times.
    fn close(mut self) -> Result<Vec<Duration>, Failure> {
        drop(self.input);
        let status = self.process.wait()?;
        if !status.success() {
            return Err(format!("the server: {status}").into());
        }
        Ok(self.times)
    }
}
