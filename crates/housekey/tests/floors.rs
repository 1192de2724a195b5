//! The floors in docs/ARCHITECTURE.md are all there are, no import runs up, and the rules of logging in wait for nothing.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
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

/// What follows each `crate::`. A name of the crate's own front, `lib.rs`, is no room and so always wrong.
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
