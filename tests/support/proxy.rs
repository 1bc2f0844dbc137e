//! A network between a client and a server, which fails as a test asks it to.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// The state of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Open,
    /// Connections are reset, and none can be made.
    Cut,
    /// What is sent is lost, and neither side hears of it. A connection that has lost something stays silent for ever.
    Silent,
    /// What is sent arrives when the network is open again.
    Stalled,
    /// Bytes per second in each direction, and the time that each packet takes.
    Slow(u32, Duration),
}

/// When the network fails by itself: the client has sent these texts, one after another.
#[derive(Debug, Clone, Copy)]
pub enum At {
    /// The server does not receive the last one.
    Before(&'static [&'static str]),
    /// The server receives it, and its answer is lost.
    After(&'static [&'static str]),
}

/// A proxy before a server, which ends with the test.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    network: watch::Sender<Network>,
    trigger: Mutex<Option<(At, Network)>>,
}

/// What comes of a connection.
enum End {
    Closed,
    /// Neither side hears of it.
    Lost,
    Reset,
}

impl Proxy {
    /// Starts one before the server at this address.
    pub fn start(url: &str) -> Self {
        let server = url.rsplit('@').next().unwrap().split('/').next().unwrap();
        let server: SocketAddr = server.parse().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            network: watch::Sender::new(Network::Open),
            trigger: Mutex::default(),
        });
        let of_thread = shared.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(accept(listener, server, &of_thread));
        });
        Proxy { port, shared }
    }

    /// Returns the address of a database through this proxy, with parameters.
    pub fn address(&self, url: &str, parameters: &str) -> String {
        let database = url.rsplit('/').next().unwrap();
        let user = url.split('@').next().unwrap();
        format!("{user}@127.0.0.1:{}/{database}?{parameters}", self.port)
    }

    /// Changes the network.
    pub fn set(&self, network: Network) {
        *self.shared.trigger.lock().unwrap() = None;
        self.shared.network.send_replace(network);
    }

    /// Changes the network once the client sends a text.
    pub fn set_at(&self, at: At, network: Network) {
        *self.shared.trigger.lock().unwrap() = Some((at, network));
    }

    /// Returns the state of the network.
    pub fn network(&self) -> Network {
        *self.shared.network.borrow()
    }
}

impl Shared {
    /// Fails if it is time to. Returns true if these bytes arrive all the same.
    fn trigger(&self, sent: &[u8]) -> bool {
        let mut trigger = self.trigger.lock().unwrap();
        let Some((at, network)) = *trigger else {
            return false;
        };
        let (mut texts, arrives) = match at {
            At::Before(texts) => (texts, false),
            At::After(texts) => (texts, true),
        };
        while let Some((text, rest)) = texts.split_first()
            && sent.windows(text.len()).any(|part| part == text.as_bytes())
        {
            texts = rest;
        }
        if !texts.is_empty() {
            let at = if arrives {
                At::After(texts)
            } else {
                At::Before(texts)
            };
            *trigger = Some((at, network));
            return false;
        }
        *trigger = None;
        self.network.send_replace(network);
        arrives
    }
}

async fn accept(listener: std::net::TcpListener, server: SocketAddr, shared: &Arc<Shared>) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(connect(client, server, shared.clone()));
    }
}

/// Connects a client to the server, until one of them closes the connection.
async fn connect(client: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    let reset = |stream: &TcpStream| {
        // Fails if it is closed.
        let _ = stream.set_zero_linger();
    };
    if *shared.network.borrow() == Network::Cut {
        return reset(&client);
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return reset(&client);
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = pump(from_client, to_server, &shared, true);
    let down = pump(from_server, to_client, &shared, false);
    let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
    let (end, reader, writer) = tokio::select! {
        ended = &mut up => ended,
        ended = &mut down => ended,
    };
    match end {
        // Both sockets are closed.
        End::Closed => {}
        End::Lost => std::future::pending().await,
        End::Reset => {
            reset(reader.as_ref());
            reset(writer.as_ref());
        }
    }
}

/// Passes on what arrives from one side.
async fn pump(
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
    shared: &Shared,
    is_client: bool,
) -> (End, OwnedReadHalf, OwnedWriteHalf) {
    let mut network = shared.network.subscribe();
    let end = pass(&mut reader, &mut writer, shared, &mut network, is_client).await;
    (end.unwrap_or(End::Closed), reader, writer)
}

async fn pass(
    reader: &mut OwnedReadHalf,
    writer: &mut OwnedWriteHalf,
    shared: &Shared,
    network: &mut watch::Receiver<Network>,
    is_client: bool,
) -> io::Result<End> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let count = tokio::select! {
            count = reader.read(&mut buffer) => count?,
            _ = network.wait_for(|now| *now == Network::Cut) => return Ok(End::Reset),
        };
        let sent = &buffer[..count];
        let arrives = is_client && shared.trigger(sent);
        loop {
            let now = *network.borrow_and_update();
            match now {
                _ if arrives => {}
                Network::Open => {}
                Network::Slow(rate, latency) => {
                    let time = Duration::from_secs_f64(count as f64 / f64::from(rate));
                    tokio::time::sleep(latency + time).await;
                }
                Network::Cut => return Ok(End::Reset),
                Network::Silent => return Ok(End::Lost),
                Network::Stalled => {
                    // An error is the end of the test.
                    let _ = network.changed().await;
                    continue;
                }
            }
            break;
        }
        if count == 0 {
            return Ok(End::Closed);
        }
        writer.write_all(sent).await?;
    }
}
