//! A log alone, with its bundled SQLite.

mod record;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    record::record("of the log alone").await
}
