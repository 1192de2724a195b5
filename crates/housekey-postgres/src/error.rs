//! What goes wrong, where, and what to do about it.

use std::fmt;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

/// Why a login store in PostgreSQL cannot be made, or why an operation failed. Its message names the server and says what
/// to do; it has no password in it, and nothing of a record.
pub struct Error {
    message: String,
    source: Option<sqlx::Error>,
}

/// The server, as messages name it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServerName(String);

impl ServerName {
    pub(crate) fn new(options: &PgConnectOptions) -> Self {
        let database = options.get_database().unwrap_or(options.get_username());
        Self(match options.get_socket() {
            Some(socket) => format!("{database} of PostgreSQL at {}", socket.display()),
            None => {
                let (host, port) = (options.get_host(), options.get_port());
                format!("database {database} of PostgreSQL at {host}:{port}")
            }
        })
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error {
    pub(crate) fn table_name(name: &str) -> Self {
        Self {
            message: format!(
                "{name:?} cannot be the name of the table: it has ASCII letters, digits and _, starts with none of the \
                 digits, and has at most 52 characters; a schema and a point may stand before it"
            ),
            source: None,
        }
    }

    pub(crate) fn nul(what: &str) -> Self {
        Self {
            message: format!("{what} has a NUL character in it, which PostgreSQL cannot keep"),
            source: None,
        }
    }

    pub(crate) fn too_late(server: &ServerName, timeout: Duration) -> Self {
        Self {
            message: format!(
                "{server} has not answered within {timeout:?}; see whether it runs, whether it is overloaded, and \
                 whether somebody holds a lock on the table"
            ),
            source: None,
        }
    }

    pub(crate) fn failed(server: &ServerName, error: sqlx::Error) -> Self {
        let advice = advice(&error);
        Self {
            message: format!("{server}: {error}; {advice}"),
            source: Some(error),
        }
    }
}

fn advice(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("28000" | "28P01") => "see which user and password the pool was given",
            Some("3D000") => "create the database, or give the pool the name of another",
            Some("3F000") => "create the schema, or name another",
            Some("42P01") => {
                "make the table: call create_table, or put create_table_sql into the migrations"
            }
            Some("42703" | "42804" | "42883") => {
                "the table is not one of these; give the store a table of its own"
            }
            Some("42501") => "grant the pool's user SELECT, INSERT, UPDATE and DELETE on the table",
            Some("25006") => {
                "the pool leads to a server that only reads; it must lead to the one that writes"
            }
            Some("53300") => "let the server have more connections, or the pools fewer",
            Some("57P01" | "57P02" | "57P03") => {
                "the server stops or starts; the pool connects again by itself"
            }
            _ => "the server's log may say more",
        },
        sqlx::Error::PoolTimedOut => {
            "the server cannot be reached, or all of the pool's connections are in use; see whether it runs, and how \
             many connections the pool may have"
        }
        sqlx::Error::PoolClosed => "the application has closed the pool",
        sqlx::Error::Io(_) => "see whether it runs; the pool connects again by itself",
        sqlx::Error::Tls(_) => "see which certificates and which sslmode the pool was given",
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            "somebody else wrote into the table; give the store a table of its own"
        }
        _ => "the server's log may say more",
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// As it reads: `main` may return it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
