//! A form that is posted without a login: the client gets the answer even while it is still sending. Over real sockets,
//! where a server that closes while a client sends resets the connection.
#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::DefaultBodyLimit;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use door_tests::{Member, Members};
use housekey_axum::*;
use http_body::Frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

fn app(set: impl FnOnce(LoginManagerBuilder<Member>) -> LoginManagerBuilder<Member>) -> Router {
    let builder =
        LoginManager::new(SecretKeys::generate(), Members::default()).login_view("/login");
    let manager = set(builder).build().unwrap();
    let length = async |body: Bytes| body.len().to_string();
    Router::new()
        .route(
            "/extractor",
            post(async |_: LoginRequired<Member>, _: Bytes| ""),
        )
        .route(
            "/fresh",
            post(async |_: FreshLoginRequired<Member>, _: Bytes| ""),
        )
        .route("/guard", post(length))
        .route_layer(login_required::<Member>())
        .route("/open", post(length))
        .route("/early", post(async || StatusCode::IM_A_TEAPOT))
        .route(
            "/login",
            post(async |login: Login<Member>| -> Result<(), Error> {
                Ok(login.login_user(&Member::new("1")).await?)
            }),
        )
        .layer(DefaultBodyLimit::max(64 << 20))
        .layer(manager.layer())
}

async fn serve(app: Router) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    TcpStream::connect(address).await.unwrap()
}

/// The head of a form that a visitor without a login posts from a page of the site.
fn head(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: site.example\r\nAccept: text/html\r\n{more}\r\n\r\n")
}

/// The next answer of the connection: the status line and the header fields, in lower case, without a body's bytes.
async fn answer(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.expect("the answer was lost"));
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    connection.read_exact(&mut body).await.unwrap();
    head
}

/// Sends everything before it reads anything, as browsers and proxies do.
async fn post_all(connection: &mut TcpStream, path: &str, length: u64) -> String {
    let head = head(path, &format!("Content-Length: {length}"));
    connection.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 64 * KIB as usize];
    let mut left = length as usize;
    while left > 0 {
        let now = left.min(piece.len());
        connection
            .write_all(&piece[..now])
            .await
            .expect("the connection was reset");
        left -= now;
    }
    answer(connection).await
}

