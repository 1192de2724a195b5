//! Compares the guides from Flask to Rust with the programs and the package that they describe.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const SIDE_BY_SIDE: &str = include_str!("../../docs/from-flask-side-by-side.md");
const NAMES: &str = include_str!("../../docs/from-flask-names.md");

/// Every name that Flask-Login has for its users, and every setting that it reads.
const PUBLIC_NAMES: &str = r#"
import inspect, pathlib, re
import blinker, flask_login
from flask_login import config, signals, utils, LoginManager, UserMixin, AnonymousUserMixin

names = {name for name, value in vars(flask_login).items() if not inspect.ismodule(value)}
names |= {name for name in vars(config) if name.isupper()}
names |= {name.lstrip("_") for name, value in vars(signals).items() if isinstance(value, blinker.Signal)}
names |= {name for name, value in vars(utils).items() if getattr(value, "__module__", "") == utils.__name__}
names |= {*dir(LoginManager), *vars(LoginManager()), *dir(UserMixin), *dir(AnonymousUserMixin)}
for file in pathlib.Path(flask_login.__file__).parent.glob("*.py"):
    names |= set(re.findall(r'config(?:\.get\(|\[)\s*"(\w+)"', file.read_text()))
print(*(name for name in names if not name.startswith("_")))
"#;

#[test]
fn the_guide_shows_both_small_programs_whole_and_in_their_order() {
    let (_, after) = SIDE_BY_SIDE.split_once("<table>").unwrap();
    let (table, _) = after.split_once("</table>").unwrap();
    for (fence, program) in [
        ("```python", include_str!("../small/flask/app.py")),
        ("```rust,ignore", include_str!("../small/main.rs")),
    ] {
        let mut shown = Vec::new();
        let mut inside = false;
        for line in table.lines() {
            match line {
                "```" => inside = false,
                _ if line == fence => inside = true,
                _ if inside => shown.push(line),
                _ => {}
            }
        }
        // Between two pieces the programs have blank lines and the guide has words.
        let blank = |line: &&str| !line.is_empty();
        let shown: Vec<_> = shown.into_iter().filter(blank).collect();
        let written: Vec<_> = program.lines().filter(blank).collect();
        for (shown, written) in shown.iter().zip(&written) {
            assert_eq!(
                shown, written,
                "copy interop/small into docs/from-flask-side-by-side.md"
            );
        }
        assert_eq!(shown.len(), written.len());
    }
}

#[test]
fn every_public_name_of_flask_login_has_a_row() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    assert!(
        python.exists(),
        "the Flask side is not installed: run interop/install"
    );
    let answer = Command::new(python)
        .args(["-W", "ignore", "-c", PUBLIC_NAMES])
        .output()
        .unwrap();
    assert!(answer.status.success(), "{answer:?}");
    let names = String::from_utf8(answer.stdout).unwrap();
    assert!(names.split_whitespace().count() > 80, "{names}");

    let rows = rows();
    let rows: BTreeSet<_> = rows
        .iter()
        .flat_map(|cells| code(&cells[0]).map(leading_path))
        .collect();
    let missing: Vec<_> = names
        .split_whitespace()
        .filter(|name| !rows.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/from-flask-names.md has no row for {missing:?}"
    );
}

#[test]
fn every_name_on_the_right_is_one_of_housekeys() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut source = String::new();
    for name in ["housekey", "housekey-axum"] {
        read_all(&crates.join(name).join("src"), &mut source);
    }
    let word = |c: char| !(c.is_alphanumeric() || c == '_');
    let words: BTreeSet<_> = source.split(word).collect();
    let mut looked_up = 0;
    for cells in rows() {
        for span in code(&cells[1]) {
            let path = leading_path(span)
                .split("::")
                .flat_map(|part| part.split('.'));
            // Only the value of a setting in Python is foreign there.
            for name in path.filter(|name| !["", "False"].contains(name)) {
                assert!(words.contains(name), "{name} in {cells:?}");
                looked_up += 1;
            }
        }
    }
    assert!(looked_up > 80);
}

/// The cells of the tables of names.
fn rows() -> Vec<Vec<String>> {
    let rows = NAMES.lines().filter_map(|line| line.strip_prefix("| "));
    rows.map(|row| row.split(" | ").map(str::to_owned).collect())
        .collect()
}

/// The text between back quotes.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// `a::b` of `a::b(c)`, and `a.b` of `….a.b(c)`.
fn leading_path(code: &str) -> &str {
    let code = code.trim_start_matches(['@', '.', '…']);
    let end = code.find(|c: char| !(c.is_alphanumeric() || "_:.".contains(c)));
    &code[..end.unwrap_or(code.len())]
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
        } else {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
