//! Any request at the whole door: a router with the layer, guards and extractors. There is never a panic and never a
//! 5xx, the members' pages open for nobody but whose cookies were given out, no answer logs anybody in, and who may
//! not pass is answered as the rules of negotiation say.
//!
//! The bytes are text. The first line is a digit that chooses the site, a method and a target; then header fields;
//! then, after an empty line, a body. A line that begins with `@` adds a cookie or changes the last one:
//!
//! - `@m`, `@n`: mia's session, her remember token. `@b`, `@c`: ben's.
//! - `@j…` signs this text as a session, `@p…` this payload as one, `@t…` this payload as a remember token. 1 and 2 stand
//!   for the text in mia's session and for the payload of her token.
//! - `@f123` flips bit 123 of the last cookie, `@x12` cuts it off there.
//! - `@w60` lets a minute go by after the cookies were given out.

use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::{any, get, post};
use futures_lite::future::block_on;
use housekey::records::MemoryLoginStore;
use housekey::{LoginManager, SessionProtection};
use housekey_axum::{
    AnswerAs, CurrentUser, Error, Flash, FreshLoginRequired, Login, LoginManagerExt as _,
    LoginRequired, NextUrl, Session, fresh_login_required, login_required, login_scope,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use tower::ServiceExt as _;
use url::Url;

use crate::asker::{Asker, asker};
use crate::formats::{
    base64, expand, from_base64, signed_by_flask, signed_for, signed_session, timestamp,
};
use crate::site::{Cookies, Member, NOW, flask, log_in, safe, set_clock};

struct Site {
    manager: LoginManager<Member>,
    router: Router,
    is_flask: bool,
    has_records: bool,
}

static SITES: LazyLock<[Site; 4]> = LazyLock::new(|| {
    let site = |builder: housekey::LoginManagerBuilder<Member>, is_flask, has_records| {
        let builder = builder.login_view("/login").refresh_view("/confirm");
        let builder = builder.login_message("Please log in.");
        let manager = match has_records {
            true => builder.login_store(MemoryLoginStore::new()),
            false => builder,
        };
        let manager = manager.build().unwrap();
        Site {
            router: routes(has_records).layer(manager.layer()).with_state(()),
            manager,
            is_flask,
            has_records,
        }
    };
    let strong = safe()
        .trusted_proxies(1)
        .session_protection(SessionProtection::Strong);
    [
        site(safe(), false, false),
        site(strong, false, true),
        site(flask().trusted_proxies(2), true, false),
        site(flask().remember_refresh_each_request(), true, true),
    ]
});

fn routes(has_records: bool) -> Router {
    let guarded = Router::new()
        .route("/guarded", any(hello_to_current))
        .route_layer(login_required::<Member>());
    let fresh = Router::new()
        .route("/guarded/fresh", get(hello_to_current))
        .route_layer(fresh_login_required::<Member>());
    let admin = Router::new()
        .route("/admin", get(hello_to_current))
        .route_layer(login_required::<Member>().require(|member| member.id == "mia"));
    let api = Router::new()
        .route("/api", any(hello))
        .route_layer(login_scope::<Member>().answer_as(AnswerAs::Api));
    let records = match has_records {
        true => Router::new().route("/logins", get(logins)),
        false => Router::new(),
    };
    Router::new()
        .route("/", get(async || "for everybody"))
        .route("/who", any(hello_to_current))
        .route("/members", any(hello))
        .route("/fresh", any(hello_to_fresh))
        .route("/login", get(async |next: NextUrl| next.or("/")))
        .route("/logout", post(log_out))
        .route("/session/{key}", post(write).get(read))
        .route("/flash", post(flash).get(flashes))
        .merge(guarded)
        .merge(fresh)
        .merge(admin)
        .merge(api)
        .merge(records)
}

async fn hello(LoginRequired(member): LoginRequired<Member>) -> String {
    format!("hello {}", member.id)
}

async fn hello_to_fresh(FreshLoginRequired(member): FreshLoginRequired<Member>) -> String {
    format!("hello {}", member.id)
}

async fn hello_to_current(current: CurrentUser<Member>) -> String {
    let remembered = current.is_remembered();
    assert!(current.is_authenticated() || !(remembered || current.is_fresh()));
    current
        .user()
        .map_or("nobody".to_owned(), |member| format!("hello {}", member.id))
}

async fn log_out(login: Login<Member>) -> Result<&'static str, Error> {
    login.logout_user().await?;
    Ok("bye")
}

