//! One INSERT per request through a pool of sqlx: a child of the benches `call` and `peers`, in a program of its own.

#[path = "../../call/child.rs"]
#[allow(dead_code)]
mod child;
#[path = "../../call/drive.rs"]
#[allow(dead_code)]
mod drive;
mod peer;
#[path = "../../peers/child.rs"]
#[allow(dead_code)]
mod peer_child;
#[path = "../../peers/plan.rs"]
mod plan;
#[path = "../../call/service.rs"]
#[allow(dead_code)]
mod service;
mod variant;

use std::path::Path;

/// An error that ends a run.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [word, variant, shape, threads, path] if word == "child" => {
            child::run(variant, shape, threads.parse()?, Path::new(path))
        }
        [word, _, fault, folder, sink] if word == "peer" => {
            peer_child::run(fault, Path::new(folder), Path::new(sink), peer::peer)
        }
        _ => Err(
            "this program is started by the benches `call` and `peers`, with BENCH_SQLX set to its path"
                .into(),
        ),
    }
}
