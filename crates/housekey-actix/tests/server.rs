//! Over real sockets, with actix-web's own server.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::spawn;
use actix_web::rt::time::sleep;
use actix_web::web::{self, Bytes, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use common::*;
use futures_core::Stream;
use housekey_actix::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

async fn sign_in(login: Login<Member>) -> Result<&'static str, Error> {
    login.login_user(&mia()).await?;
    Ok("in")
}

async fn sign_out(login: Login<Member>) -> Result<&'static str, Error> {
    login.logout_user().await?;
    Ok("out")
}

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

async fn members_length(_: LoginRequired<Member>, body: Bytes) -> String {
    body.len().to_string()
}

/// A middleware that asks by an extractor, and fails with its error.
async fn extract(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    request.extract::<LoginRequired<Member>>().await?;
    next.call(request).await
}

/// The thread of the server that answered.
async fn worker(member: LoginRequired<Member>) -> String {
    format!("{} on {:?}", member.0.0, std::thread::current().id())
}

/// A stream of events that ends with the login.
async fn events(current_user: CurrentUser<Member>) -> Result<HttpResponse, Error> {
    let watch = current_user.watch()?;
    Ok(HttpResponse::Ok().streaming(until_over(watch)))
}

/// One event, and nothing more until the login is over.
fn until_over(watch: LoginWatch) -> impl Stream<Item = Result<Bytes, Error>> {
    let mut is_told = false;
    let mut over = Box::pin(async move { watch.ended(std::future::pending::<()>).await });
    stream(move |cx| match std::mem::replace(&mut is_told, true) {
        false => std::task::Poll::Ready(Some(Ok(Bytes::from_static(b"hello\n")))),
        true => over.as_mut().poll(cx).map(|_| None),
    })
}

struct FromFn<F>(F);

fn stream<T, F>(next: F) -> FromFn<F>
where
    F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<T>> + Unpin,
{
    FromFn(next)
}

impl<T, F> Stream for FromFn<F>
where
    F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<T>> + Unpin,
{
    type Item = T;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<T>> {
        (self.0)(cx)
    }
}

/// A WebSocket that closes when the login is over.
async fn chat(
    current_user: CurrentUser<Member>,
    request: HttpRequest,
    body: web::Payload,
) -> actix_web::Result<HttpResponse> {
    let watch = match current_user.is_authenticated() {
        true => Some(current_user.watch()?),
        false => None,
    };
    let (response, session, mut messages) = actix_ws::handle(&request, body)?;
    spawn(async move {
        let over = async {
            match &watch {
                Some(watch) => watch
                    .ended(|| sleep(Duration::from_secs(600)))
                    .await
                    .unwrap(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = async { while let Some(Ok(_)) = messages.recv().await {} } => {}
            () = over => {}
        }
        let _ = session.close(None).await;
    });
    Ok(response)
}

struct Site {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// Serves the site with two workers. `set` may change the manager's settings.
fn serve(set: impl FnOnce(LoginManagerBuilder<Member>) -> LoginManagerBuilder<Member>) -> Site {
    let manager = set(safe(Members::default())).build().unwrap();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(PayloadConfig::new(64 << 20))
            .route("/sign-in", web::post().to(sign_in))
            .route("/sign-out", web::post().to(sign_out))
            .route("/worker", web::get().to(worker))
            .route("/events", web::get().to(events))
            .route("/chat", web::get().to(chat))
            .route("/open", web::post().to(length))
            .route("/extractor", web::post().to(members_length))
            .service(
                web::resource("/guard")
                    .post(length)
                    .wrap(login_required::<Member>()),
            )
            .service(
                web::resource("/extracted")
                    .post(length)
                    .wrap(from_fn(extract)),
            )
            .wrap(manager.middleware())
    });
    let server = server
        .workers(2)
        .shutdown_timeout(0)
        .disable_signals()
        .bind_auto_h2c("127.0.0.1:0")
        .unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    spawn(server);
    Site { address, handle }
}

impl Site {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The answer to a request on a new connection.
    async fn send(&self, line: &str, headers: &str) -> (String, Vec<u8>) {
        let mut connection = self.connect().await;
        send(&mut connection, line, headers).await;
        answer(&mut connection).await
    }

    /// The cookies of a new login.
    async fn sign_in(&self) -> Browser {
        let (head, _) = self.send("POST /sign-in", "Content-Length: 0").await;
        let cookies = head
            .lines()
            .filter_map(|line| line.strip_prefix("set-cookie: "));
        let cookies: Vec<&str> = cookies.map(|it| it.split(';').next().unwrap()).collect();
        let mut browser = Browser::new();
        browser.keep(&cookies);
        browser
    }
}

async fn send(connection: &mut TcpStream, line: &str, headers: &str) {
    let head =
        format!("{line} HTTP/1.1\r\nHost: site.example\r\nAccept: text/html\r\n{headers}\r\n\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
}

/// The next head of a connection.
async fn head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.expect("the answer was lost"));
    }
    String::from_utf8(head).unwrap()
}

