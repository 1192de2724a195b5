//! actix-web's `http` 0.2 types, as the rules read and write them.

use std::net::SocketAddr;
use std::sync::LazyLock;

use actix_web::body::BoxBody;
use actix_web::http::header::{HeaderMap, HeaderName as ActixName, HeaderValue as ActixValue};
use actix_web::http::{StatusCode, Version as ActixVersion};
use actix_web::{HttpRequest, HttpResponse};
use housekey::door::{ALWAYS_READ, COMMON_VALUES, Fields, ForeignHead, Translated};
use http::{Extensions, HeaderName, HeaderValue, Response, Version};

/// The head of a request in its present state: a middleware may still change it.
pub(crate) type Head = Translated<ActixHead>;

pub(crate) fn head(request: &HttpRequest) -> Head {
    Translated::new(ActixHead(request.clone()))
}

/// The names that the rules always look for, in both types.
static NAMES: LazyLock<Vec<(HeaderName, ActixName)>> = LazyLock::new(|| {
    let both = |name: HeaderName| Some((name.clone(), actix_name(&name)?));
    ALWAYS_READ.into_iter().filter_map(both).collect()
});

pub(crate) struct ActixHead(HttpRequest);

impl ForeignHead for ActixHead {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn target(&self) -> [Option<&str>; 3] {
        let uri = self.0.uri();
        let authority = uri.authority().map(|it| it.as_str());
        let path = uri.path_and_query().map(|it| it.as_str());
        [uri.scheme_str(), authority, path]
    }

    fn version(&self) -> Version {
        match self.0.version() {
            ActixVersion::HTTP_09 => Version::HTTP_09,
            ActixVersion::HTTP_10 => Version::HTTP_10,
            ActixVersion::HTTP_2 => Version::HTTP_2,
            ActixVersion::HTTP_3 => Version::HTTP_3,
            _ => Version::HTTP_11,
        }
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let fields = self.0.headers().iter();
        fields.map(|(name, value)| (name.as_str(), value.as_bytes()))
    }

    fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> {
        let headers = self.0.headers();
        let ready = NAMES.iter().find(|(ready, _)| ready == name);
        let values = match ready {
            Some((_, name)) => headers.get_all(name),
            None => headers.get_all(name.as_str()),
        };
        values.map(|value| value.as_bytes())
    }

    fn each<'a>(&'a self, mut seen: impl FnMut(&'a str, &'a [u8])) {
        let headers = self.0.headers();
        for (_, name) in &*NAMES {
            let values = headers.get_all(name);
            values.for_each(|value| seen(name.as_str(), value.as_bytes()));
        }
    }

    fn extend(&self, extensions: &mut Extensions) {
        if let Some(address) = self.0.peer_addr() {
            extensions.insert::<SocketAddr>(address);
        }
    }
}

/// The header fields of a response.
pub(crate) struct ActixFields<'a>(pub(crate) &'a mut HeaderMap);

impl ActixFields<'_> {
    fn put(
        &mut self,
        (name, value): (&HeaderName, &HeaderValue),
        put: impl FnOnce(&mut HeaderMap, ActixName, ActixValue),
    ) {
        // Both versions have the same rules for names and values.
        if let (Some(name), Some(mut to)) = (actix_name(name), actix_value(value)) {
            to.set_sensitive(value.is_sensitive());
            put(self.0, name, to);
        }
    }
}

/// The values that the rules send again and again.
static VALUES: LazyLock<[ActixValue; COMMON_VALUES.len()]> =
    LazyLock::new(|| COMMON_VALUES.map(ActixValue::from_static));

fn actix_value(value: &HeaderValue) -> Option<ActixValue> {
    match VALUES.iter().find(|common| *common == value.as_bytes()) {
        Some(common) => Some(common.clone()),
        None => ActixValue::from_bytes(value.as_bytes()).ok(),
    }
}

/// Names in nearly every response of the rules need no parsing.
fn actix_name(name: &HeaderName) -> Option<ActixName> {
    use actix_web::http::header as actix;
    use http::header;
    Some(match *name {
        header::CACHE_CONTROL => actix::CACHE_CONTROL,
        header::CONTENT_TYPE => actix::CONTENT_TYPE,
        header::LOCATION => actix::LOCATION,
        header::SET_COOKIE => actix::SET_COOKIE,
        header::VARY => actix::VARY,
        _ => return ActixName::from_bytes(name.as_str().as_bytes()).ok(),
    })
}

impl Fields for ActixFields<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| name.as_str())
    }

    fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.0.get_all(name.as_str()).map(|value| value.as_bytes())
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.put((&name, &value), HeaderMap::append);
    }

    fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.put((&name, &value), |fields, name, value| {
            fields.insert(name, value);
        });
    }
}

/// A response of the rules.
pub(crate) fn from_response(response: &Response<String>) -> HttpResponse {
    let status = StatusCode::from_u16(response.status().as_u16());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match response.body().as_str() {
        "" => BoxBody::new(()),
        text => BoxBody::new(text.to_owned()),
    };
    let mut to = HttpResponse::with_body(status, body);
    let mut fields = ActixFields(to.headers_mut());
    for field in response.headers() {
        fields.put(field, HeaderMap::append);
    }
    to
}
