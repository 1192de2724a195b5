//! What actix-web says in the types of `http` 0.2, in those of `http` 1, which the rules speak, and back.

use std::net::SocketAddr;
use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::http::header::{HeaderMap as Fields, HeaderName, HeaderValue};
use actix_web::http::{StatusCode, Uri as ActixUri, Version as ActixVersion};
use actix_web::web::BytesMut;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use housekey::{Error, Visit};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, Uri, Version};

/// The head of a request. It is made when somebody asks for the first time, and again only if a middleware has changed
/// something since.
pub(crate) fn head(request: &HttpRequest) -> Rc<Parts> {
    if let Some(head) = request.extensions().get::<Rc<Parts>>()
        && is_of(head, request)
    {
        return Rc::clone(head);
    }
    let head = Rc::new(to_parts(request));
    request.extensions_mut().insert(Rc::clone(&head));
    head
}

/// Whether somebody has asked for the head of a request, without which no visit is opened.
pub(crate) fn is_asked_for(request: &HttpRequest) -> bool {
    request.extensions().contains::<Rc<Parts>>()
}

fn is_of(head: &Parts, request: &HttpRequest) -> bool {
    let fields = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    let uri = request.uri();
    head.method.as_str() == request.method().as_str()
        && head.uri.path_and_query().map(|it| it.as_str())
            == uri.path_and_query().map(|it| it.as_str())
        && head.uri.authority().map(|it| it.as_str()) == uri.authority().map(|it| it.as_str())
        && fields.eq(request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes())))
}

fn to_parts(request: &HttpRequest) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    // Both versions have the same rule for a method; what is none would at least not be taken for a safe one.
    parts.method = Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or(Method::POST);
    parts.uri = to_uri(request.uri());
    parts.version = match request.version() {
        ActixVersion::HTTP_09 => Version::HTTP_09,
        ActixVersion::HTTP_10 => Version::HTTP_10,
        ActixVersion::HTTP_2 => Version::HTTP_2,
        ActixVersion::HTTP_3 => Version::HTTP_3,
        _ => Version::HTTP_11,
    };
    parts.headers = to_headers(request.headers());
    if let Some(address) = request.peer_addr() {
        parts.extensions.insert::<SocketAddr>(address);
    }
    parts
}

/// An address that version 1 does not take is `/`, where people may be sent back to.
pub(crate) fn to_uri(uri: &ActixUri) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = uri.scheme_str().and_then(|it| it.parse().ok());
    parts.authority = uri.authority().and_then(|it| it.as_str().parse().ok());
    parts.path_and_query = uri.path_and_query().and_then(|it| it.as_str().parse().ok());
    Uri::from_parts(parts).unwrap_or_default()
}

/// All values share one buffer.
fn to_headers(fields: &Fields) -> HeaderMap {
    let length = fields.iter().map(|(_, value)| value.len()).sum();
    let mut bytes = BytesMut::with_capacity(length);
    fields
        .iter()
        .for_each(|(_, value)| bytes.extend_from_slice(value.as_bytes()));
    let mut bytes = bytes.freeze();
    let mut headers = HeaderMap::try_with_capacity(fields.len_keys()).unwrap_or_default();
    for (name, value) in fields {
        let bytes = bytes.split_to(value.len());
        // Both versions have the same rules for names and values.
        if let (Ok(name), Ok(mut to)) = (
            http::HeaderName::from_bytes(name.as_str().as_bytes()),
            http::HeaderValue::from_maybe_shared(bytes),
        ) {
            to.set_sensitive(value.is_sensitive());
            // More fields than fit are more than a server takes.
            let _ = headers.try_append(name, to);
        }
    }
    headers
}

/// Adds a field of the rules'.
fn append(fields: &mut Fields, name: &http::HeaderName, value: &http::HeaderValue) {
    if let (Ok(name), Ok(mut to)) = (
        HeaderName::from_bytes(name.as_str().as_bytes()),
        HeaderValue::from_bytes(value.as_bytes()),
    ) {
        to.set_sensitive(value.is_sensitive());
        fields.append(name, to);
    }
}

/// A response of the rules'.
pub(crate) fn from_response(response: Response<String>) -> HttpResponse {
    let (parts, body) = response.into_parts();
    let status = StatusCode::from_u16(parts.status.as_u16());
    let mut to = HttpResponse::with_body(
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        BoxBody::new(body),
    );
    for (name, value) in &parts.headers {
        append(to.headers_mut(), name, value);
    }
    to
}

/// [`Visit::finish`]: it sees every field, and those that it leaves alone stay as they are, byte for byte.
pub(crate) fn finish(visit: &Visit, fields: &mut Fields) -> Result<(), Error> {
    let mut headers = to_headers(fields);
    visit.finish(&mut headers)?;
    for name in headers.keys() {
        let values = || headers.get_all(name).iter();
        let before = fields.get_all(name.as_str()).map(|it| it.as_bytes());
        if !values().map(|it| it.as_bytes()).eq(before) {
            fields.remove(name.as_str());
            values().for_each(|value| append(fields, name, value));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::http::Method as ActixMethod;
    use actix_web::test::TestRequest;

    use super::*;

    const BYTES: &[u8] = b"caf\xe9\t\xff";

    #[test]
    fn a_head_says_the_same_in_both_versions_and_is_made_once() {
        for uri in [
            "/",
            "/members/%C3%A9{\"a\"}?next=%2F&b={c:[1]}|^`",
            "//evil.example/x",
            "https://site.example:8443/x?y",
            "http://site.example?y",
            "site.example:443",
            "*",
        ] {
            let request = TestRequest::with_uri(uri)
                .method(ActixMethod::from_bytes(b"PURGE").unwrap())
                .version(ActixVersion::HTTP_2)
                .append_header(("cookie", "a=1"))
                .append_header(("x-own", "first"))
                .append_header(("x-own", HeaderValue::from_bytes(BYTES).unwrap()))
                .append_header(("cookie", ""))
                .to_http_request();
            assert!(!is_asked_for(&request));
            let made = head(&request);
            assert!(
                is_asked_for(&request) && Rc::ptr_eq(&made, &head(&request)),
                "{uri}"
            );
            assert_eq!(made.method.as_str(), "PURGE");
            assert_eq!(made.version, Version::HTTP_2);
            assert_eq!(made.uri.to_string(), request.uri().to_string());
            let all = |name: &str| -> Vec<&[u8]> {
                let values = made.headers.get_all(name).iter();
                values.map(|value| value.as_bytes()).collect()
            };
            assert_eq!(all("cookie"), [b"a=1".as_slice(), b""]);
            assert_eq!(all("x-own"), [b"first".as_slice(), BYTES]);
        }
    }

    /// Servers take fewer. Here it is that nothing panics.
    #[test]
    fn more_fields_than_a_map_can_hold_are_left_out() {
        let mut fields = Fields::new();
        for number in 0..50_000 {
            let name = HeaderName::from_bytes(format!("x-{number}").as_bytes()).unwrap();
            fields.append(name, HeaderValue::from_static("1"));
        }
        let headers = to_headers(&fields);
        assert!(
            (10_000..50_000).contains(&headers.len()),
            "{}",
            headers.len()
        );
    }
}
