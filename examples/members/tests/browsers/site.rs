//! A site on a port of its own.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Request};
use axum::middleware::map_request;
use axum::serve::Listener;
use clap::Parser as _;
use members::{Closing, Options};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The members' site, with a data folder that goes when it goes.
pub(crate) struct Site {
    pub(crate) url: String,
    data: tempfile::TempDir,
}

impl Site {
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub(crate) async fn open_with(more: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let folder = ["members", "--data", data.path().to_str().unwrap()];
        let options = Options::parse_from(folder.iter().chain(more));
        let app = members::app(&options, &Closing::default()).await.unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, data }
    }

    /// The site as it is on the internet: for HTTPS, behind what speaks it.
    pub(crate) async fn open_with_https() -> Self {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().to_str().unwrap();
        let options = Options::parse_from(["members", "--data", folder, "--https"]);
        let app = members::app(&options, &Closing::default()).await.unwrap();
        let app = app.layer(map_request(async |mut request: Request<_>| {
            let address = HeaderValue::from_static("127.0.0.1");
            request.headers_mut().insert("x-forwarded-for", address);
            request
        }));
        let listener = Https::bind(data.path()).await;
        let url = format!("https://localhost:{}", listener.address.port());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, data }
    }

    /// Lets time pass for the login that this user agent made: since it was made, and since it was last used.
    pub(crate) fn grow_old(&self, user_agent: &str, made: Duration, used: Duration) {
        let table = rusqlite::Connection::open(self.data.path().join("logins.db")).unwrap();
        let changed = table.execute(
            "UPDATE logins SET created_at = created_at - ?2, last_seen_at = last_seen_at - ?3
             WHERE instr(data, ?1) > 0",
            (user_agent, made.as_secs(), used.as_secs()),
        );
        assert_eq!(changed.unwrap(), 1, "{user_agent}");
    }
}

/// TLS, with a certificate that nobody has signed. Browsers open connections ahead of time, so one that says nothing must not
/// hold up the next.
struct Https {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl Https {
    async fn bind(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(certified(folder)));
        let (sender, ready) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, client)) = listener.accept().await {
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = sender.send((stream, client)).await;
                    }
                });
            }
        });
        Self { address, ready }
    }
}

impl Listener for Https {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        self.ready
            .recv()
            .await
            .expect("the task that accepts runs as long as this")
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

fn certified(folder: &Path) -> ServerConfig {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .output()
        .expect("openssl is installed (on Debian: apt-get install openssl)");
    assert!(made.status.success(), "{made:?}");
    let certificate = CertificateDer::from_pem_file(folder.join("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let server = ServerConfig::builder().with_no_client_auth();
    server.with_single_cert(vec![certificate], key).unwrap()
}
