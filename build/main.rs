//! Checks that the pages are built and fresh where a feature needs them, and lists those of the dashboard. Never builds them:
//! that takes the network.

mod dashboard;
mod stamp;

use std::{env, fs, path::Path, process::exit};

use stamp::{BUILT, PAGES, STAMP};

fn main() {
    println!("cargo::rerun-if-changed=build");
    let feature = |name: &str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    if !feature("BROWSER") && !feature("DASHBOARD") {
        return;
    }
    let pages = Path::new(PAGES);
    println!("cargo::rerun-if-changed={PAGES}/{BUILT}/{STAMP}");
    for source in stamp::sources(pages).unwrap_or_default() {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    let built = fs::read_to_string(pages.join(BUILT).join(STAMP)).unwrap_or_default();
    let wrong = match stamp::stamp(pages) {
        Ok(stamp) if stamp == built => match dashboard::list(&pages.join(BUILT)) {
            Ok(()) => return,
            Err(error) => format!("cannot be listed: {error}"),
        },
        Ok(_) if built.is_empty() => "are not built".to_owned(),
        Ok(_) => "are not built from the sources as they are now".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    println!(
        "cargo::error=the pages in {PAGES} {wrong}: run `cargo xtask pages`, which needs node and npm"
    );
    exit(1);
}