async fn logins(_: LoginRequired<Member>, login: Login<Member>) -> Result<String, Error> {
    let logins = login.logins().await?;
    for login in &logins {
        let agent = login.user_agent.as_deref().unwrap_or_default();
        assert!(agent.len() <= 256 && !agent.contains(char::is_control));
    }
    Ok(logins.len().to_string())
}

async fn read(session: Session, path: axum::extract::Path<String>) -> String {
    let value = session.get::<serde_json::Value>(&path);
    value.map_or("not that".to_owned(), |value| format!("{value:?}"))
}

async fn write(session: Session, path: axum::extract::Path<String>, text: String) -> String {
    let written = session.insert(&path, &text);
    written.map_or_else(|error| error.to_string(), |()| "kept".to_owned())
}

async fn flash(flash: Flash, text: String) -> String {
    let said = flash.message(&text);
    said.map_or_else(|error| error.to_string(), |()| "said".to_owned())
}

async fn flashes(flash: Flash) -> String {
    format!("{:?}", flash.take())
}

/// What the bytes ask for.
struct Asked {
    request: Request<Body>,
    /// Whose cookies are in it as they were given out.
    owners: Vec<&'static str>,
    /// Whether something was signed that was not given out.
    is_signed: bool,
    now: u64,
}

pub fn check(bytes: &[u8]) {
    set_clock(NOW);
    let site = match bytes.first() {
        Some(digit @ b'0'..=b'3') => &SITES[usize::from(digit - b'0')],
        _ => return,
    };
    if let Some(asked) = read_request(site, &bytes[1..]) {
        set_clock(asked.now);
        answer(site, asked);
    }
    set_clock(NOW);
    if site.has_records {
        for id in ["mia", "ben"] {
            block_on(site.manager.end_logins_of(id)).unwrap();
        }
    }
}

