//! Which file imports which, and circles among them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::source::production;

/// A path of modules and items from the crate's root on.
type Name = Vec<String>;

/// All paths in a file's code that begin with `crate`, `super` or `self`, from the crate's root on.
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

/// Circles of files that import each other, each with the imports that make it. What goes between a `mod.rs` and the
/// files of its folder is not counted: it is their door. Nor are circles of files that are all `one`.
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

/// All modules that can be reached by imports.
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

/// The module that defines what a path names; `None` for one that is not among these.
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

/// What a file takes over from others by `use`, by the name that it has here.
fn exports(path: &Path, text: &str) -> BTreeMap<String, Name> {
    let text = production(text);
    let mut found = Vec::new();
    for statement in text.split(';') {
        let Some((_, tree)) = statement.rsplit_once("use ") else {
            continue;
        };
        // A path without a root begins with a module of its own.
        self::tree(tree, module(path), &root_of(path), &mut found);
    }
    found.into_iter().collect()
}

/// The names in a tree of `use`, each with what it is called here.
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

/// The module of a file.
fn module(path: &Path) -> Name {
    let path = path.with_extension("");
    let parts = path.iter().filter_map(|part| part.to_str());
    let mut parts: Name = parts.skip(1).map(ToOwned::to_owned).collect();
    if (parts.last()).is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// The root of the crate that a file belongs to: the command is one of its own.
fn root_of(path: &Path) -> Name {
    match path.starts_with("activity-cli") {
        true => vec![String::from("src")],
        false => Name::new(),
    }
}