async fn answer(connection: &mut TcpStream) -> (String, Vec<u8>) {
    let head = head(connection).await;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    connection.read_exact(&mut body).await.unwrap();
    (head, body)
}

/// Sends everything before it reads anything, as browsers and proxies do.
async fn post_all(connection: &mut TcpStream, path: &str, length: u64) -> String {
    send(
        connection,
        &format!("POST {path}"),
        &format!("Content-Length: {length}"),
    )
    .await;
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
    answer(connection).await.0
}

#[actix_web::test]
async fn all_workers_know_a_login_and_its_end() {
    let site = serve(|builder| builder.login_store(records::MemoryLoginStore::new()));
    let browser = site.sign_in().await;
    let cookie = format!("Cookie: {}", browser.header());
    let ask = async || {
        // The workers get connections in turn.
        let mut answers = Vec::new();
        for _ in 0..4 {
            let (head, body) = site.send("GET /worker", &cookie).await;
            answers.push((head[9..12].to_owned(), String::from_utf8(body).unwrap()));
        }
        answers
    };
    let answers = ask().await;
    assert!(
        answers
            .iter()
            .all(|(status, body)| status == "200" && body.starts_with("mia on ")),
        "{answers:?}"
    );
    assert!(
        answers.iter().any(|it| it != &answers[0]),
        "one worker answered all: {answers:?}"
    );
    site.send("POST /sign-out", &format!("{cookie}\r\nContent-Length: 0"))
        .await;
    let answers = ask().await;
    assert!(
        answers.iter().all(|(status, _)| status == "303"),
        "{answers:?}"
    );
}

