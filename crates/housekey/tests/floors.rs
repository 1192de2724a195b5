//! The floors in docs/ARCHITECTURE.md are all there are, no import runs up, no files import each other in a circle, and the rules
//! of logging in wait for nothing.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn no_import_runs_up_the_floors_and_no_rule_waits() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let floors = floors(&root.join("../../docs/ARCHITECTURE.md"));
    let floor_of = |room: &str| floors.iter().position(|floor| floor == room);
    let sources = root.join("src");
    let mut rooms = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in files(&sources) {
        let modules = modules(&sources, &file);
        let [room, inner @ ..] = modules.as_slice() else {
            continue;
        };
        let floor = floor_of(room).unwrap_or_else(|| panic!("{room} has no floor"));
        rooms.insert(room.clone());
        let source = code(&fs::read_to_string(&file).unwrap());
        for import in imports(&source) {
            let below = import == *room || floor_of(&import).is_some_and(|it| it > floor);
            if !below {
                wrong.push(format!("{} imports {import}", file.display()));
            }
        }
        let waits = source.contains("async ") || source.contains(".await");
        if waits && ["login", "policy"].contains(&room.as_str()) {
            wrong.push(format!("{} waits for something", file.display()));
        }
        if source.contains(&"super::".repeat(inner.len() + 1)) {
            wrong.push(format!("{} leaves its room by super::", file.display()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(rooms, floors.into_iter().collect());
}

/// The rooms in the document's table, from the top.
fn floors(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

/// All source files but those of tests.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !is_test {
            found.append(&mut files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") && !is_test {
            found.push(path);
        }
    }
    found
}

/// The names of the modules that lead to a file; none for `lib.rs`.
fn modules(sources: &Path, file: &Path) -> Vec<String> {
    let path = file.strip_prefix(sources).unwrap().with_extension("");
    let names = path.iter().map(|name| name.to_str().unwrap().to_owned());
    names
        .filter(|name| name != "mod" && name != "lib")
        .collect()
}

/// The source without comments and without its tests, which stand at the end.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = source.lines();
    lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The name after each `crate::`. A name that `lib.rs` exports is not a room, so it is always wrong.
fn imports(source: &str) -> Vec<String> {
    let found = source.split("crate::").skip(1);
    found
        .map(|rest| {
            rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for sources in ["src", "../housekey-axum/src", "../housekey-actix/src"] {
        let sources = root.join(sources);
        let read = |file: PathBuf| {
            let source = code(&fs::read_to_string(&file).unwrap());
            (modules(&sources, &file), source)
        };
        let circles = circles(&files(&sources).into_iter().map(read).collect());
        assert_eq!(circles, Vec::<String>::new(), "{}", sources.display());
    }
}

type Module = Vec<String>;

/// The modules whose imports lead back to them. A module that imports the module around it does not count.
fn circles(sources: &BTreeMap<Module, String>) -> Vec<String> {
    let imported: BTreeMap<&Module, BTreeSet<&Module>> = sources
        .iter()
        .map(|(module, source)| {
            let targets = uses(source)
                .into_iter()
                .filter_map(|path| imported_module(sources, module, &path))
                .filter(|target| !module.starts_with(target));
            (module, targets.collect())
        })
        .collect();
    let leads_back = |module: &&Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![*module]);
        while let Some(at) = next.pop() {
            next.extend(imported[at].iter().filter(|it| seen.insert(**it)));
        }
        seen.contains(*module)
    };
    let circles = sources.keys().filter(leads_back);
    circles.map(|module| module.join("::")).collect()
}

/// The module that the path of an import in this module is of.
fn imported_module<'a>(
    sources: &'a BTreeMap<Module, String>,
    module: &Module,
    path: &str,
) -> Option<&'a Module> {
    let mut at = module.clone();
    let mut path: Vec<&str> = path.split("::").collect();
    match path[0] {
        "crate" => at.clear(),
        "self" => {}
        "super" => {
            let up = path.iter().take_while(|it| **it == "super").count();
            at.truncate(at.len() - up);
            path.drain(1..up);
        }
        child => at.push(child.to_owned()),
    }
    at.extend(path[1..].iter().map(|it| (*it).to_owned()));
    (0..=at.len())
        .rev()
        .find_map(|end| Some(sources.get_key_value(&at[..end])?.0))
}

/// The paths of all imports, each of a group by itself.
fn uses(source: &str) -> Vec<String> {
    let statements = source.split("\n").collect::<Vec<_>>().join(" ");
    let found = statements.split("use ").skip(1);
    found
        .flat_map(|rest| expand(rest.split(';').next().unwrap().trim()))
        .collect()
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn expand(path: &str) -> Vec<String> {
    let Some((prefix, group)) = path.split_once('{') else {
        let name = path.split(" as ").next().unwrap();
        return vec![name.trim().to_owned()];
    };
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut paths, mut one) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            ',' if depth == 0 => paths.push(std::mem::take(&mut one)),
            c => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                one.push(c);
            }
        }
    }
    paths.push(one);
    let paths = paths.iter().map(|path| path.trim());
    paths
        .filter(|path| !path.is_empty())
        .flat_map(|path| expand(&format!("{prefix}{path}")))
        .collect()
}

#[test]
fn an_import_cycle_would_be_found() {
    let module = |path: &str| -> Module { path.split("::").map(str::to_owned).collect() };
    let sources = [
        ("room", "mod a;\nmod b;\nuse a::One;\n"),
        (
            "room::a",
            "use super::b::{self, Two};\nuse crate::hall::Three;\n",
        ),
        (
            "room::b",
            "use crate::room::{\n    a::{One as Other},\n    Four,\n};\n",
        ),
        ("hall", "use std::fmt;\n"),
    ];
    let sources = sources.map(|(path, source)| (module(path), source.to_owned()));
    assert_eq!(circles(&sources.into()), ["room::a", "room::b"]);
}

#[test]
fn an_import_that_runs_up_would_be_found() {
    let source = "//! crate::manager\nuse crate::visit::Visit;\nuse crate::Error;\n#[cfg(test)]\nmod tests {\n use crate::manager;\n}";
    assert_eq!(imports(&code(source)), ["visit", "Error"]);
    let file = Path::new("src/login/search/recorded.rs");
    assert_eq!(
        modules(Path::new("src"), file),
        ["login", "search", "recorded"]
    );
    assert_eq!(
        modules(Path::new("src"), Path::new("src/visit/mod.rs")),
        ["visit"]
    );
    assert!(modules(Path::new("src"), Path::new("src/lib.rs")).is_empty());
}
