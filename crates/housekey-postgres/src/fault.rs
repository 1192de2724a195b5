//! Faults, and what to do about them.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use housekey::{Error, ErrorKind};
use housekey_statements::postgres;

/// A fault before it is known which server it concerns.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// An error from the server. Without its details, which may repeat parts of a record.
    Said { code: String, message: String },
    /// No answer, or not a sensible one.
    Broken(String),
    /// It cannot be reached.
    Unreachable(String),
    /// A standby answered, or a server that accepts no writes.
    Standby,
    /// No answer came in time.
    TooLate(Duration),
    /// This has a NUL character in it.
    Nul(&'static str),
    /// A row does not contain a login.
    NotALogin(String),
    /// The answer belongs to another question.
    Mixed(String),
    /// The table cannot keep logins: why, and what to do.
    Layout(String),
    /// Records cannot be cached: why, and what to do.
    Uncached(String),
}

impl Fault {
    /// As an error of the core: which server, what is wrong with it, what to do. It contains no password, and nothing of a
    /// record.
    pub(crate) fn at(self, server: &str) -> Error {
        Error::new(
            ErrorKind::StoreFailed,
            format!("{server}: {self}{}", self.advice()),
        )
    }

    fn code(&self) -> &str {
        match self {
            Self::Said { code, .. } => code,
            _ => "",
        }
    }

    /// Whether the server undid it only because of concurrent operations.
    pub(crate) fn was_undone(&self) -> bool {
        postgres::was_undone(self.code())
    }

    /// Whether another connection would get another answer, and nothing was done over this one: its server has become a
    /// standby, or is stopping or starting, or a prepared statement no longer fits the table.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Standby => true,
            Self::Said { code, message } => match &**code {
                code if postgres::is_of_the_connection(code) => true,
                "26000" => true,
                // For instance "cached plan must not change result type".
                "0A000" => message.contains("cached plan"),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether it is not known what happened to the question.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    /// Whether the requested settings may be why a connection was refused. Poolers report it in different ways.
    pub(crate) fn may_be_about_settings(&self) -> bool {
        matches!(self.code(), "08P01" | "0A000" | "22023" | "42704")
    }

    fn advice(&self) -> String {
        let advice = match self {
            Self::Said { code, .. } => postgres::advice(Some(code)),
            Self::Broken(_) => "see whether it runs; the store connects again by itself",
            Self::Unreachable(_) => {
                "see whether it runs, whether the way to it is open, and which address and sslmode the store was given"
            }
            Self::Standby => postgres::advice(Some("25006")),
            Self::TooLate(_) => {
                "see whether it runs, whether it is overloaded, whether the way to it is open, whether somebody holds a lock on \
                 the table, and how many connections the store may have"
            }
            Self::Nul(_) => "PostgreSQL cannot keep one; leave it out",
            Self::NotALogin(_) => {
                "another program made that table or wrote into it; give the store a table of its own"
            }
            Self::Mixed(_) => postgres::advice(Some("26000")),
            Self::Layout(_) | Self::Uncached(_) => return String::new(),
        };
        format!("; {advice}")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { code, message } => write!(f, "{message} ({code})"),
            Self::Broken(what)
            | Self::Unreachable(what)
            | Self::NotALogin(what)
            | Self::Mixed(what)
            | Self::Layout(what) => f.write_str(what),
            Self::Uncached(why) => write!(f, "records cannot be cached: {why}"),
            Self::Standby => f.write_str("it does not write"),
            Self::TooLate(limit) => write!(f, "it has not answered within {limit:?}"),
            Self::Nul(what) => write!(f, "{what} has a NUL character in it"),
        }
    }
}

impl Fault {
    /// The fault of an attempt to connect.
    pub(crate) fn connecting(error: tokio_postgres::Error) -> Self {
        let cause = error
            .source()
            .and_then(|cause| cause.downcast_ref::<io::Error>());
        // The driver's own error, rather than one of the operating system.
        let only_reads = cause.is_some_and(|cause| {
            cause.kind() == io::ErrorKind::PermissionDenied && cause.raw_os_error().is_none()
        });
        match Self::from(error) {
            Self::Broken(_) if only_reads => Self::Standby,
            Self::Broken(what) => Self::Unreachable(what),
            said => said,
        }
    }

    /// The fault of an unreadable row.
    pub(crate) fn reading(error: &tokio_postgres::Error) -> Self {
        Self::NotALogin(error.to_string())
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(said) = error.as_db_error() {
            return Self::Said {
                code: said.code().code().to_owned(),
                message: said.message().to_owned(),
            };
        }
        let mut what = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            what = format!("{what}: {cause}");
            source = cause.source();
        }
        Self::Broken(what)
    }
}
