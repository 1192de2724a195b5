//! A browser with an address of its own. It speaks HTTP/1.1 over TLS, as browsers do when they open a WebSocket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::proxy::Proxy;
use crate::{CLIENT, HOST};

/// If a proxy does not answer, the test fails and does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

type Tls = StreamOwned<ClientConnection, TcpStream>;

pub(crate) struct Browser<'a> {
    proxy: &'a Proxy,
    tls: Arc<ClientConfig>,
    jar: BTreeMap<String, String>,
    /// Fields to send with each request.
    fields: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl<'a> Browser<'a> {
    /// A browser that trusts only the authority that signed the proxy's certificate.
    pub(crate) fn of(proxy: &'a Proxy) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(&proxy.authority).unwrap();
        roots.add(authority).unwrap();
        let tls = ClientConfig::builder().with_root_certificates(roots);
        Self {
            proxy,
            tls: Arc::new(tls.with_no_client_auth()),
            jar: BTreeMap::new(),
            fields: String::new(),
        }
    }

    /// Whether the proxy already has its certificate.
    pub(crate) fn is_greeted(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.proxy.https)) else {
            return false;
        };
        self.encryption().complete_io(&mut stream).is_ok()
    }

    pub(crate) fn sending(mut self, fields: &str) -> Self {
        fields.clone_into(&mut self.fields);
        self
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "")
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> Answer {
        self.ask(&format!("POST {path}"), body)
    }

    /// Over plain HTTP, where only a redirect is expected.
    pub(crate) fn get_plainly(&self, path: &str) -> Answer {
        let mut stream = connect(self.proxy.http);
        let host = format!("{HOST}:{}", self.proxy.http);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut stream)
    }

    /// Opens a WebSocket from a page of this host.
    pub(crate) fn open(&mut self, path: &str, host: &str) -> Result<Socket, Answer> {
        let fields = format!(
            "Origin: https://{host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        let mut stream = self.send(&format!("GET {path}"), &fields, "");
        let (status, fields) = read_head(&mut stream);
        if status == 101 {
            // RFC 6455's answer to this key.
            let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned();
            assert!(fields.contains(&("sec-websocket-accept".to_owned(), accept)));
            return Ok(Socket(stream));
        }
        // The rest does not matter, and may not end: nobody has asked to close the connection.
        let body = String::new();
        Err(Answer {
            status,
            fields,
            body,
        })
    }

    pub(crate) fn cookie_names(&self) -> Vec<&str> {
        self.jar.keys().map(String::as_str).collect()
    }

    /// Name and value together.
    pub(crate) fn cookie_size(&self, name: &str) -> usize {
        name.len() + self.jar[name].len()
    }

    fn ask(&mut self, line: &str, body: &str) -> Answer {
        let mut stream = self.send(line, "Connection: close\r\n", body);
        let answer = Answer::read(&mut stream);
        for (_, cookie) in answer
            .fields
            .iter()
            .filter(|(name, _)| name == "set-cookie")
        {
            let (name, rest) = cookie.split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap();
            assert!(attributes.contains(" Secure"), "{cookie}");
            match attributes.contains("Max-Age=0") {
                true => self.jar.remove(name),
                false => self.jar.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    fn encryption(&self) -> ClientConnection {
        let name = ServerName::try_from(HOST).unwrap();
        ClientConnection::new(Arc::clone(&self.tls), name).unwrap()
    }

    fn send(&self, line: &str, fields: &str, body: &str) -> Tls {
        let mut stream = StreamOwned::new(self.encryption(), connect(self.proxy.https));
        let cookies = self
            .jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nCookie: {cookies}\r\n{}{fields}\r\n{body}",
            self.proxy.called(),
            body.len(),
            self.fields,
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(it, _)| it == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// Reads until the connection ends.
    fn read(stream: &mut impl Read) -> Self {
        let (status, fields) = read_head(stream);
        let mut rest = Vec::new();
        // A peer that closes TLS without a notice causes an error of the last read, after everything that it sent.
        let _ = stream.read_to_end(&mut rest);
        let mut answer = Self {
            status,
            fields,
            body: String::from_utf8(rest).unwrap(),
        };
        match (
            answer.field("content-length"),
            answer.field("transfer-encoding"),
        ) {
            (Some(length), _) => assert_eq!(length, answer.body.len().to_string()),
            (None, Some(_)) => answer.body = without_chunks(&answer.body),
            (None, None) => {}
        }
        answer
    }
}

/// An open WebSocket.
pub(crate) struct Socket(Tls);

impl Socket {
    /// Sends a short text, and waits for a short answer.
    pub(crate) fn say(&mut self, text: &str) -> String {
        let length = u8::try_from(text.len()).unwrap();
        // A whole text in one frame, masked with zeros, which do not change it.
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).unwrap();
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 0x81);
        let mut answer = vec![0; usize::from(head[1])];
        self.0.read_exact(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }
}

fn connect(port: u16) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let stream = runtime.unwrap().block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((CLIENT, 0)))?;
        let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
        stream.into_std()
    });
    let stream = stream.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Byte by byte, so that nothing after it is read.
fn read_head(stream: &mut impl Read) -> (u16, Vec<(String, String)>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    });
    (status.parse().unwrap(), fields.collect())
}

fn without_chunks(mut body: &str) -> String {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n").unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
}