fn read_request(site: &Site, bytes: &[u8]) -> Option<Asked> {
    let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &b""[..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut first = lines.next()?.splitn(2, |byte| *byte == b' ');
    let method = Method::from_bytes(first.next()?).ok()?;
    let uri = Uri::try_from(first.next()?).ok()?;

    let given = ["mia", "ben"].map(|id| (id, log_in(&site.manager, id, true)));
    let mia = &given[0].1;
    let in_mia = text_of_session(mia.value("session")?);
    let token = mia.value("token")?;
    let in_token = match site.is_flask {
        true => token,
        false => token.rsplitn(3, '.').nth(2)?,
    };
    let texts: [(u8, &[u8]); 2] = [(1, &in_mia), (2, in_token.as_bytes())];

    let mut request = Request::new(Body::from(body.to_vec()));
    let (mut cookies, mut is_signed, mut now) = (Vec::<(String, Vec<u8>)>::new(), false, NOW);
    for line in lines {
        let [b'@', command, rest @ ..] = line else {
            add_field(request.headers_mut(), line);
            continue;
        };
        let number = std::str::from_utf8(rest)
            .ok()
            .and_then(|text| text.parse::<u32>().ok());
        let number = number.map_or(0, |number| number as usize);
        let of = |index: usize, name: &str| {
            let cookies: &Cookies = &given[index].1;
            let pair = cookies
                .0
                .iter()
                .find(|(found, _)| found.ends_with(name))
                .unwrap();
            (pair.0.clone(), pair.1.clone().into_bytes())
        };
        match command {
            b'm' => cookies.push(of(0, "session")),
            b'n' => cookies.push(of(0, "token")),
            b'b' => cookies.push(of(1, "session")),
            b'c' => cookies.push(of(1, "token")),
            b'j' => {
                is_signed = true;
                let payload = base64(expand(rest, &texts));
                cookies.push((of(0, "session").0, site.sign_session(payload.as_bytes())));
            }
            b'p' => {
                is_signed = true;
                cookies.push((of(0, "session").0, site.sign_session(rest)));
            }
            b't' => {
                is_signed = true;
                let (name, _) = of(0, "token");
                cookies.push((name.clone(), site.sign_token(&name, &expand(rest, &texts))));
            }
            b'f' => {
                let (_, value) = cookies.last_mut()?;
                let bits = 8 * value.len();
                if bits > 0 {
                    let bit = number % bits;
                    value[bit / 8] ^= 1 << (bit % 8);
                }
            }
            b'x' => cookies.last_mut()?.1.truncate(number),
            b'w' => now += number as u64,
            _ => {}
        }
    }
    let pairs: Vec<_> = cookies
        .iter()
        .map(|(name, value)| [name.as_bytes(), b"=", value].concat())
        .collect();
    if !pairs.is_empty() {
        let field = HeaderValue::from_bytes(&pairs.join(&b"; "[..])).ok()?;
        request.headers_mut().append("cookie", field);
    }
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let owners = given.iter().filter(|(_, given)| {
        let is_sent = |value: &str| cookies.iter().any(|(_, sent)| sent == value.as_bytes());
        given.0.iter().any(|(_, value)| is_sent(value))
    });
    Some(Asked {
        owners: owners.map(|(id, _)| *id).collect(),
        request,
        is_signed,
        now,
    })
}

impl Site {
    fn sign_session(&self, payload: &[u8]) -> Vec<u8> {
        let now = timestamp(NOW);
        match self.is_flask {
            true => signed_by_flask(payload, now.as_bytes()),
            false => signed_session(payload, now.as_bytes()),
        }
    }

    /// Flask-Login's is signed for its user only; that is the target `tokens`' affair.
    fn sign_token(&self, name: &str, payload: &[u8]) -> Vec<u8> {
        let kind = match self.has_records {
            _ if self.is_flask => return payload.to_vec(),
            true => "rotating remember token",
            false => "remember token",
        };
        signed_for(
            &["housekey", kind, name],
            payload,
            timestamp(NOW).as_bytes(),
        )
    }
}

fn text_of_session(value: &str) -> Vec<u8> {
    from_base64(value.split('.').next().unwrap()).unwrap()
}

/// A line that no server would hand on is left out.
fn add_field(headers: &mut HeaderMap, line: &[u8]) {
    let mut halves = line.splitn(2, |byte| *byte == b':');
    let name = HeaderName::from_bytes(halves.next().unwrap_or_default());
    let value = HeaderValue::from_bytes(halves.next().unwrap_or_default().trim_ascii());
    if let (Ok(name), Ok(value)) = (name, value) {
        headers.append(name, value);
    }
}

fn answer(site: &Site, asked: Asked) {
    let (method, uri) = (asked.request.method().clone(), asked.request.uri().clone());
    let fields = asked.request.headers().clone();
    let (status, headers, body) = send(site, asked.request);
    let told = format!("{method} {uri} {fields:?} -> {status} {headers:?} {body}");
    assert!(status.as_u16() < 500, "{told}");

    let found = body.strip_prefix("hello ");
    if let Some(found) = found {
        let is_theirs = asked.owners.contains(&found);
        assert!(
            is_theirs || (asked.is_signed && !site.keeps_secrets()),
            "{told}"
        );
    }
    let is_protected = ["/members", "/fresh", "/guarded/fresh", "/admin", "/api"];
    if is_protected.contains(&uri.path()) && status.is_success() {
        assert!(found.is_some() || method == Method::HEAD, "{told}");
    }
    if uri.path() == "/admin" && !asked.is_signed {
        assert!(found.is_none_or(|found| found == "mia"), "{told}");
    }

    // Nobody is logged in by an answer who was not before.
    let given = Cookies::of(&headers);
    let mut again = Request::new(Body::empty());
    *again.uri_mut() = Uri::from_static("/who");
    let cookie = HeaderValue::from_str(&given.field()).expect("what was given can be sent");
    again.headers_mut().insert("cookie", cookie);
    for name in ["user-agent", "x-forwarded-for"] {
        for value in fields.get_all(name) {
            again.headers_mut().append(name, value.clone());
        }
    }
    let (_, _, after) = send(site, again);
    if let Some(user) = after.strip_prefix("hello ") {
        let is_theirs = asked.owners.contains(&user);
        assert!(
            is_theirs || (asked.is_signed && !site.keeps_secrets()),
            "{told}, then {after}"
        );
        assert_ne!(uri.path(), "/logout", "{told}, then {after}");
    }

    // What was made for one user, or hands out a cookie, is nobody else's.
    if found.is_some() || !given.0.is_empty() {
        let control = headers.get("cache-control").map(HeaderValue::as_bytes);
        let control = String::from_utf8_lossy(control.unwrap_or_default()).into_owned();
        assert!(
            control.contains("private") || control.contains("no-store"),
            "{told}"
        );
        let varies = headers.get_all("vary").iter();
        let mut varies = varies.map(|value| value.to_str().unwrap().to_ascii_lowercase());
        assert!(varies.any(|value| value.contains("cookie")), "{told}");
    }
    if let Some(location) = headers.get("location").or(headers.get("hx-redirect")) {
        let page = Url::parse("https://members.example/").unwrap();
        let target = page.join(location.to_str().unwrap()).unwrap();
        assert_eq!(target.origin(), page.origin(), "{told}");
    }
    // A WebSocket of another origin is nobody's. (What a called host and an origin have in common is not for here.)
    let opens = method == Method::CONNECT || fields.contains_key("upgrade");
    if status == StatusCode::FORBIDDEN && opens && fields.contains_key("origin") {
        assert!(found.is_none() && given.0.is_empty(), "{told}");
        return;
    }
    // The one protected page that every method reaches.
    if uri.path() == "/members" && found.is_none() && method != Method::HEAD {
        denied_rightly(site, &fields, status, &headers, &told);
    }
}

impl Site {
    /// Whether a login needs a secret besides the signature.
    fn keeps_secrets(&self) -> bool {
        self.has_records && !self.is_flask
    }
}

fn denied_rightly(
    site: &Site,
    fields: &HeaderMap,
    status: StatusCode,
    headers: &HeaderMap,
    told: &str,
) {
    let kind = headers
        .get("content-type")
        .map(|kind| kind.to_str().unwrap());
    let is_problem = kind == Some("application/problem+json");
    let leads = |name: &str| {
        let to = headers.get(name).map(|to| to.to_str().unwrap());
        to.is_some_and(|to| to == "/login" || to.starts_with("/login?next=%2F"))
    };
    let is_right = match asker(fields) {
        _ if site.is_flask => status == StatusCode::FOUND && leads("location"),
        Asker::Person => status == StatusCode::SEE_OTHER && leads("location"),
        Asker::Htmx => status == StatusCode::UNAUTHORIZED && leads("hx-redirect"),
        Asker::Program => status == StatusCode::UNAUTHORIZED && is_problem,
        Asker::Fragment => status == StatusCode::UNAUTHORIZED && !is_problem,
    };
    assert!(is_right, "{:?}: {told}", asker(fields));
    let is_refused = status == StatusCode::UNAUTHORIZED;
    assert_eq!(
        headers.contains_key("www-authenticate"),
        is_refused,
        "{told}"
    );
}

fn send(site: &Site, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    block_on(async {
        let response = match site.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        (parts.status, parts.headers, body)
    })
}
