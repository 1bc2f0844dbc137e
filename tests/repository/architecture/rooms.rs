//! The order within a folder: subfolders (rooms) import only lower ones, and files have no import cycles.

use std::path::Path;

use super::{
    graph,
    source::{read, sources},
};

/// The rooms of `src/store/sqlite`, lowest first: each may touch those before it. Files beside the rooms are below all of them.
const ROOMS: &[&str] = &["open", "write", "maintenance", "read"];

/// One contract in several files: a record names the part of the reader that reads it, the reader pages by position, a
/// position belongs to one kind of record, and the reader's defaults (`scan`, `newest_recordings`) call the reader. None has a meaning alone.
const READER: &[&str] = &[
    "store/newest_recordings",
    "store/position",
    "store/read",
    "store/record",
    "store/scan",
];

#[test]
fn rooms_of_sqlite_only_touch_lower_ones() {
    let sources = sources("src/store/sqlite");
    let faults: Vec<String> = sources
        .iter()
        .flat_map(|path| rooms_up(path, &read(path)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for room in ROOMS {
        let folder = Path::new("src/store/sqlite").join(room);
        assert!(
            sources.iter().any(|path| path.starts_with(&folder)),
            "{room}"
        );
    }
}

#[test]
fn files_have_no_import_cycles() {
    let files = ["src", "activity-cli/src"].into_iter().flat_map(sources);
    let files: Vec<_> = files.map(|path| (path.clone(), read(&path))).collect();
    let circles = graph::circles(&files, READER);
    assert!(circles.is_empty(), "{}", circles.join("\n\n"));
}

#[test]
fn an_import_cycle_is_found() {
    let path_of = |path: &str| match path.strip_prefix("command/") {
        Some(path) => Path::new("activity-cli/src").join(path),
        None => Path::new("src/store").join(path),
    };
    let check = |files: &[(&str, &str)], expected: usize| {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path_of(path), (*text).to_owned()))
            .collect();
        let circles = graph::circles(&files, READER);
        assert_eq!(circles.len(), expected, "{files:?}\n{circles:?}");
    };
    let a = ("a.rs", "use super::b::B;");
    check(&[a, ("b.rs", "fn f() {}")], 0);
    check(&[a, ("b.rs", "use crate::store::{a, c};")], 1);
    check(&[a, ("b.rs", "fn f() -> super::a::A {}")], 1);
    check(&[a, ("b.rs", "/// [`a`](super::a)")], 0);
    check(
        &[
            a,
            ("b.rs", "use super::c::C;"),
            ("c.rs", "use super::{x, a::A};"),
        ],
        1,
    );
    check(
        &[a, ("b.rs", "use super::c::C;"), ("c.rs", "use super::x;")],
        0,
    );
    let position = ("position.rs", "use super::read::R;");
    check(&[position, ("read.rs", "use super::position::P;")], 0);
    check(
        &[
            position,
            ("read.rs", "use super::{a, position};"),
            ("a.rs", "use super::position;"),
        ],
        1,
    );
    // The command is a separate crate.
    let command = |text| ("command/a.rs", text);
    let other = ("command/b.rs", "use crate::a::A;");
    check(&[command("use crate::b::B;"), other], 1);
    check(&[command("use crate::store::b::B;"), other], 0);
    // Through a folder's re-exports.
    let door = (
        "b/mod.rs",
        "mod c; mod d; pub(super) use self::c::C; pub use d::D;",
    );
    let uses = ("a.rs", "use super::b::C;");
    check(
        &[
            uses,
            door,
            ("b/c.rs", "use crate::store::a;"),
            ("b/d.rs", ""),
        ],
        1,
    );
    check(
        &[
            uses,
            door,
            ("b/c.rs", ""),
            ("b/d.rs", "use crate::store::a;"),
        ],
        0,
    );
    check(&[door, ("b/c.rs", "use super::D;"), ("b/d.rs", "")], 0);
    check(
        &[
            door,
            ("b/c.rs", "use super::D;"),
            ("b/d.rs", "use super::c::C;"),
        ],
        1,
    );
}

#[test]
fn an_import_of_a_higher_room_is_found() {
    let check = |path: &str, text: &str, expected: usize| {
        let faults = rooms_up(&Path::new("src/store/sqlite").join(path), text);
        assert_eq!(faults.len(), expected, "{path}: {text}\n{faults:?}");
    };
    let names_write =
        "use crate::{error::Result, store::{Check, sqlite::{columns, write::ledger}}};";
    check("open/file.rs", names_write, 1);
    check("write/instance_writer.rs", names_write, 0);
    check("read/mod.rs", names_write, 0);
    check("columns.rs", names_write, 1);
    check("mod.rs", names_write, 0);
    check(
        "write/instance_writer.rs",
        "use crate::store::sqlite::read::row;",
        1,
    );
    check(
        "write/instance_writer.rs",
        "use super::super::maintenance::clock;",
        1,
    );
    check("write/sums/hours.rs", "use super::super::super::read;", 1);
    check("write/sums/hours.rs", "use super::super::ledger;", 0);
    check(
        "write/instance_writer.rs",
        "// crate::store::sqlite::read",
        0,
    );
}

/// Returns the higher rooms that a file of `src/store/sqlite` imports.
fn rooms_up(path: &Path, text: &str) -> Vec<String> {
    let paths = graph::paths(path, text);
    let parts = |path: &Path| -> Vec<String> {
        let parts = path.iter().filter_map(|part| part.to_str());
        parts.map(ToOwned::to_owned).collect()
    };
    let Some(inside) = parts(path).get(3).cloned() else {
        return Vec::new();
    };
    if inside == "mod.rs" {
        return Vec::new();
    }
    // A file beside the rooms may import none of them.
    let own = ROOMS.iter().position(|room| *room == inside);
    let touched = paths.iter().filter_map(|path| {
        let room = path
            .strip_prefix(&["store".into(), "sqlite".into()][..])?
            .first()?;
        ROOMS.iter().position(|name| name == room)
    });
    touched
        .filter(|room| own.is_none_or(|own| *room > own))
        .map(|room| {
            format!(
                "{}: must not touch the room `{}`",
                path.display(),
                ROOMS[room]
            )
        })
        .collect()
}