#[actix_web::test]
async fn a_form_of_any_usual_size_gets_its_answer_and_the_connection_goes_on() {
    let site = serve(|builder| builder);
    let mut connection = site.connect().await;
    for path in ["/extractor", "/guard", "/extracted"] {
        for length in [0, 1, 300 * KIB, MIB, 5 * MIB, 16 * MIB] {
            let answer = post_all(&mut connection, path, length).await;
            assert!(
                answer.starts_with("HTTP/1.1 303"),
                "{path} {length}: {answer}"
            );
            assert!(answer.contains("location: /login"), "{answer}");
            assert!(
                !answer.contains("connection: close"),
                "{path} {length}: {answer}"
            );
        }
    }
    let answer = post_all(&mut connection, "/open", 300 * KIB).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[actix_web::test]
async fn a_body_in_pieces_of_unknown_number_is_read_to_its_end_too() {
    let site = serve(|builder| builder);
    let mut connection = site.connect().await;
    for path in ["/guard", "/extractor", "/guard"] {
        send(
            &mut connection,
            &format!("POST {path}"),
            "Transfer-Encoding: chunked",
        )
        .await;
        for _ in 0..30 {
            let chunk = format!("2710\r\n{}\r\n", "x".repeat(10_000));
            connection.write_all(chunk.as_bytes()).await.unwrap();
        }
        connection.write_all(b"0\r\n\r\n").await.unwrap();
        let (answer, _) = answer(&mut connection).await;
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
}

/// actix-web asks for every body by itself, before the application sees the request.
#[actix_web::test]
async fn a_client_that_waited_to_be_asked_for_its_body_gets_its_answer_after_it() {
    let site = serve(|builder| builder);
    let mut connection = site.connect().await;
    send(
        &mut connection,
        "POST /guard",
        "Content-Length: 300000\r\nExpect: 100-continue",
    )
    .await;
    assert!(head(&mut connection).await.starts_with("HTTP/1.1 100"));
    connection.write_all(&[b'x'; 300_000]).await.unwrap();
    let (answer, _) = answer(&mut connection).await;
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert!(!answer.contains("connection: close"), "{answer}");
}

#[actix_web::test]
async fn a_client_that_stops_sending_is_answered_after_a_while_and_cut_off() {
    let soon = Duration::from_millis(20);
    let site = serve(|builder| builder.discard_denied_body(MIB, soon));
    for path in ["/guard", "/extractor"] {
        let mut connection = site.connect().await;
        send(
            &mut connection,
            &format!("POST {path}"),
            "Content-Length: 300000",
        )
        .await;
        connection.write_all(b"only this").await.unwrap();
        let (answer, _) = answer(&mut connection).await;
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        assert_eq!(connection.read(&mut [0]).await.unwrap(), 0, "closed");
    }
}

#[actix_web::test]
async fn a_body_that_says_it_is_too_long_is_answered_at_once_and_cut_off() {
    let site = serve(|builder| builder.discard_denied_body(64 * KIB, Duration::MAX));
    let mut connection = site.connect().await;
    send(&mut connection, "POST /guard", "Content-Length: 65537").await;
    let (answer, _) = answer(&mut connection).await;
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[actix_web::test]
async fn over_http_2_a_denied_post_is_answered_and_the_connection_goes_on() {
    let site = serve(|builder| builder);
    let (client, connection) = h2::client::handshake(site.connect().await).await.unwrap();
    spawn(connection);
    let mut client = client.ready().await.unwrap();
    for _ in 0..2 {
        let uri = "http://site.example/guard?a=1";
        let request = http::Request::post(uri).header("accept", "text/html");
        let request = request
            .header("referer", "http://site.example/form?b=2")
            .body(())
            .unwrap();
        let (answer, mut body) = client.send_request(request, false).unwrap();
        body.send_data(Bytes::from(vec![b'x'; 10_000]), false)
            .unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status().as_u16(), 303);
        // Without `Host`, the page is compared with the host in the address.
        assert_eq!(answer.headers()["location"], "/login?next=%2Fform%3Fb%3D2");
    }
}

#[actix_web::test]
async fn a_stream_and_a_websocket_end_with_the_login() {
    let site = serve(|builder| builder.login_store(records::MemoryLoginStore::new()));
    let cookie = format!("Cookie: {}", site.sign_in().await.header());

    let mut events = site.connect().await;
    send(&mut events, "GET /events", &cookie).await;
    assert!(head(&mut events).await.starts_with("HTTP/1.1 200"));
    let mut first = [0; b"6\r\nhello\n\r\n".len()];
    events.read_exact(&mut first).await.unwrap();

    let mut socket = site.connect().await;
    send(
        &mut socket,
        "GET /chat",
        &format!("{HANDSHAKE}\r\n{cookie}"),
    )
    .await;
    assert!(head(&mut socket).await.starts_with("HTTP/1.1 101"));

    site.send("POST /sign-out", &format!("{cookie}\r\nContent-Length: 0"))
        .await;
    let mut end = [0; b"0\r\n\r\n".len()];
    events.read_exact(&mut end).await.unwrap();
    assert_eq!(&end, b"0\r\n\r\n");
    let mut close = [0; 2];
    socket.read_exact(&mut close).await.unwrap();
    assert_eq!(close, [0x88, 0], "a close frame");
}

const HANDSHAKE: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

#[actix_web::test]
async fn a_page_of_another_origin_opens_no_websocket() {
    let site = serve(|builder| builder.allow_websocket_origin("https://app.example"));
    for (origin, status) in [
        (Some("https://site.example"), 101),
        (Some("https://app.example"), 101),
        (None, 101),
        (Some("https://evil.example"), 403),
        (Some("null"), 403),
    ] {
        let mut connection = site.connect().await;
        let origin = origin.map_or(String::new(), |origin| format!("\r\nOrigin: {origin}"));
        send(
            &mut connection,
            "GET /chat",
            &format!("{HANDSHAKE}{origin}"),
        )
        .await;
        let answer = head(&mut connection).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{origin}: {answer}"
        );
    }
}

/// Nothing that a client can send is an error of the program.
#[actix_web::test]
async fn an_address_of_any_kind_is_answered() {
    let site = serve(|builder| builder);
    for target in [
        "/worker",
        "/worker?next=%ff&a={\"b\":[1]}",
        "/worker?a=\"|^`",
        "http://site.example/worker?a",
        "http://site.example",
        "*",
        "//evil.example/worker",
    ] {
        let (head, _) = site
            .send(&format!("GET {target}"), "X-Bytes: \u{e9}\u{e9}")
            .await;
        assert!(!head.starts_with("HTTP/1.1 5"), "{target}: {head}");
    }
}
