//! The pages: which there are, and what becomes of their links.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::Result;

/// A page of the site, by its place in the repository.
pub(crate) struct Chapter {
    title: String,
    path: PathBuf,
    /// What the table of contents calls the part that begins with it.
    part: Option<String>,
    is_nested: bool,
}

const CONTENTS: &str = "docs/README.md";

fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

/// The chapters that the table of contents lists, after the README, which is the front page, and the contents themselves.
pub(crate) fn chapters(root: &Path) -> Result<Vec<Chapter>> {
    let text = fs::read_to_string(root.join(CONTENTS))?;
    let alone = |title: &str, path: &str| Chapter {
        title: title.to_owned(),
        path: path.into(),
        part: None,
        is_nested: false,
    };
    let mut chapters = vec![alone("housekey", "README.md"), alone("Contents", CONTENTS)];
    let (mut part, mut heading, mut title) = (None, None, None);
    let (mut target, mut in_item, mut is_first) = (PathBuf::new(), false, false);
    for event in parser(&text) {
        match event {
            Event::Start(Tag::Heading {
                level: HeadingLevel::H2,
                ..
            }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(HeadingLevel::H2)) => part = heading.take(),
            Event::Start(Tag::Item) => (in_item, is_first) = (true, true),
            Event::End(TagEnd::Item) => in_item = false,
            Event::Start(Tag::Link { dest_url, .. }) if in_item => {
                target = place(Path::new(CONTENTS), &dest_url);
                title = Some(String::new());
            }
            Event::Text(text) | Event::Code(text) => {
                for text_of in [&mut heading, &mut title].into_iter().flatten() {
                    text_of.push_str(&text);
                }
            }
            Event::SoftBreak => {
                if let Some(title) = &mut title {
                    title.push(' ');
                }
            }
            Event::End(TagEnd::Link) => {
                if let Some(title) = title.take()
                    && chapters.iter().all(|chapter| chapter.path != target)
                {
                    let mut letters = title.chars();
                    let first = letters
                        .next()
                        .map(|letter| letter.to_uppercase().collect::<String>());
                    chapters.push(Chapter {
                        title: first.unwrap_or_default() + letters.as_str(),
                        path: target.clone(),
                        part: part.take(),
                        is_nested: !is_first,
                    });
                    is_first = false;
                }
            }
            _ => {}
        }
    }
    Ok(chapters)
}

/// mdBook's own table of contents.
pub(crate) fn summary(chapters: &[Chapter]) -> String {
    let lines = chapters.iter().map(|chapter| {
        let part = chapter.part.as_ref();
        let part = part.map_or(String::new(), |part| format!("\n# {part}\n\n"));
        let indent = if chapter.is_nested { "  " } else { "" };
        format!(
            "{part}{indent}- [{}]({})\n",
            chapter.title,
            chapter.path.display()
        )
    });
    format!("# housekey\n\n{}", lines.collect::<String>())
}

/// Copies the chapters and the pictures.
pub(crate) fn copy(root: &Path, to: &Path, chapters: &[Chapter], repository: &str) -> Result<()> {
    let pages: BTreeSet<&Path> = chapters.iter().map(|it| it.path.as_path()).collect();
    for page in &pages {
        let text = fs::read_to_string(root.join(page))
            .map_err(|error| format!("{CONTENTS} lists {}: {error}", page.display()))?;
        let copy = to.join(page);
        fs::create_dir_all(copy.parent().unwrap_or(to))?;
        fs::write(copy, with_links(&text, page, &pages, repository))?;
    }
    let pictures = to.join("docs/images");
    fs::create_dir_all(&pictures)?;
    for picture in fs::read_dir(root.join("docs/images"))? {
        let picture = picture?.path();
        if picture
            .extension()
            .is_some_and(|it| it == "svg" || it == "png")
        {
            fs::copy(
                &picture,
                pictures.join(picture.file_name().unwrap_or_default()),
            )?;
        }
    }
    Ok(())
}

/// The page with its links to what the site does not have leading to the repository.
fn with_links(text: &str, page: &Path, pages: &BTreeSet<&Path>, repository: &str) -> String {
    let mut changed = text.to_owned();
    // The address of what the site does not have.
    let elsewhere = |link: &str| {
        if link.contains("://") || link.starts_with(['#', '/']) || link.is_empty() {
            return None;
        }
        let target = place(page, link);
        let anchor = link
            .split_once('#')
            .map_or(String::new(), |(_, anchor)| format!("#{anchor}"));
        (!pages.contains(target.as_path()))
            .then(|| format!("{repository}/blob/HEAD/{}{anchor}", target.display()))
    };
    let mut links: Vec<_> = parser(text).into_offset_iter().collect();
    links.reverse();
    for (event, range) in links {
        let mut part = changed[range.clone()].to_owned();
        match event {
            // One by reference has its address elsewhere.
            Event::Start(Tag::Link { dest_url, .. }) => {
                if let Some(address) = elsewhere(&dest_url) {
                    part = part.replace(&format!("]({dest_url})"), &format!("]({address})"));
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                for link in html
                    .split("href=\"")
                    .skip(1)
                    .filter_map(|it| it.split('"').next())
                {
                    if let Some(address) = elsewhere(link) {
                        part = part
                            .replace(&format!("href=\"{link}\""), &format!("href=\"{address}\""));
                    }
                }
            }
            _ => continue,
        }
        changed.replace_range(range, &part);
    }
    // Definitions of references: `[guides]: ../../docs/README.md`.
    let lines = changed.lines().map(|line| match line.split_once("]: ../") {
        Some((name, rest)) if name.starts_with('[') => {
            let address = elsewhere(&format!("../{rest}"));
            address.map_or(line.to_owned(), |address| format!("{name}]: {address}"))
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// Where in the repository a link of a page leads.
fn place(page: &Path, link: &str) -> PathBuf {
    let file = link.split('#').next().unwrap_or_default();
    let mut place = PathBuf::new();
    for part in page.with_file_name("").join(file).components() {
        match part {
            Component::ParentDir => {
                place.pop();
            }
            part => place.push(part),
        }
    }
    place
}
