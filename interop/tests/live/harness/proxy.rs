//! The reverse proxy: one address, two servers. A header says which of them gets a request.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

use super::Side;

/// Names the server for a request; the proxy removes it.
pub(super) const SIDE: &str = "x-side";

#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    ports: Arc<[AtomicU16; 2]>,
    client: Client<HttpConnector, Body>,
}

impl Proxy {
    /// On a free port of this machine, for as long as the tests run.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            ports: Arc::default(),
            // One connection for each request: a server may close an idle one just as it is used again.
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build_http(),
        };
        let service = Router::new()
            .fallback(forward)
            .with_state(proxy.clone())
            .into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        proxy
    }

    /// From now on, requests for this side go to this port.
    pub(super) fn set_port(&self, side: Side, port: u16) {
        self.ports[side as usize].store(port, Ordering::SeqCst);
    }
}

/// Host, user agent and cookies are passed on unchanged. The proxy states where the request came from, not the client.
async fn forward(
    State(proxy): State<Proxy>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let side = match request.headers_mut().remove(SIDE) {
        Some(side) if side == "flask" => Side::Flask,
        Some(side) if side == "rust" => Side::Rust,
        _ => return (StatusCode::BAD_REQUEST, "for which side?").into_response(),
    };
    let port = proxy.ports[side as usize].load(Ordering::SeqCst);
    let target = request.uri().path_and_query().unwrap();
    *request.uri_mut() = format!("http://127.0.0.1:{port}{target}").parse().unwrap();
    let address = HeaderValue::try_from(client.ip().to_string()).unwrap();
    request.headers_mut().insert("x-forwarded-for", address);
    match proxy.client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{side} twin: {error:?}")).into_response(),
    }
}
