//! docs/BENCHMARKS.md, and the places in it for measured results: between `<!-- mark -->` and `<!-- /mark -->`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::BoxError;

/// The folder of the documentation.
pub fn folder() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).join("docs")
}

fn file() -> PathBuf {
    folder().join("BENCHMARKS.md")
}

/// Whether [`write`] will find its place. Ask before a long measurement.
///
/// # Errors
///
/// If the document cannot be read, or has no such place.
pub fn has_place(mark: &str) -> Result<(), BoxError> {
    with(&read()?, mark, "").map(drop)
}

/// Puts each text between the marks of its name and replaces what was there: all of them, or none.
///
/// # Errors
///
/// As [`has_place`], and if the document cannot be written.
pub fn write<'a>(texts: impl IntoIterator<Item = (&'a str, String)>) -> Result<(), BoxError> {
    let mut document = read()?;
    for (mark, text) in texts {
        document = with(&document, mark, &text)?;
    }
    fs::write(file(), document)?;
    eprintln!("written to {}", file().display());
    Ok(())
}

fn read() -> Result<String, BoxError> {
    let file = file();
    fs::read_to_string(&file)
        .map_err(|error| format!("--write: {}: {error}", file.display()).into())
}

fn with(document: &str, mark: &str, text: &str) -> Result<String, BoxError> {
    let (begin, end) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    between(document, &begin, &end, text).ok_or_else(|| {
        let file = file();
        let file = file.display();
        format!("--write: {file} has no {begin} with a {end} after it, once each").into()
    })
}

fn between(document: &str, begin: &str, end: &str, text: &str) -> Option<String> {
    let (before, rest) = document.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    if [before, after]
        .iter()
        .any(|part| part.contains(begin) || part.contains(end))
    {
        return None;
    }
    Some(format!(
        "{before}{begin}\n\n{}\n\n{end}{after}",
        text.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_takes_the_place_of_the_one_before() {
        let document = "# A\n<!-- a -->\n\n| old |\n\n<!-- /a -->\nB\n";
        let new = with(document, "a", "| new |\n").unwrap();
        assert_eq!(new, "# A\n<!-- a -->\n\n| new |\n\n<!-- /a -->\nB\n");
        assert_eq!(with(&new, "a", "| new |\n").unwrap(), new);
    }

    #[test]
    fn a_document_without_a_clear_place_is_left_alone() {
        for document in [
            "",
            "<!-- a -->",
            "<!-- /a --> <!-- a -->",
            "<!-- a --> <!-- /a --> <!-- a --> <!-- /a -->",
            "<!-- ab --> <!-- /ab -->",
        ] {
            let refused = with(document, "a", "x").unwrap_err().to_string();
            assert!(refused.contains("<!-- /a -->"), "{document}: {refused}");
        }
    }
}
