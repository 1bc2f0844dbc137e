//! The lifecycle of a host, all of which is recorded.

use std::{
    env,
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe, Outcome,
    host::{ActivitySource, HostProviderExt, LocalProvider, Watcher},
};

use crate::word_counter;

/// The idle timeout. Short for a demonstration; hours are more usual.
const IDLE: Duration = Duration::from_secs(3);

/// How often the marker is touched and read.
const EVERY: Duration = Duration::from_millis(200);

pub(crate) async fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let log = ActivityLog::from_env()?;
    let root = env::var_os("HOSTS").map_or_else(|| PathBuf::from("hosts"), PathBuf::from);
    let name = format!("words-{}", std::process::id());
    let directory = root.join(&name);

    let provider = Arc::new(LocalProvider::new(root, env::current_exe()?).arg("serve"));
    let host = provider.create_host(&log, &name).await?;
    println!("{name} is up");

    // Tool calls keep it awake …
    let awake = log.keep_awake(&host, ActivitySource::Agent)?;
    tokio::spawn(awake.interval(EVERY).run());

    // … and without them it is stopped.
    let mut watcher = Watcher::new(&log, &host).idle_timeout(IDLE).interval(EVERY);
    let watched = (provider.clone(), log.clone(), host.clone());
    let stopping = tokio::spawn(async move {
        let (provider, log, host) = watched;
        watcher.run(|_| provider.stop_host(&log, &host)).await
    });

    let mut count_words = ServiceBuilder::new()
        .layer(
            ActivityLayer::new(&log)
                .describe(|_| Describe::tool("count_words"))
                .classify(Outcome::from_result),
        )
        .service(service_fn(|text: &'static str| {
            let directory = directory.clone();
            async move { ask(&directory, text).await }
        }));
    // For longer than the idle timeout.
    let begun = time::Instant::now();
    while begun.elapsed() < 2 * IDLE {
        let count = count_words
            .ready()
            .await?
            .call("how many words are these")
            .await?;
        println!("{count} words");
        time::sleep(IDLE / 6).await;
    }

    println!("no more calls …");
    println!("{}", stopping.await?);

    provider.start_host(&log, &host).await?;
    let count = count_words.ready().await?.call("it is up again").await?;
    println!("started again: {count} words");
    provider.stop_host(&log, &host).await?;
    log.shutdown().await?;
    println!("`activity events` lists these events, `activity list` the calls");
    Ok(())
}

/// Asks the host, which may still be booting.
async fn ask(directory: &Path, text: &str) -> io::Result<usize> {
    let deadline = time::Instant::now() + Duration::from_secs(10);
    loop {
        match word_counter::count(directory, text).await {
            Err(error) if time::Instant::now() > deadline => return Err(error),
            Err(_) => time::sleep(Duration::from_millis(10)).await,
            counted => return counted,
        }
    }
}
