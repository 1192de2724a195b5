//! Reads rows.

use housekey::records::{LoginId, LoginRecord, Standing};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::fault::Fault;
use crate::session::Server;

/// The rows, or a fault if a standby answered although none was asked for. The first column says so.
pub(crate) fn not_from_standby(rows: Vec<Row>, server: &Server) -> Result<Vec<Row>, Fault> {
    let first = rows.first();
    let first = first.ok_or_else(|| Fault::Broken("an answer has no row".to_owned()))?;
    let is_standby: bool = get(first, 0)?;
    match is_standby && !server.address.takes_standby {
        true => Err(Fault::Standby),
        false => Ok(rows),
    }
}

/// The records that were found. There is a row even without a record, because it says whether a standby answers.
pub(crate) fn records(rows: &[Row]) -> Result<Vec<LoginRecord>, Fault> {
    let found = rows
        .iter()
        .filter(|row| !matches!(row.try_get::<_, Option<&[u8]>>("id"), Ok(None)));
    found.map(record).collect()
}

fn record(row: &Row) -> Result<LoginRecord, Fault> {
    let number = |column| Ok::<_, Fault>(unsigned(named(row, column)?));
    Ok(LoginRecord {
        id: id(row)?,
        user_id: named(row, "user_id")?,
        version: number("version")?,
        created_at: number("created_at")?,
        last_seen_at: number("last_seen_at")?,
        expires_at: number("expires_at")?,
        data: named(row, "data")?,
    })
}

pub(crate) fn standing(row: &Row) -> Result<Standing, Fault> {
    Ok(Standing {
        id: id(row)?,
        last_seen_at: unsigned(named(row, "last_seen_at")?),
        expires_at: unsigned(named(row, "expires_at")?),
    })
}

pub(crate) fn id(row: &Row) -> Result<LoginId, Fault> {
    let bytes: &[u8] = named(row, "id")?;
    let bytes = bytes.try_into();
    let bytes = bytes.map_err(|_| Fault::NotALogin("an id has not 16 bytes".to_owned()))?;
    Ok(LoginId::from_bytes(bytes))
}

/// A column of each row, by its index.
pub(crate) fn column<'a, T: FromSql<'a>>(rows: &'a [Row], index: usize) -> Result<Vec<T>, Fault> {
    rows.iter().map(|row| get(row, index)).collect()
}

pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, Fault> {
    row.try_get(index).map_err(|error| Fault::reading(&error))
}

fn named<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<T, Fault> {
    row.try_get(column).map_err(|error| Fault::reading(&error))
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
