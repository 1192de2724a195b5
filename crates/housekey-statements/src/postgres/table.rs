//! The name of the table, and the SQL that makes it.

use std::error::Error;
use std::fmt;

/// PostgreSQL's limit for a name; it cuts off the rest.
const LONGEST_NAME: usize = 63;
/// The longest of the suffixes. Cut off, two would be the same name.
const LONGEST_ENDING: &str = "_expires_at";
/// What is behind a table's name in that of its attempts.
const ATTEMPTS: &str = "_attempts";

/// A table's name, optionally with its schema: ASCII letters, digits and `_`. SQL gets it in quotation marks, so that a
/// word such as `user` can be a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    schema: Option<String>,
    pub(super) table: String,
}

/// A name that is not valid for a table. Says what is.
#[derive(Clone, Debug)]
pub struct InvalidName(String);

impl TableName {
    /// A table, optionally in a schema: `staff_logins`, `app.logins`.
    ///
    /// # Errors
    ///
    /// When the name contains anything but ASCII letters, digits and `_`, begins with a digit, or is longer than 52
    /// characters.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let (schema, table) = match name.split_once('.') {
            Some((schema, table)) => (Some(schema), table),
            None => (None, name),
        };
        let fits = |part: &str, longest: usize| {
            let mut bytes = part.bytes();
            let starts = bytes
                .next()
                .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
            starts
                && part.len() <= longest
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if !fits(table, LONGEST_NAME - LONGEST_ENDING.len())
            || schema.is_some_and(|schema| !fits(schema, LONGEST_NAME))
        {
            return Err(InvalidName(name.to_owned()));
        }
        Ok(Self {
            schema: schema.map(str::to_owned),
            table: table.to_owned(),
        })
    }

    /// The number of the lock under which a user's records are made: the 64-bit FNV-1a of the table's name and the user's
    /// id, the same in every version and on every machine. Two users with the same number wait for each other now and then.
    /// The schema is left out, since one process may name it while another finds the table without.
    pub fn lock_of(&self, user_id: &str) -> i64 {
        let bytes = self.table.bytes().chain([0]).chain(user_id.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash.cast_signed()
    }

    /// Something in the same schema whose name is the table's with this behind it.
    pub(super) fn with_ending(&self, ending: &str) -> Self {
        Self {
            schema: self.schema.clone(),
            table: format!("{}{ending}", self.table),
        }
    }

    /// The table of attempts beside this one, as SQL has it.
    pub fn attempts(&self) -> String {
        self.with_ending(ATTEMPTS).to_string()
    }

    /// The SQL that makes the tables and their indexes unless they exist.
    pub fn create_sql(&self) -> String {
        let Self { table, .. } = self;
        let attempts = self.attempts();
        // "C" sorts by bytes, so that an update of the system's locales cannot break the index.
        format!(
            r#"CREATE TABLE IF NOT EXISTS {self} (
    id bytea PRIMARY KEY CHECK (octet_length(id) = 16),
    user_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    data text NOT NULL
);
CREATE INDEX IF NOT EXISTS "{table}_by_user" ON {self} (user_id, last_seen_at, created_at, expires_at);
CREATE INDEX IF NOT EXISTS "{table}_expires_at" ON {self} (expires_at);
CREATE TABLE IF NOT EXISTS {attempts} (
    key bytea PRIMARY KEY CHECK (octet_length(key) = 16),
    next_at bigint NOT NULL,
    forgotten_at bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS "{table}_forgotten" ON {attempts} (forgotten_at);
"#
        )
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "table: {:?} cannot be the name of a table; use letters, digits and _, at most 52, no digit first; a schema and a \
             point may stand before it",
            self.0
        )
    }
}

impl Error for InvalidName {}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "\"{schema}\".")?;
        }
        write!(f, "\"{}\"", self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_letters_digits_and_underscores_and_perhaps_a_schema() {
        for (name, written) in [
            ("housekey_logins", r#""housekey_logins""#),
            ("_1", r#""_1""#),
            ("Logins", r#""Logins""#),
            ("user", r#""user""#),
            ("app.logins", r#""app"."logins""#),
            (&"x".repeat(52), &format!("\"{}\"", "x".repeat(52))),
        ] {
            assert_eq!(TableName::new(name).unwrap().to_string(), written, "{name}");
        }
    }

    #[test]
    fn a_users_lock_is_the_same_in_every_version_and_however_the_schema_is_named() {
        let lock = |table, user| TableName::new(table).unwrap().lock_of(user);
        // FNV-1a of "logins\0mia".
        assert_eq!(lock("logins", "mia"), -4_241_160_455_708_911_558);
        assert_eq!(lock("app.logins", "mia"), -4_241_160_455_708_911_558);
        assert_ne!(lock("logins", "ben"), -4_241_160_455_708_911_558);
        assert_ne!(lock("staff_logins", "mia"), -4_241_160_455_708_911_558);
    }

    #[test]
    fn any_other_name_is_refused() {
        for name in [
            "",
            "1logins",
            "log ins",
            "logins;",
            "log\"ins",
            "log-ins",
            "größe",
            ".logins",
            "app.",
            "a.b.c",
            "logins\0",
            &"x".repeat(53),
            &format!("{}.logins", "x".repeat(64)),
        ] {
            let refused = TableName::new(name).map(|name| name.to_string());
            assert!(refused.is_err(), "{name:?}");
        }
    }
}
