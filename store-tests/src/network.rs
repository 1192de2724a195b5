//! A network between a client and its server, which can lose what they send.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A port that leads to a server.
pub struct Network {
    address: SocketAddr,
    /// Where it leads.
    server: AtomicU16,
    /// Whether the connections made from now on lose what is sent. Later ones get another flag.
    lost: Mutex<Arc<AtomicBool>>,
}

impl Network {
    /// A way to a port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    pub async fn to(port: u16) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let network = Arc::new(Self {
            address: listener.local_addr().expect("its address"),
            server: AtomicU16::new(port),
            lost: Mutex::default(),
        });
        tokio::spawn(Arc::clone(&network).lead(listener));
        network
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Leads to another port from now on. Open connections stay where they are.
    pub fn lead_to(&self, port: u16) {
        self.server.store(port, Ordering::SeqCst);
    }

    /// Loses everything sent over the open connections, without ever closing one, as when the
    /// server's machine is gone. New connections get through.
    pub fn lose_connections(&self) {
        let lost = std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner));
        lost.store(true, Ordering::SeqCst);
    }

    async fn lead(self: Arc<Self>, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            let lost = Arc::clone(&self.lost.lock().unwrap_or_else(PoisonError::into_inner));
            let port = self.server.load(Ordering::SeqCst);
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                continue;
            };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let _: [JoinHandle<()>; 2] = [
                tokio::spawn(carry(from_client, to_server, Arc::clone(&lost))),
                tokio::spawn(carry(from_server, to_client, lost)),
            ];
        }
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    lost: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if lost.load(Ordering::SeqCst) {
            // Not even the end of the connection gets through.
            std::future::pending::<()>().await;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
