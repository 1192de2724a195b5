//! The map of guarantees in SECURITY.md names files that exist, and names that are in them.
#![allow(clippy::unwrap_used)]

use std::path::Path;

#[test]
fn every_file_and_name_in_the_map_of_guarantees_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let (_, map) = text
        .split_once("## Guarantees, and where they live")
        .unwrap();
    let (map, _) = map.split_once("\n## ").unwrap();
    let mut files = 0;
    for row in map.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let place = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let quoted: Vec<_> = place.split('`').skip(1).step_by(2).collect();
        let mut file = None;
        for text in quoted {
            if text.contains('/') || text.ends_with(".rs") || text.ends_with(".toml") {
                let inside = root.join("crates/housekey/src").join(text);
                let path = if inside.exists() {
                    inside
                } else {
                    root.join(text)
                };
                assert!(path.exists(), "{text} in: {row}");
                files += 1;
                file = Some(path);
            } else if let Some(path) = file.as_ref().filter(|path| path.is_file()) {
                let source = std::fs::read_to_string(path).unwrap();
                let name = text.split(['(', ' ', '=']).next().unwrap();
                assert!(source.contains(name), "{name} is not in {}", path.display());
            }
        }
    }
    assert!(files > 20, "{files} files");
}
