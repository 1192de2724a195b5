//! Makes the documentation's web site with mdBook, in the folder that the first argument names, and follows every link in it.
//!
//! `docs/README.md` is its table of contents: each list item is a chapter, and further links in it are chapters below that. A page
//! keeps its place in the repository, so that links between pages lead where they do on a forge. A link to anything else leads to
//! the repository.

mod html;
mod pages;

use std::path::Path;
use std::{env, fs};

use mdbook_driver::MDBook;
use mdbook_driver::config::Config;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let out = env::args()
        .nth(1)
        .ok_or("the folder for the site is missing; see scripts/book")?;
    let out = Path::new(&out);
    let root = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))?;
    let repository = repository(&root)?;

    let _ = fs::remove_dir_all(out);
    let source = out.join("src");
    let chapters = pages::chapters(&root)?;
    pages::copy(&root, &source, &chapters, &repository)?;
    fs::write(source.join("SUMMARY.md"), pages::summary(&chapters))?;
    for file in ["doors.css", "doors.js"] {
        fs::copy(root.join("docs/site/theme").join(file), out.join(file))?;
    }

    let config: Config = format!(
        r#"
        [book]
        title = "housekey"
        description = "Session login for axum, actix-web and Flask"
        language = "en"

        [build]
        build-dir = "html"
        # README.md stays that, since links lead there.
        use-default-preprocessors = false

        [output.html]
        git-repository-url = "{repository}"
        additional-css = ["doors.css"]
        additional-js = ["doors.js"]

        [output.html.playground]
        runnable = false
        "#
    )
    .parse()
    .map_err(|error| format!("the book's settings: {error:?}"))?;
    let book = MDBook::load_with_config(out, config).map_err(|error| format!("{error:?}"))?;
    book.build().map_err(|error| format!("{error:?}"))?;

    let dead = html::dead_links(&out.join("html"))?;
    if !dead.is_empty() {
        return Err(format!("dead links in the site:\n{}", dead.join("\n")).into());
    }
    println!("{} pages in {}", chapters.len(), out.join("html").display());
    Ok(())
}

/// The address that stands in Cargo.toml, and nowhere else.
fn repository(root: &Path) -> Result<String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("repository = \""));
    let address = line.and_then(|line| line.strip_suffix('"'));
    Ok(address.ok_or("Cargo.toml names no repository")?.to_owned())
}
