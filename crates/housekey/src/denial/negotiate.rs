//! Who is asking: a person at a browser, a program, or htmx on behalf of a page.

use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;

use crate::origin::opens_websocket;

const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const TURBO_FRAME: HeaderName = HeaderName::from_static("turbo-frame");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// More of an `Accept` field than this is not read.
const LONGEST_ACCEPT: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Somebody who would like to see the login page.
    Person,
    /// htmx, which can be told to take the person there.
    Htmx,
    /// Something that reads status codes.
    Program,
    /// A part of a page, to be refused without a redirect.
    Fragment,
}

impl Asker {
    pub(super) fn of(request: &Parts) -> Self {
        let headers = &request.headers;
        let is = |name: HeaderName, value: &str| {
            headers
                .get(name)
                .is_some_and(|found| found.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
        };
        // No script can set this one.
        if is(SEC_FETCH_MODE, "navigate") {
            return Self::Person;
        }
        if is(HX_REQUEST, "true") {
            return Self::Htmx;
        }
        if headers.contains_key(TURBO_FRAME) {
            return Self::Fragment;
        }
        if opens_websocket(request)
            || is(X_REQUESTED_WITH, "XMLHttpRequest")
            || headers.contains_key(SEC_FETCH_MODE)
        {
            return Self::Program;
        }
        if has_json_body(headers) {
            return Self::Program;
        }
        if prefers_html(headers) {
            Self::Person
        } else {
            Self::Program
        }
    }
}

fn has_json_body(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    is_json(value.split(';').next().unwrap_or_default().trim())
}

fn is_json(media_type: &str) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    media_type == "application/json" || media_type.ends_with("+json")
}

/// Whether `Accept` names HTML, and nothing of JSON that it would rather have. `*/*` names nothing: that is what
/// programs send.
fn prefers_html(headers: &HeaderMap) -> bool {
    let accept: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    if accept.iter().map(|value| value.len()).sum::<usize>() > LONGEST_ACCEPT {
        return false;
    }
    let mut html = 0.0_f32;
    let mut json = 0.0_f32;
    for range in accept.iter().flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts
            .find_map(|parameter| {
                parameter
                    .strip_prefix("q=")
                    .or_else(|| parameter.strip_prefix("Q="))
            })
            .map_or(1.0, |text| text.parse::<f32>().unwrap_or(0.0));
        if matches!(media_type.as_str(), "text/html" | "application/xhtml+xml") {
            html = html.max(quality);
        } else if is_json(&media_type) {
            json = json.max(quality);
        }
    }
    html > 0.0 && html >= json
}
