//! Who is asking, read off the rules in `housekey::Denied`'s room one by one.

use http::HeaderMap;

#[derive(Debug)]
pub enum Asker {
    Person,
    Htmx,
    Program,
    Fragment,
}

pub fn asker(fields: &HeaderMap) -> Asker {
    let first = |name: &str| {
        let value = fields.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
    };
    let is = |name: &str, value: &str| first(name).as_deref() == Some(value);
    let content_type = first("content-type").filter(|_| fields["content-type"].to_str().is_ok());
    if is("hx-request", "true") {
        Asker::Htmx
    } else if first("turbo-frame").is_some() {
        Asker::Fragment
    } else if is("upgrade", "websocket") || is("x-requested-with", "xmlhttprequest") {
        Asker::Program
    } else if let Some(mode) = first("sec-fetch-mode") {
        match &*mode {
            "navigate" => Asker::Person,
            _ => Asker::Program,
        }
    } else if content_type.is_some_and(|kind| is_json(kind.split(';').next().unwrap().trim())) {
        Asker::Program
    } else if names_html(fields) {
        Asker::Person
    } else {
        Asker::Program
    }
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || kind.ends_with("+json")
}

/// Whether HTML is named with a quality above 0 that no JSON exceeds.
fn names_html(fields: &HeaderMap) -> bool {
    let lists = fields.get_all("accept").iter();
    let lists: Vec<_> = lists.filter_map(|list| list.to_str().ok()).collect();
    if lists.iter().map(|list| list.len()).sum::<usize>() > 4096 {
        return false;
    }
    let all = lists.join(",").to_ascii_lowercase();
    let ranges = all.split(',').map(|range| {
        let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
        let quality = parameters
            .split(';')
            .find_map(|parameter| parameter.trim().strip_prefix("q="))
            .map_or(1.0, |quality| quality.parse::<f32>().unwrap_or(0.0));
        (kind.trim().to_owned(), quality)
    });
    let ranges: Vec<_> = ranges.collect();
    let best = |of: fn(&str) -> bool| {
        let qualities = ranges.iter().filter(|(kind, _)| of(kind));
        qualities.fold(0.0_f32, |best, (_, quality)| best.max(*quality))
    };
    let html = best(|kind| matches!(kind, "text/html" | "application/xhtml+xml"));
    html > 0.0 && html >= best(is_json)
}
