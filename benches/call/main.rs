//! The time that a layer adds to a call, compared with alternatives.
//!
//! Every variant runs in a process of its own, because a global subscriber cannot be removed. They run alternating bursts, so
//! that noise of the machine affects all. The result is the wrapped service minus the bare one, both measured in the same
//! process within the same millisecond.
#![allow(missing_docs)]

mod child;
mod collect;
mod drive;
mod insert;
mod parent;
mod service;
mod variant;

use std::path::Path;

/// An error that ends a run.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["child", variant, shape, threads, path] => {
            child::run(variant, shape, threads.parse()?, Path::new(path))
        }
        ["count", variant, shape, calls, path] => {
            child::count(variant, shape, Path::new(path), calls.parse()?)
        }
        // Cargo adds `--bench`.
        words => parent::run(words.iter().copied().filter(|word| !word.starts_with("--"))),
    }
}
