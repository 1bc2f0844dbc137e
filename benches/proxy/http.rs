//! The time of a call over HTTP and its answer, compared with nginx as a plain reverse proxy.

use std::{
    fs,
    io::{self, BufRead, BufReader, ErrorKind, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use benches::{Failure, is_quick, setting};

use crate::delay::{self, BURST};

/// A proxy that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = (self.0.kill(), self.0.wait());
    }
}

/// A client's connection to a server, or to a proxy of it.
struct Connection {
    stream: BufReader<TcpStream>,
    times: Vec<Duration>,
    id: usize,
}

pub(crate) fn measure(activity: &Path, folder: &Path) -> Result<(), Failure> {
    for (name, bytes) in [("200 B", 200), ("64 KiB", 64 << 10)] {
        let server = serve(bytes)?;
        let Some((nginx, plain)) = nginx(server, folder)? else {
            println!("nginx is not installed: nothing to compare a proxy over HTTP with");
            return Ok(());
        };
        let (proxy, recording) = recording(activity, server, folder)?;
        let mut connections = Vec::new();
        for port in [server, plain, recording] {
            let mut connection = Connection::open(port)?;
            connection.burst(bytes)?;
            connection.times.clear();
            connections.push(connection);
        }
        for _ in 0..setting("BENCH_ROUNDS", if is_quick() { 2 } else { 100 }) {
            for connection in &mut connections {
                connection.burst(bytes)?;
            }
        }
        let times = connections.into_iter().map(|connection| connection.times);
        println!("a call over HTTP of {name} and its answer, µs: p50, p99");
        let names = ["nothing", "nginx", "proxy"];
        delay::report(&names, times.collect(), &format!("http_{bytes}"))?;
        drop((nginx, proxy));
    }
    Ok(())
}

/// Answers each call with a result of about as many bytes, in threads of this process. Returns the port.
fn serve(bytes: usize) -> Result<u16, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, bytes));
        }
    });
    Ok(port)
}

fn answer(stream: TcpStream, bytes: usize) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(128 << 10, stream);
    let text = "x".repeat(bytes.saturating_sub(80));
    loop {
        let request = read(&mut stream)?;
        let id = request.split(|byte| *byte == b',').nth(1).ok_or("no id")?;
        let id = std::str::from_utf8(id)?;
        let answer = format!(
            "{{\"jsonrpc\":\"2.0\",{id},\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}}}"
        );
        let length = answer.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.get_mut().write_all((head + &answer).as_bytes())?;
    }
}

/// Reads a request or response to its end. Returns its body.
fn read(stream: &mut impl BufRead) -> Result<Vec<u8>, Failure> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err("the connection was closed".into());
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse()?;
            }
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Starts nginx in front of a server. Returns its port; `None` if it is not installed.
fn nginx(server: u16, folder: &Path) -> Result<Option<(Running, u16)>, Failure> {
    // Free until something else takes it.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let folder = folder.join(port.to_string());
    fs::create_dir(&folder)?;
    let at = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {at}/{name};"))
        .join(" ");
    let configuration = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log; events {{}}\nhttp {{ access_log off; {temporary}
upstream server {{ server 127.0.0.1:{server}; keepalive 8; keepalive_requests 1000000; }}
server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000;
location / {{ proxy_pass http://server; proxy_http_version 1.1; proxy_set_header Connection \"\";
client_body_buffer_size 128k; proxy_buffers 8 64k; proxy_buffer_size 64k; }} }} }}\n"
    );
    fs::write(folder.join("nginx.conf"), configuration)?;
    let mut nginx = Command::new("nginx");
    nginx.arg("-p").arg(&folder).args(["-c", "nginx.conf"]);
    match nginx.stderr(Stdio::null()).spawn() {
        Ok(child) => {
            let running = Running(child);
            connect(port)?;
            Ok(Some((running, port)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Connects to a program that is starting.
fn connect(port: u16) -> Result<TcpStream, Failure> {
    let start = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return Ok(stream),
            Err(error) if start.elapsed().as_secs() > 10 => return Err(error.into()),
            Err(_) => thread::yield_now(),
        }
    }
}

/// Starts `activity proxy --to` in front of a server. Returns its port.
fn recording(activity: &Path, server: u16, folder: &Path) -> Result<(Running, u16), Failure> {
    let to = format!("http://127.0.0.1:{server}/mcp");
    let mut command = Command::new(activity);
    command.arg("--store").arg(folder.join("http.db"));
    command.args(["proxy", "--to", &to, "--listen", "127.0.0.1:0"]);
    let mut running = Running(command.stderr(Stdio::piped()).spawn()?);
    let said = running.0.stderr.take().ok_or("no stderr")?;
    let mut lines = BufReader::new(said).lines();
    let address = lines.find_map(|line| {
        let line = line.ok()?;
        let (_, address) = line.split_once("Proxy:  http://127.0.0.1:")?;
        Some(address.to_owned())
    });
    // It has nothing more to say.
    thread::spawn(move || lines.for_each(drop));
    let address = address.ok_or("the proxy does not say where it listens")?;
    let port = address.split('/').next().unwrap_or_default().parse()?;
    Ok((running, port))
}

impl Connection {
    fn open(port: u16) -> Result<Self, Failure> {
        let stream = connect(port)?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream: BufReader::with_capacity(128 << 10, stream),
            times: Vec::new(),
            id: 0,
        })
    }

    fn burst(&mut self, bytes: usize) -> Result<(), Failure> {
        for _ in 0..BURST {
            self.id += 1;
            let call = delay::call(self.id, bytes);
            let host = self.stream.get_ref().peer_addr()?;
            let length = call.len();
            let request = format!(
                "POST /mcp HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: {length}\r\n\r\n{call}"
            );
            let start = Instant::now();
            self.stream.get_mut().write_all(request.as_bytes())?;
            let answer = read(&mut self.stream)?;
            self.times.push(start.elapsed());
            if answer.len() + 40 < bytes {
                return Err(
                    io::Error::other(format!("an answer of {} bytes", answer.len())).into(),
                );
            }
        }
        Ok(())
    }
}
