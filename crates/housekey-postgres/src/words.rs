//! The statements on one table.

use std::sync::Arc;

use housekey_statements::postgres::{AttemptStatements, Statements, TableName};
use tokio_postgres::types::Type;

/// A statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Load,
    List,
    Standing,
    Create,
    DeleteAll,
    Update,
    Touch,
    Delete,
    DeleteByUser,
    DeleteExpired,
    CountAttempt,
    TakeAttemptBack,
    ForgiveAttempts,
    DeleteExpiredAttempts,
}

impl Which {
    pub(crate) const COUNT: usize = 14;

    /// The types of its arguments.
    pub(crate) fn types(self) -> &'static [Type] {
        const LOAD: &[Type] = &[Type::BYTEA, Type::INT8];
        const LIST: &[Type] = &[Type::TEXT, Type::INT8, Type::INT8];
        const STANDING: &[Type] = &[Type::TEXT, Type::INT8];
        const CREATE: &[Type] = &[
            Type::BYTEA,
            Type::TEXT,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::TEXT,
            Type::BYTEA_ARRAY,
            Type::INT8,
        ];
        const DELETE_ALL: &[Type] = &[Type::BYTEA_ARRAY];
        const TOUCH: &[Type] = &[Type::BYTEA, Type::INT8, Type::INT8, Type::INT8];
        const DELETE: &[Type] = &[Type::BYTEA];
        const DELETE_BY_USER: &[Type] = &[Type::TEXT, Type::BYTEA, Type::INT8];
        const COUNT_ATTEMPT: &[Type] = &[
            Type::BYTEA,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
        ];
        const DELETE_EXPIRED: &[Type] = &[Type::INT8, Type::INT8];
        match self {
            Self::Load => LOAD,
            Self::List => LIST,
            Self::Standing => STANDING,
            Self::Create => CREATE,
            Self::DeleteAll => DELETE_ALL,
            Self::Update => &CREATE[..7],
            Self::Touch => TOUCH,
            Self::Delete => DELETE,
            Self::DeleteByUser => DELETE_BY_USER,
            Self::DeleteExpired | Self::DeleteExpiredAttempts => DELETE_EXPIRED,
            Self::CountAttempt => COUNT_ATTEMPT,
            Self::TakeAttemptBack => &COUNT_ATTEMPT[..3],
            Self::ForgiveAttempts => DELETE,
        }
    }
}

/// The texts of the statements.
pub(crate) struct Words([Arc<str>; Which::COUNT]);

impl Words {
    pub(crate) fn new(table: &TableName) -> Self {
        let of = Statements::new(table);
        let attempts = AttemptStatements::new(table);
        Self([
            of.load_or_standby,
            of.list_or_standby,
            of.standing,
            of.create,
            of.delete_all,
            of.update,
            of.touch,
            of.delete,
            of.delete_by_user,
            of.delete_expired,
            attempts.count,
            attempts.take_back,
            attempts.forgive,
            attempts.delete_expired,
        ])
    }

    pub(crate) fn text(&self, which: Which) -> &str {
        &self.0[which as usize]
    }
}
