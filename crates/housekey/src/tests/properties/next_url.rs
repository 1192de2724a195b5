//! No value of `next` leads a user to another site.

use url::Url;

use super::*;
use crate::origin::Origins;

fn next() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => one_of(&[
            "/", "//", "\\", ".", "..", "%2f", "%2F", "%5c", "%2e", "%0d", "%00", "%", "?", "#", ":",
            "@", "http", "https", "://", "shop.example", "evil.com", "testserver", "\t", "\n",
            "\u{a0}", "\u{2028}", "\u{ff0f}", "\u{2215}", "é", "[::1]", "443", "8443", " ", "\"",
            "<", "a",
        ]),
        1 => any::<char>().prop_map(String::from),
    ];
    prop_oneof![
        4 => vec(piece.clone(), 0..10).prop_map(|pieces| pieces.concat()),
        4 => vec(piece.clone(), 0..10).prop_map(|pieces| format!("/{}", pieces.concat())),
        2 => vec(piece, 0..6).prop_map(|pieces| format!("https://shop.example{}", pieces.concat())),
        1 => any::<String>(),
    ]
}

/// Paths that are not what they look like until their dots and percent signs are resolved.
fn winding_path() -> impl Strategy<Value = String> {
    let piece = one_of(&["/", "/", ".", "..", "%2f", "%2e", "%5c", "a"]);
    vec(piece, 0..7).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// With any `next`, a browser stays on this site or goes to the listed one, and goes where the check said.
fn stays(next: &str) -> Result<(), TestCaseError> {
    static MANAGER: OnceLock<LoginManager<Member>> = OnceLock::new();
    let manager = MANAGER.get_or_init(|| {
        safe()
            .allow_next_origin("https://shop.example")
            .build()
            .unwrap()
    });
    let base = Url::parse("https://testserver/login").unwrap();
    let shop = Url::parse("https://shop.example").unwrap();

    let in_query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    let mut in_url = request::<&str>(&[]);
    in_url.uri = format!("/login?next={in_query}").parse().unwrap();
    let as_field = request::<&str>(&[]);
    for (request, field) in [(&in_url, None), (&as_field, Some(next))] {
        let next_url = open(manager, request).next_url(request).or_field(field);
        let location = next_url.clone().or("/default").unwrap();
        prop_assert!(HeaderValue::from_str(&location).is_ok());
        let target = base.join(&location).unwrap();
        prop_assert!(
            [base.origin(), shop.origin()].contains(&target.origin()),
            "{}",
            target
        );
        prop_assert!(!target.path().starts_with("//"), "{}", target);
        match next_url.get() {
            Some(get) => {
                prop_assert_eq!(get, next);
                // Browsers drop spaces at the end of an address; in the header they are encoded.
                if !next.ends_with(' ') {
                    prop_assert_eq!(base.join(next).unwrap(), target);
                }
            }
            None => prop_assert_eq!(location, "/default"),
        }
    }
    if Origins::default().is_safe_target(next) {
        prop_assert_eq!(base.join(next).unwrap().origin(), base.origin());
    }
    Ok(())
}

/// Paths that begin with a prefix, or with what looks like one.
fn path_below_app() -> impl Strategy<Value = String> {
    let piece = one_of(&[
        "/", "/", "/", "app", ".", "..", "..", "%2f", "%2F", "%2e", "%2E", "%5c", "\\", "\t", "a",
        "?", "#", "%",
    ]);
    let begin = one_of(&["/app", "/app/", "/app%2f", "/%61pp/", "/App/", "/"]);
    (begin, vec(piece, 0..8)).prop_map(|(begin, pieces)| format!("{begin}{}", pieces.concat()))
}

/// What a proxy that decodes a path and then resolves its dots makes of it.
fn resolved(path: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let mut segments = Vec::new();
    for segment in decoded.split(['/', '\\']).skip(1) {
        match segment {
            ".." => drop(segments.pop()),
            "." => {}
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

proptest! {
    /// As the browser resolves the address, and as a proxy does after decoding it.
    #[test]
    fn no_next_leads_out_of_a_prefix(next in prop_oneof![path_below_app(), next(), winding_path()]) {
        static MANAGER: OnceLock<LoginManager<Member>> = OnceLock::new();
        let manager = MANAGER.get_or_init(|| safe().mounted_at("/app").build().unwrap());
        let base = Url::parse("https://testserver/app/login").unwrap();
        let request = request::<&str>(&[]);
        let next_url = open(manager, &request).next_url(&request).or_field(Some(&next));
        let location = next_url.or("/default").unwrap();
        let target = base.join(&location).unwrap();
        prop_assert_eq!(target.origin(), base.origin());
        for path in [target.path().to_owned(), resolved(target.path())] {
            prop_assert!(path == "/app" || path.starts_with("/app/"), "{:?} leads to {}", next, path);
        }
    }

    #[test]
    fn no_next_leads_away(next in next()) {
        stays(&next)?;
    }

    #[test]
    fn no_winding_path_leads_away(next in winding_path()) {
        stays(&next)?;
    }

    #[test]
    fn no_query_makes_next_fail(query in r"[!$-;=?-Z\[\]-~]{0,60}") {
        let mut request = request::<&str>(&[]);
        request.uri = format!("/login?next={query}").parse().unwrap();
        for manager in managers() {
            let location = open(manager, &request).next_url(&request).or("/").unwrap();
            prop_assert!(location.starts_with('/') && !location.starts_with("//"));
        }
    }
}
