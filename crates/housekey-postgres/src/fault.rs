//! What can go wrong, and what to do about it.

use std::fmt;
use std::time::Duration;

use housekey::{Error, ErrorKind};
use housekey_statements::postgres;
use sqlx::postgres::PgConnectOptions;

/// A fault, before it is known which server it is about.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlx(sqlx::Error),
    /// No answer came for as long as one may take.
    TooLate(Duration),
    /// This has a NUL character in it.
    Nul(&'static str),
}

/// The server, as messages name it.
pub(crate) fn server_name(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or(options.get_username());
    match options.get_socket() {
        Some(socket) => format!("database {database} of PostgreSQL at {}", socket.display()),
        None => {
            let (host, port) = (options.get_host(), options.get_port());
            format!("database {database} of PostgreSQL at {host}:{port}")
        }
    }
}

impl Fault {
    /// As an error of the core: which server, what is wrong with it, what to do. No password is in it, and nothing of a record.
    pub(crate) fn at(self, server: &str) -> Error {
        let message = format!("{server}: {self}; {}", self.advice());
        let error = Error::new(ErrorKind::StoreFailed, message);
        match self {
            Self::Sqlx(source) => error.caused_by(source.into()),
            Self::TooLate(_) | Self::Nul(_) => error,
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::Sqlx(error) => advice(error),
            Self::TooLate(_) => {
                "see whether it runs, whether it is overloaded, whether the way to it is open, and whether somebody holds a \
                 lock on the table"
            }
            Self::Nul(_) => "PostgreSQL cannot keep one; leave it out",
        }
    }
}

fn advice(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Database(error) => postgres::advice(error.code().as_deref()),
        sqlx::Error::PoolTimedOut => {
            "the server cannot be reached, or all of the pool's connections are in use; see whether it runs, and how \
             many connections the pool may have"
        }
        sqlx::Error::PoolClosed => "the application has closed the pool",
        sqlx::Error::Io(_) => "see whether it runs; the pool connects again by itself",
        sqlx::Error::Tls(_) => "see which certificates and which sslmode the pool was given",
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            "another program wrote into the table; give the store a table of its own"
        }
        _ => postgres::advice(None),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlx(error) => error.fmt(f),
            Self::TooLate(limit) => write!(f, "it has not answered within {limit:?}"),
            Self::Nul(what) => write!(f, "{what} has a NUL character in it"),
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}
