//! An HTTP server that takes batches of events, or refuses them, or never answers.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use crate::{Failure, plan::Plan};

/// The name of the event of a tool call.
const EVENT: &[u8] = b"\"$mcp_tool_call\"";

/// What a server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Well,
    /// Answers 503, as a service whose disk is full.
    Full,
    /// Never answers.
    Stuck,
    /// Takes a time for each event.
    Slow,
}

/// A server on a port of its own. It runs to the end of the process.
pub(crate) struct Server {
    address: String,
    state: Arc<State>,
}

struct State {
    behaviour: AtomicU8,
    events: AtomicU64,
    plan: Plan,
}

impl Server {
    pub(crate) fn start(plan: Plan) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State {
            behaviour: AtomicU8::new(Behaviour::Well as u8),
            events: AtomicU64::new(0),
            plan,
        });
        let of_all = state.clone();
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let state = of_all.clone();
                thread::spawn(move || {
                    // A client that is killed ends its connection with an error.
                    let _ = serve(connection, &state);
                });
            }
        });
        Ok(Server { address, state })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.state.behaviour.store(behaviour as u8, Relaxed);
    }

    /// Returns the number of events that were accepted.
    pub(crate) fn events(&self) -> u64 {
        self.state.events.load(Relaxed)
    }
}

/// Answers the requests of a connection.
fn serve(connection: TcpStream, state: &State) -> Result<(), Failure> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut writer = connection;
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let events = body
            .windows(EVENT.len())
            .filter(|part| *part == EVENT)
            .count();
        let behaviour = state.behaviour.load(Relaxed);
        if behaviour == Behaviour::Stuck as u8 {
            loop {
                thread::park();
            }
        }
        if behaviour == Behaviour::Slow as u8 {
            thread::sleep(state.plan.slow() * events as u32);
        }
        let status = match behaviour == Behaviour::Full as u8 {
            true => "503 Service Unavailable",
            false => {
                state.events.fetch_add(events as u64, Relaxed);
                "200 OK"
            }
        };
        write!(
            writer,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{{\"status\":1}}\n"
        )?;
    }
}
