//! The rate of a stream through `cat`, in its one direction and back.

use std::{
    io::{Read, Write},
    path::Path,
    process::Stdio,
    thread,
    time::Instant,
};

use benches::{Failure, is_quick, print_ratio, setting};

use crate::VARIANTS;

pub(crate) fn measure(activity: &Path, folder: &Path) -> Result<(), Failure> {
    let bytes = setting("BENCH_BYTES", if is_quick() { 16 << 20 } else { 1 << 30 });
    let notification = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"";
    let line = format!(
        "{notification}{}\"}}}}\n",
        "x".repeat(1_024 - notification.len() - 4)
    );
    let part = vec![b'x'; 1 << 20];
    let streams: [(&str, &str, Vec<u8>); 3] = [
        ("messages", "", line.repeat(1_024).into()),
        ("message", notification, part.clone()),
        ("noise", "", part),
    ];
    println!(
        "{bytes} bytes through `cat`, MB/s: messages of 1 KiB, one message, no message and no line feed"
    );
    for (name, start, part) in streams {
        println!("{name}");
        let mut found = Vec::new();
        for variant in VARIANTS {
            let mut command = variant.command(activity, folder, &["cat".into()])?;
            let mut process = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            let (input, output) = (process.stdin.take(), process.stdout.take());
            let (mut input, mut output) = (input.ok_or("no input")?, output.ok_or("no output")?);
            let (beginning, repeated) = (start.to_owned(), part.clone());
            let times = bytes / part.len();
            let start = Instant::now();
            let writer = thread::spawn(move || {
                input.write_all(beginning.as_bytes())?;
                (0..times).try_for_each(|_| input.write_all(&repeated))
            });
            let (mut buffer, mut read) = (vec![0; 64 << 10], 0);
            loop {
                match output.read(&mut buffer)? {
                    0 => break,
                    length => read += length,
                }
            }
            let rate = read as f64 / start.elapsed().as_secs_f64() / 1e6;
            writer.join().map_err(|_| "the writer panicked")??;
            let status = process.wait()?;
            if !status.success() || read < times * part.len() {
                return Err(format!("{variant:?}: {status}, {read} bytes").into());
            }
            println!("  {variant:<8?} {rate:>9.0}");
            found.push(rate);
        }
        print_ratio(&format!("proxy_rate_{name}_vs_copy"), found[2] / found[1]);
        print_ratio(&format!("proxy_rate_{name}_vs_cat"), found[2] / found[0]);
    }
    Ok(())
}
