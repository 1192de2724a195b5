//! The arguments of statements.

use std::error::Error;
use std::fmt;

use bytes::BytesMut;
use housekey::attempts::AttemptKey;
use housekey::records::LoginId;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// An argument of a statement. The driver can log arguments: this one shows nothing.
pub(crate) enum Value {
    Id(LoginId),
    Key(AttemptKey),
    MaybeId(Option<LoginId>),
    Ids(Vec<LoginId>),
    Text(String),
    Number(i64),
}

impl Value {
    /// A number, or the largest possible one in place of a larger: that is 292 billion years after 1970.
    pub(crate) fn number(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }

    pub(crate) fn rows(limit: usize) -> Self {
        Self::Number(i64::try_from(limit).unwrap_or(i64::MAX))
    }

    pub(crate) fn type_(&self) -> Type {
        match self {
            Self::Id(_) | Self::Key(_) | Self::MaybeId(_) => Type::BYTEA,
            Self::Ids(_) => Type::BYTEA_ARRAY,
            Self::Text(_) => Type::TEXT,
            Self::Number(_) => Type::INT8,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let bytes = |id: &LoginId| id.as_bytes().to_vec();
        match self {
            Self::Id(id) => (&id.as_bytes()[..]).to_sql(ty, out),
            Self::Key(key) => (&key.as_bytes()[..]).to_sql(ty, out),
            Self::MaybeId(id) => id.as_ref().map(bytes).to_sql(ty, out),
            Self::Ids(ids) => ids.iter().map(bytes).collect::<Vec<_>>().to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Number(number) => number.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_arguments_shows_nothing_of_a_login() {
        let id = LoginId::from_bytes([7; 16]);
        let values = [
            Value::Id(id),
            Value::Key(AttemptKey::from_bytes([7; 16])),
            Value::MaybeId(Some(id)),
            Value::Ids(vec![id]),
            Value::Text("mia".to_owned()),
            Value::Number(1_700_000_000),
        ];
        assert_eq!(format!("{values:?}"), "[…, …, …, …, …, …]");
    }
}
