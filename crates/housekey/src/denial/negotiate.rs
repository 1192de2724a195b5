//! Finds out what sent a request: a person at a browser, a program, or htmx on behalf of a page.

use http::header::{self, HeaderName};

use crate::head::{Head, SEC_FETCH_MODE, text};
use crate::origin::opens_websocket;

const HX_HISTORY_RESTORE_REQUEST: HeaderName =
    HeaderName::from_static("hx-history-restore-request");
const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const TURBO_FRAME: HeaderName = HeaderName::from_static("turbo-frame");
const TURBO_STREAM: &str = "text/vnd.turbo-stream.html";
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

const X_TURBO_REQUEST_ID: HeaderName = HeaderName::from_static("x-turbo-request-id");

/// More of an `Accept` field than this is not read.
const LONGEST_ACCEPT: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A person, for the login page.
    Person,
    /// htmx, which can be told to take the person there.
    Htmx,
    /// Something that reads status codes.
    Program,
    /// A part of a page, to be refused without a redirect.
    Fragment,
}

impl Asker {
    pub(super) fn of(request: &impl Head) -> Self {
        let is = |name: HeaderName, value: &str| {
            request
                .field(&name)
                .is_some_and(|found| found.eq_ignore_ascii_case(value.as_bytes()))
        };
        // No script can set this one.
        if is(SEC_FETCH_MODE, "navigate") {
            return Self::Person;
        }
        // htmx shows the answer as the whole page here, and does not read HX-Redirect.
        if is(HX_HISTORY_RESTORE_REQUEST, "true") {
            return Self::Person;
        }
        if is(HX_REQUEST, "true") {
            return Self::Htmx;
        }
        if request.has(&TURBO_FRAME) {
            return Self::Fragment;
        }
        if opens_websocket(request)
            || is(X_REQUESTED_WITH, "XMLHttpRequest")
            || has_json_body(request)
        {
            return Self::Program;
        }
        let accept = Accept::of(request);
        let navigates = accept.turbo_stream || request.has(&X_TURBO_REQUEST_ID);
        if accept.prefers_html() && (navigates || !request.has(&SEC_FETCH_MODE)) {
            Self::Person
        } else {
            Self::Program
        }
    }
}

fn has_json_body(request: &impl Head) -> bool {
    let Some(value) = request.field(&header::CONTENT_TYPE).and_then(text) else {
        return false;
    };
    is_json(value.split(';').next().unwrap_or_default().trim())
}

fn is_json(media_type: &str) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    media_type == "application/json" || media_type.ends_with("+json")
}

/// What matters in `Accept`: how much it prefers HTML and JSON, and whether it names the type that only Turbo reads. `*/*` counts
/// for neither, because programs send it.
#[derive(Default)]
struct Accept {
    html: f32,
    json: f32,
    turbo_stream: bool,
}

impl Accept {
    fn of(request: &impl Head) -> Self {
        let fields: Vec<&str> = request.fields(&header::ACCEPT).filter_map(text).collect();
        let mut accept = Self::default();
        if fields.iter().map(|value| value.len()).sum::<usize>() > LONGEST_ACCEPT {
            return accept;
        }
        for range in fields.iter().flat_map(|value| value.split(',')) {
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
                accept.html = accept.html.max(quality);
            } else if is_json(&media_type) {
                accept.json = accept.json.max(quality);
            } else {
                accept.turbo_stream |= media_type == TURBO_STREAM;
            }
        }
        accept
    }

    /// Whether it names HTML, and does not prefer JSON.
    fn prefers_html(&self) -> bool {
        self.html > 0.0 && self.html >= self.json
    }
}
