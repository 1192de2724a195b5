//! The opening of a WebSocket over real connections, in HTTP/1.1 and in HTTP/2, with axum's own extractor.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use axum::routing::any;
use door_tests::{Member, Members};
use h2::ext::Protocol;
use housekey_axum::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn serve() -> TcpStream {
    let manager = LoginManager::new(SecretKeys::generate(), Members::default())
        .allow_websocket_origin("https://app.example")
        .build()
        .unwrap();
    let open = async |_: CurrentUser<Member>, upgrade: WebSocketUpgrade| -> Response {
        upgrade.on_upgrade(async |_| {})
    };
    let app = Router::new()
        .route("/chat", any(open))
        .layer(manager.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    TcpStream::connect(address).await.unwrap()
}

/// The page's origin, and the answer in HTTP/1.1; HTTP/2 says 200 in place of 101.
const CASES: [(Option<&str>, u16); 5] = [
    (Some("https://site.example"), 101),
    (Some("https://app.example"), 101),
    (None, 101),
    (Some("https://evil.example"), 403),
    (Some("null"), 403),
];

#[tokio::test]
async fn a_page_of_another_origin_opens_none_over_http_1() {
    for (origin, status) in CASES {
        let mut connection = serve().await;
        let origin = origin.map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
        let head = format!(
            "GET /chat HTTP/1.1\r\nHost: site.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{origin}\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut line = [0; "HTTP/1.1 101".len()];
        connection.read_exact(&mut line).await.unwrap();
        let expected = format!("HTTP/1.1 {status}");
        assert_eq!(String::from_utf8_lossy(&line), expected, "{origin}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_opens_none_over_http_2() {
    for (origin, status) in CASES {
        let (client, connection) = h2::client::handshake(serve().await).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        while !client.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri("https://site.example/chat")
            .extension(Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let request = request.body(()).unwrap();
        let (answer, _stream) = client.send_request(request, false).unwrap();
        let expected = match status {
            101 => StatusCode::OK,
            _ => StatusCode::FORBIDDEN,
        };
        assert_eq!(answer.await.unwrap().status(), expected, "{origin:?}");
        connection.abort();
    }
}
