//! Ways to the server that a URL can name: encrypted connections, and sockets.

use std::path::Path;
use std::process::Command;

use sqlx::Executor as _;
use store_tests::{Kind, Server, operations};

use super::common::{pool, store_at, with};

/// A server with a certificate for `localhost` from its own authority.
struct Encrypted {
    server: Server,
    certificates: tempfile::TempDir,
}

impl Encrypted {
    async fn start() -> Self {
        let mut server = Server::start(Kind::Postgres);
        let certificates = tempfile::tempdir().unwrap();
        let folder = certificates.path();
        for authority in ["authority", "another"] {
            openssl(
                folder,
                &format!(
                    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={authority} -keyout {authority}.key -out {authority}.pem"
                ),
            );
        }
        for (name, subject) in [("server", "/CN=localhost"), ("client", "/CN=keeper")] {
            openssl(
                folder,
                &format!(
                    "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj {subject} -addext subjectAltName=DNS:localhost -keyout {name}.key -out {name}.csr"
                ),
            );
            openssl(
                folder,
                &format!(
                    "x509 -req -days 2 -in {name}.csr -CA authority.pem -CAkey authority.key -CAcreateserial -copy_extensions copy -out {name}.pem"
                ),
            );
        }
        let data = server.dir().join("data");
        for file in ["server.key", "server.pem", "authority.pem"] {
            std::fs::copy(folder.join(file), data.join(file)).unwrap();
        }
        let admin = pool(server.url().parse().unwrap());
        for sql in [
            "ALTER SYSTEM SET ssl = on",
            "ALTER SYSTEM SET ssl_cert_file = 'server.pem'",
            "ALTER SYSTEM SET ssl_key_file = 'server.key'",
            "ALTER SYSTEM SET ssl_ca_file = 'authority.pem'",
        ] {
            admin.execute(sql).await.unwrap();
        }
        server.stop();
        server.start_again();
        Self {
            server,
            certificates,
        }
    }

    fn url(&self, host: &str, options: &str) -> String {
        let url = self
            .server
            .url()
            .replace("@127.0.0.1:", &format!("@{host}:"));
        let folder = self.certificates.path().display().to_string();
        with(&url, &options.replace("FOLDER", &folder))
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let mut openssl = Command::new("openssl");
    let made = openssl
        .args(arguments.split(' '))
        .current_dir(folder)
        .output();
    let made = made.expect("openssl can be run");
    assert!(made.status.success(), "{arguments}: {made:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_and_certificates_checked_as_the_url_says() {
    let encrypted = Encrypted::start().await;
    let admin = pool(encrypted.server.url().parse().unwrap());
    let first = store_at(&encrypted.server.url());
    first.create_table().await.unwrap();
    for (host, options, is_encrypted) in [
        ("127.0.0.1", "sslmode=disable", false),
        ("127.0.0.1", "sslmode=prefer", true),
        ("127.0.0.1", "sslmode=require", true),
        ("127.0.0.1", "sslmode=require&channel_binding=require", true),
        (
            "127.0.0.1",
            "sslmode=verify-ca&sslrootcert=FOLDER/authority.pem",
            true,
        ),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=FOLDER/authority.pem",
            true,
        ),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=FOLDER/authority.pem&sslcert=FOLDER/client.pem&sslkey=FOLDER/client.key",
            true,
        ),
    ] {
        let name = store_tests::unique_name();
        let url = with(
            &encrypted.url(host, options),
            &format!("application_name={name}"),
        );
        let store = store_at(&url);
        operations::every_one_works(&store).await;
        let asked = "SELECT ssl, client_dn IS NOT NULL FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = $1";
        let seen: Vec<(bool, bool)> = sqlx::query_as(asked)
            .bind(&name)
            .fetch_all(&admin)
            .await
            .unwrap();
        let shows_itself = options.contains("sslcert");
        assert!(
            !seen.is_empty() && seen.iter().all(|it| *it == (is_encrypted, shows_itself)),
            "{options}: {seen:?}"
        );
    }
    for (host, options, says) in [
        (
            "127.0.0.1",
            "sslmode=require&sslrootcert=FOLDER/another.pem",
            "certificate",
        ),
        (
            "127.0.0.1",
            "sslmode=verify-ca&sslrootcert=FOLDER/another.pem",
            "certificate",
        ),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=FOLDER/another.pem",
            "certificate",
        ),
        (
            "127.0.0.1",
            "sslmode=verify-full&sslrootcert=FOLDER/authority.pem",
            "certificate",
        ),
        ("localhost", "sslmode=verify-full", "certificate"),
    ] {
        let store = store_at(&encrypted.url(host, options));
        let errors = operations::every_one_fails(&store).await;
        errors.say(says);
        errors.say("sslmode");
        errors.hide(&encrypted.server.password());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_encrypt_is_refused_where_the_url_asks_for_it() {
    let server = Server::start(Kind::Postgres);
    let store = store_at(&with(&server.url(), "sslmode=require"));
    let errors = operations::every_one_fails(&store).await;
    errors.say("does not support TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_leads_to_the_server_too() {
    let server = Server::start(Kind::Postgres);
    let (password, port) = (server.password(), server.port());
    let folder = server.dir().display().to_string();
    for url in [
        format!("postgres://keeper:{password}@/postgres?host={folder}&port={port}"),
        format!(
            "postgres://keeper:{password}@{}:{port}/postgres",
            folder.replace('/', "%2F")
        ),
    ] {
        let store = store_at(&url);
        store.create_table().await.unwrap();
        operations::every_one_works(&store).await;
    }
}
