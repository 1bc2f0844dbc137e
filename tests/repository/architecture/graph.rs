//! The graph of imports between files, and its cycles.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::source::production;

/// A path of modules and items from the crate's root.
type Name = Vec<String>;

/// Returns all paths in a file's code that begin with `crate`, `super` or `self`, as paths from the crate's root.
pub fn paths(path: &Path, text: &str) -> Vec<Name> {
    let text = production(text);
    let mut found = Vec::new();
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(root) {
            let before = text[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                tree(&text[at..], module(path), &root_of(path), &mut found);
            }
        }
    }
    found.into_iter().map(|(_, name)| name).collect()
}

/// Returns cycles of files that import each other, each with its imports. Imports between a `mod.rs` and the files of its
/// folder do not count, nor do cycles of files that are all in `one`.
pub fn circles(files: &[(PathBuf, String)], one: &[&str]) -> Vec<String> {
    let modules: BTreeMap<Name, &(PathBuf, String)> =
        files.iter().map(|file| (module(&file.0), file)).collect();
    let exports: BTreeMap<&Name, BTreeMap<String, Name>> = modules
        .iter()
        .map(|(name, (path, text))| (name, exports(path, text)))
        .collect();
    let imports: BTreeMap<&Name, BTreeSet<&Name>> = modules
        .iter()
        .map(|(name, (path, text))| {
            let paths = paths(path, text);
            let named = paths.iter();
            let named = named.filter_map(|path| resolve(path, &modules, &exports, 0));
            let others = named.filter(|other| !other.starts_with(name) && !name.starts_with(other));
            (name, others.collect())
        })
        .collect();
    let reached: BTreeMap<&Name, BTreeSet<&Name>> = imports
        .keys()
        .map(|name| (*name, reached(name, &imports)))
        .collect();
    let mut circles = BTreeSet::new();
    for (name, reaches) in &reached {
        let circle = reaches
            .iter()
            .filter(|other| reached[*other].contains(name));
        let circle: BTreeSet<&Name> = circle.copied().collect();
        if circle.iter().all(|name| one.contains(&&*name.join("/"))) {
            continue;
        }
        let within = circle.iter().flat_map(|from| {
            let to = imports[*from].intersection(&circle);
            to.map(|to| format!("  {} imports {}", from.join("/"), to.join("/")))
        });
        circles.insert(within.collect::<Vec<_>>().join("\n"));
    }
    circles.into_iter().collect()
}

/// Returns all modules reachable by imports.
fn reached<'a>(
    name: &'a Name,
    imports: &BTreeMap<&'a Name, BTreeSet<&'a Name>>,
) -> BTreeSet<&'a Name> {
    let mut reached = BTreeSet::new();
    let mut next = vec![name];
    while let Some(name) = next.pop() {
        for other in &imports[name] {
            if reached.insert(*other) {
                next.push(other);
            }
        }
    }
    reached
}

/// Returns the module that defines a path's item; `None` if it is not among these.
fn resolve<'a>(
    path: &[String],
    modules: &'a BTreeMap<Name, &(PathBuf, String)>,
    exports: &BTreeMap<&Name, BTreeMap<String, Name>>,
    depth: usize,
) -> Option<&'a Name> {
    let prefixes = (0..=path.len()).rev();
    let known = prefixes.filter_map(|length| modules.get_key_value(&path[..length]));
    let (module, _) = known.into_iter().next()?;
    let item = path.get(module.len());
    let exported = item.and_then(|item| exports[module].get(item));
    let exported = exported.filter(|_| depth < 8);
    let deeper = exported.and_then(|path| resolve(path, modules, exports, depth + 1));
    Some(deeper.unwrap_or(module))
}

/// Returns a file's imported items, by their names in it.
fn exports(path: &Path, text: &str) -> BTreeMap<String, Name> {
    let text = production(text);
    let mut found = Vec::new();
    for statement in text.split(';') {
        let Some((_, tree)) = statement.rsplit_once("use ") else {
            continue;
        };
        // A path without a root begins with a child module.
        self::tree(tree, module(path), &root_of(path), &mut found);
    }
    found.into_iter().collect()
}

/// Returns the names in a `use` tree, each with its alias.
fn tree(text: &str, mut prefix: Name, root: &Name, found: &mut Vec<(String, Name)>) {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            for member in super::members(group) {
                tree(member, prefix.clone(), root, found);
            }
            return;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (ident, after) = rest.split_at(end.unwrap_or(rest.len()));
        match ident {
            "" => break,
            "crate" => prefix.clone_from(root),
            "self" => {}
            "super" => drop(prefix.pop()),
            _ => prefix.push(ident.to_owned()),
        }
        let Some(more) = after.trim_start().strip_prefix("::") else {
            let alias = after.trim_start().strip_prefix("as ");
            let alias = alias.map(|alias| alias.trim().to_owned());
            let Some(name) = alias.or_else(|| prefix.last().cloned()) else {
                return;
            };
            found.push((name, prefix));
            return;
        };
        rest = more;
    }
    if let Some(name) = prefix.last().cloned() {
        found.push((name, prefix));
    }
}

/// Returns the module of a file.
fn module(path: &Path) -> Name {
    let path = path.with_extension("");
    let parts = path.iter().filter_map(|part| part.to_str());
    let mut parts: Name = parts.skip(1).map(ToOwned::to_owned).collect();
    if (parts.last()).is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// Returns the root of a file's crate: the command is a separate one.
fn root_of(path: &Path) -> Name {
    match path.starts_with("activity-cli") {
        true => vec![String::from("src")],
        false => Name::new(),
    }
}
