//! The process on the host: counts the words of a line, over a socket in the host's directory.

use std::{error::Error, io, path::Path};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

/// The name of its socket in the host's directory.
const SOCKET: &str = "words.sock";

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<(), Box<dyn Error + Send + Sync>> {
    let socket = Path::new(&std::env::var("MNGR_HOST_DIR")?).join(SOCKET);
    // Left by the previous process.
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket)?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut line = String::new();
        BufReader::new(&mut stream).read_line(&mut line).await?;
        let count = line.split_whitespace().count();
        stream.write_all(format!("{count}\n").as_bytes()).await?;
    }
}

/// Asks the process on the host with this directory.
pub(crate) async fn count(directory: &Path, text: &str) -> io::Result<usize> {
    let mut stream = UnixStream::connect(directory.join(SOCKET)).await?;
    stream.write_all(format!("{text}\n").as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).await?;
    line.trim().parse().map_err(io::Error::other)
}