#[tokio::test]
async fn a_form_of_any_usual_size_gets_its_answer_and_the_connection_goes_on() {
    let mut connection = serve(app(|builder| builder)).await;
    for path in ["/extractor", "/fresh", "/guard"] {
        for length in [0, 1, 300 * KIB, MIB, 5 * MIB, 16 * MIB] {
            let answer = post_all(&mut connection, path, length).await;
            assert!(
                answer.starts_with("http/1.1 303"),
                "{path} {length}: {answer}"
            );
            assert!(answer.contains("location: /login"), "{answer}");
            assert!(!answer.contains("connection: close"), "{length}: {answer}");
        }
    }
    let answer = post_all(&mut connection, "/open", 300 * KIB).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_body_in_pieces_of_unknown_number_is_read_to_its_end_too() {
    let mut connection = serve(app(|builder| builder)).await;
    for _ in 0..2 {
        let head = head("/guard", "Transfer-Encoding: chunked");
        connection.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..30 {
            let chunk = format!("2710\r\n{}\r\n", "x".repeat(10_000));
            connection.write_all(chunk.as_bytes()).await.unwrap();
        }
        connection.write_all(b"0\r\n\r\n").await.unwrap();
        let answer = answer(&mut connection).await;
        assert!(answer.starts_with("http/1.1 303"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_answered_and_not_asked() {
    let mut connection = serve(app(|builder| builder)).await;
    let head = head("/guard", "Content-Length: 300000\r\nExpect: 100-continue");
    connection.write_all(head.as_bytes()).await.unwrap();
    let first = answer(&mut connection).await;
    assert!(first.starts_with("http/1.1 303"), "{first}");
    assert!(first.contains("connection: close"), "{first}");
    assert_eq!(connection.read(&mut [0]).await.unwrap(), 0, "closed");
}

#[tokio::test]
async fn a_client_that_stops_sending_is_answered_after_a_while_and_cut_off() {
    let soon = Duration::from_millis(20);
    let mut connection = serve(app(|builder| builder.discard_denied_body(MIB, soon))).await;
    let head = head("/guard", "Content-Length: 300000");
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(b"only this").await.unwrap();
    let answer = answer(&mut connection).await;
    assert!(answer.starts_with("http/1.1 303"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(connection.read(&mut [0]).await.unwrap(), 0, "closed");
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_answered_at_once_and_cut_off() {
    let mut connection = serve(app(|builder| {
        builder.discard_denied_body(64 * KIB, Duration::MAX)
    }))
    .await;
    let head = head("/guard", "Content-Length: 65537");
    connection.write_all(head.as_bytes()).await.unwrap();
    let answer = answer(&mut connection).await;
    assert!(answer.starts_with("http/1.1 303"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

/// A body of many pieces that counts how many of its bytes were read. It may be endless.
struct Counted {
    left: u64,
    then_waits: bool,
    taken: Arc<AtomicU64>,
}

const PIECE: u64 = KIB;

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            return match self.then_waits {
                true => Poll::Pending,
                false => Poll::Ready(None),
            };
        }
        self.left -= PIECE;
        self.taken.fetch_add(PIECE, Ordering::SeqCst);
        let piece = Bytes::from_static(&[b'x'; PIECE as usize]);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

/// The answer to a post of this many KiB, and how many of them were read.
async fn post_counted(
    app: &Router,
    path: &str,
    kib: u64,
    then_waits: bool,
    version: http::Version,
) -> (Response, u64) {
    let taken = Arc::new(AtomicU64::new(0));
    let body = Counted {
        left: kib * KIB,
        then_waits,
        taken: Arc::clone(&taken),
    };
    let request = Request::post(path)
        .version(version)
        .header(header::ACCEPT, "text/html")
        .body(Body::new(body))
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    (response, taken.load(Ordering::SeqCst) / KIB)
}

#[tokio::test(start_paused = true)]
async fn no_more_is_read_than_the_setting_says_nor_for_longer() {
    let (h1, h2) = (http::Version::HTTP_11, http::Version::HTTP_2);
    let limited = app(|builder| builder.discard_denied_body(64 * KIB, Duration::from_secs(3)));
    let off = app(|builder| builder.discard_denied_body(0, Duration::from_secs(3)));
    for (app, kib, waits, version, read, closes) in [
        (&limited, 10, false, h1, 10, false),
        (&limited, 64, false, h1, 64, false),
        (&limited, 65, false, h1, 65, true),
        (&limited, 1000, false, h1, 65, true),
        (&limited, 10, true, h1, 10, true),
        (&limited, 1000, false, h2, 65, false),
        (&off, 10, false, h1, 1, true),
    ] {
        let (response, taken) = post_counted(app, "/guard", kib, waits, version).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(taken, read, "of {kib} KiB");
        let connection = response.headers().get(header::CONNECTION);
        assert_eq!(connection.is_some(), closes, "{kib} KiB over {version:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_body_of_what_was_denied_is_read_for_nothing() {
    let app = app(|builder| builder);
    let h1 = http::Version::HTTP_11;
    let (response, taken) = post_counted(&app, "/early", 10, true, h1).await;
    assert_eq!((response.status(), taken), (StatusCode::IM_A_TEAPOT, 0));
    let (response, taken) = post_counted(&app, "/login", 10, true, h1).await;
    assert_eq!((response.status(), taken), (StatusCode::OK, 0));
    let (response, taken) = post_counted(&app, "/open", 300, false, h1).await;
    assert_eq!((response.status(), taken), (StatusCode::OK, 300));
    assert!(response.extensions().is_empty() && !response.headers().contains_key("connection"));
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    assert_eq!(body, "307200", "the handler got every byte");
}

#[test]
fn without_tokio_a_denial_is_an_answer_all_the_same() {
    let app = app(|builder| builder);
    let answer = post_counted(&app, "/guard", 10, false, http::Version::HTTP_11);
    let (response, taken) = futures_lite::future::block_on(answer);
    assert_eq!((response.status(), taken), (StatusCode::SEE_OTHER, 0));
    assert_eq!(response.headers()[header::CONNECTION], "close");
}

/// The users of the other layer.
struct Staff;

impl User for Staff {
    fn id(&self) -> String {
        "1".to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn below_two_layers_the_body_is_read_once() {
    let loader = |_: String| async { Ok::<_, BoxError>(Some(Staff)) };
    let staff = LoginManager::new(SecretKeys::generate(), loader)
        .session_cookie(|cookie| cookie.name("__Host-staff"))
        .remember_cookie(|cookie| cookie.name("__Host-staff_token"))
        .build()
        .unwrap();
    let app = app(|builder| builder.discard_denied_body(64 * KIB, Duration::from_secs(3)))
        .layer(staff.layer());
    for (kib, read) in [(10, 10), (1000, 65)] {
        let (response, taken) =
            post_counted(&app, "/guard", kib, false, http::Version::HTTP_11).await;
        assert_eq!((response.status(), taken), (StatusCode::SEE_OTHER, read));
    }
}
