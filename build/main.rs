//! Embeds the built files that run in browsers, if they exist: the dashboard and the recorder's script. Never builds them:
//! that needs node and the network.

mod files;
mod stamp;

use std::{env, fs, path::Path, process::exit};

use stamp::{BUILT, PAGES, STAMP};

/// One of the sources; the published package has only the built files.
const SOURCE: &str = "package.json";

fn main() {
    println!("cargo::rerun-if-changed=build");
    let feature = |name: &str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    if !feature("BROWSER") && !feature("DASHBOARD") {
        return;
    }
    let pages = Path::new(PAGES);
    let built = pages.join(BUILT);
    // A missing path would cause a rebuild each time.
    let watched = if built.is_dir() { &built } else { pages };
    println!("cargo::rerun-if-changed={}", watched.display());
    if !built.is_dir() {
        println!(
            "cargo::warning=the pages are not built: this build has no dashboard and records no browsers. `cargo xtask \
             pages` builds them, with node and npm; the published package has them"
        );
    } else if pages.join(SOURCE).is_file() {
        check(pages);
    }
    if let Err(error) = files::list(&built) {
        println!(
            "cargo::error=the pages in {} cannot be listed: {error}",
            built.display()
        );
        exit(1);
    }
}

/// Checks that the built pages are those of the sources beside them.
fn check(pages: &Path) {
    for source in stamp::sources(pages).unwrap_or_default() {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    let built = fs::read_to_string(pages.join(BUILT).join(STAMP)).unwrap_or_default();
    let wrong = match stamp::stamp(pages) {
        Ok(stamp) if stamp == built => return,
        Ok(_) => "are not built from the sources as they are now".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    println!(
        "cargo::error=the pages in {PAGES} {wrong}: run `cargo xtask pages`, which needs node and npm, or remove the \
         folder `{BUILT}` there to build without pages"
    );
    exit(1);
}
