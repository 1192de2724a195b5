//! What kind of client is asking: the rules in the documentation of `housekey`'s `denial` room, one by one.

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
    let mode = first("sec-fetch-mode");
    let upgrades = fields.get_all("upgrade").iter().any(|value| {
        let protocols = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        protocols
            .split([',', '/'])
            .any(|protocol| protocol.trim_ascii() == "websocket")
    });
    let (html, json, turbo) = accepted(fields);
    if mode.as_deref() == Some("navigate") || is("hx-history-restore-request", "true") {
        Asker::Person
    } else if is("hx-request", "true") {
        Asker::Htmx
    } else if first("turbo-frame").is_some() {
        Asker::Fragment
    } else if upgrades
        || is("x-requested-with", "xmlhttprequest")
        || content_type.is_some_and(|kind| is_json(kind.split(';').next().unwrap().trim()))
        || (mode.is_some() && !turbo && first("x-turbo-request-id").is_none())
    {
        Asker::Program
    } else if html > 0.0 && html >= json {
        Asker::Person
    } else {
        Asker::Program
    }
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || kind.ends_with("+json")
}

/// The qualities of HTML and of JSON, and whether Turbo's streams are named.
fn accepted(fields: &HeaderMap) -> (f32, f32, bool) {
    let lists = fields.get_all("accept").iter();
    let lists: Vec<_> = lists.filter_map(|list| list.to_str().ok()).collect();
    if lists.iter().map(|list| list.len()).sum::<usize>() > 4096 {
        return (0.0, 0.0, false);
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
    (
        best(|kind| matches!(kind, "text/html" | "application/xhtml+xml")),
        best(is_json),
        ranges
            .iter()
            .any(|(kind, _)| kind == "text/vnd.turbo-stream.html"),
    )
}
