//! The stylesheet, the script and the pictures, compiled into the program and served under `/static/`.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 5] = [
    Asset {
        name: "site.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("../static/site.css"),
    },
    Asset {
        name: "forms.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../static/forms.js"),
    },
    Asset {
        name: "signed-in.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../static/signed-in.js"),
    },
    Asset {
        name: "key.svg",
        content_type: "image/svg+xml",
        content: include_str!("../static/key.svg"),
    },
    Asset {
        name: "door.svg",
        content_type: "image/svg+xml",
        content: include_str!("../static/door.svg"),
    },
];

impl Asset {
    fn find(name: &str) -> Option<&'static Asset> {
        ASSETS.iter().find(|asset| asset.name == name)
    }

    fn version(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.content.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// The address of an asset below the root of the site, for templates. It changes with the content, so that browsers may keep what they have.
pub(crate) fn path(name: &str) -> Option<String> {
    Asset::find(name).map(|asset| format!("/static/{name}?v={}", asset.version()))
}

pub(crate) async fn serve(Path(name): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Some(asset) = Asset::find(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let cache = if query == Some(format!("v={}", asset.version())) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, cache)];
    (headers, asset.content).into_response()
}
