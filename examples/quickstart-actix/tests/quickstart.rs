//! The quick start on actix-web: small, the same as in the README, and it does what it says.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const PROGRAM: &str = include_str!("../src/main.rs");
const README: &str = include_str!("../../../README.md");

#[test]
fn the_program_has_at_most_sixty_lines_of_code() {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    assert!(PROGRAM.lines().filter(is_code).count() <= 60);
}

#[test]
fn the_readme_shows_this_very_program() {
    let (_, program) = PROGRAM.split_once("\n\n").unwrap();
    assert!(
        README.contains(&format!("```rust\n{program}```")),
        "copy examples/quickstart-actix/src/main.rs, without its first comment, into the README"
    );
}

#[test]
fn it_signs_in_remembers_and_signs_out() {
    let server = Server::start();

    let denied = server.send("GET / HTTP/1.1\r\nAccept: text/html\r\n", "");
    assert!(denied.starts_with("HTTP/1.1 303"), "{denied}");
    assert!(denied.contains("location: /login?next=%2F\r\n"), "{denied}");

    let wrong = server.post("/login", "name=mia&password=wrong", "");
    assert!(wrong.starts_with("HTTP/1.1 401"), "{wrong}");
    assert!(wrong.contains("content-type: text/html"), "{wrong}");
    assert!(wrong.contains("Wrong name or password<form"), "{wrong}");

    let credentials = "name=mia&password=correct+horse&remember=on";
    let signed_in = server.post("/login?next=%2F%3Ftab%3D2", credentials, "");
    assert!(signed_in.starts_with("HTTP/1.1 303"), "{signed_in}");
    assert!(signed_in.contains("location: /?tab=2\r\n"), "{signed_in}");

    let remember_token = cookie(&signed_in, "remember_token");
    for cookie in [cookie(&signed_in, "session"), remember_token] {
        let home = server.send("GET / HTTP/1.1\r\n", &cookie);
        assert!(home.contains("Hello mia!"), "{home}");
    }

    let session = cookie(&signed_in, "session");
    let foreign = server.post(
        "/logout",
        "",
        &format!("Sec-Fetch-Site: cross-site\r\n{session}"),
    );
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");

    let signed_out = server.post("/logout", "", &cookie(&signed_in, "session"));
    assert!(signed_out.contains("set-cookie: session=;"), "{signed_out}");
}

/// `Cookie: name=value`, as the response set it.
fn cookie(response: &str, name: &str) -> String {
    let start = response
        .find(&format!("set-cookie: {name}="))
        .expect(response);
    let set_cookie = &response[start + "set-cookie: ".len()..];
    format!("Cookie: {}\r\n", set_cookie.split(';').next().unwrap())
}

struct Server(Child);

impl Server {
    fn start() -> Self {
        assert!(
            TcpStream::connect("127.0.0.1:3001").is_err(),
            "something listens on 127.0.0.1:3001 already; stop it for this test"
        );
        let server = Self(
            Command::new(env!("CARGO_BIN_EXE_quickstart-actix"))
                .spawn()
                .unwrap(),
        );
        let started = Instant::now();
        while TcpStream::connect("127.0.0.1:3001").is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "the program does not start"
            );
            std::thread::yield_now();
        }
        server
    }

    fn post(&self, path: &str, body: &str, headers: &str) -> String {
        let form = "Content-Type: application/x-www-form-urlencoded";
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\n{form}\r\nContent-Length: {length}\r\n");
        self.send(&head, &format!("{headers}\r\n{body}"))
    }

    fn send(&self, head: &str, rest: &str) -> String {
        let mut stream = TcpStream::connect("127.0.0.1:3001").unwrap();
        let common = "Host: 127.0.0.1:3001\r\nConnection: close\r\n";
        let end = if rest.contains("\r\n\r\n") || rest.starts_with("\r\n") {
            ""
        } else {
            "\r\n"
        };
        write!(stream, "{head}{common}{rest}{end}").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
