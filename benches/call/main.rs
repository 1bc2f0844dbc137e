//! What a layer adds to a call: ours beside what people would use instead.
//!
//! Every variant runs in a process of its own, because a subscriber is for ever; they take turns, a few
//! bursts each, so that a machine's moods meet them all alike. What counts is the wrapped service minus the
//! bare one, both measured in the same process within the same millisecond.
#![allow(missing_docs)]

mod child;
mod collect;
mod drive;
mod insert;
mod parent;
mod service;
mod variant;

use std::path::Path;

/// Whatever ends a run.
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
