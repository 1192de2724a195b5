//! Makes a module from each example in `docs/`. An example keeps its line number, so that the compiler names the page's line.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let docs = fs::canonicalize("../../docs")?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    println!("cargo::rerun-if-changed={}", docs.display());
    let mut pages: Vec<_> = fs::read_dir(&docs)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    pages.retain(|page| page.extension().is_some_and(|it| it == "md"));
    pages.sort();
    let mut modules = String::new();
    for page in pages {
        let name = page.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.to_lowercase().replace('-', "_");
        for (line, code) in examples(&fs::read_to_string(&page)?) {
            let module = format!("{name}_{line}");
            let path = Path::new(&out).join(format!("{module}.rs"));
            fs::write(&path, "\n".repeat(line) + &code)?;
            let _ = writeln!(modules, "#[path = {path:?}]\nmod {module};");
        }
    }
    fs::write(Path::new(&out).join("examples.rs"), modules)
}

/// The examples of a page that are marked as plain Rust, each with the number of the line above it.
fn examples(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line == "```rust" {
            let code = lines.by_ref().map(|(_, line)| line);
            let code: Vec<_> = code.take_while(|line| *line != "```").collect();
            found.push((number + 1, code.join("\n") + "\n"));
        }
    }
    found
}
