//! Questions asked over a connection of the pool.

use std::time::Duration;

use housekey::records::{Created, Limit, LoginId, LoginRecord, Room, Standing};
use housekey_statements::postgres::{IS_THERE, LAYOUT, Layout, SAYS_CHANGES, begin};
use tokio_postgres::Row;

use crate::fault::Fault;
use crate::pool::Question;
use crate::rows::{get, not_from_standby, standing};
use crate::session::{Ready, Server, Session};
use crate::value::Value;
use crate::words::Which;

/// The rows of one statement, which is its own transaction.
pub(crate) struct Single {
    pub(crate) which: Which,
    pub(crate) values: Vec<Value>,
}

impl Question for Single {
    type Answer = Vec<Row>;

    async fn ask(&self, session: &Session) -> Result<Vec<Row>, Fault> {
        Ok(session.rows(self.which, &self.values).await?)
    }
}

/// The rows of one statement in a transaction that follows an index.
pub(crate) struct Indexed {
    pub(crate) patience: i32,
    pub(crate) single: Single,
}

impl Question for Indexed {
    type Answer = Vec<Row>;

    async fn ask(&self, session: &Session) -> Result<Vec<Row>, Fault> {
        let Single { which, values } = &self.single;
        let ready = session.ready(*which).await?;
        let begin = begin(self.patience, None);
        // Sent one after the other, without waiting in between.
        let (begun, rows) = tokio::join!(
            biased;
            session.script(&begin),
            committed(session, &ready, values),
        );
        begun?;
        match which {
            Which::List => not_from_standby(rows?, session.server()),
            _ => rows,
        }
    }
}

/// Creates a record and deletes those that make room for it, while nothing else creates one for this user.
pub(crate) struct Creation {
    pub(crate) patience: i32,
    pub(crate) lock: i64,
    pub(crate) new: LoginRecord,
    pub(crate) replacing: Vec<LoginId>,
    pub(crate) limit: Limit,
}

impl Question for Creation {
    type Answer = Created;

    async fn ask(&self, session: &Session) -> Result<Created, Fault> {
        let [standing, create, delete_all] = [
            session.ready(Which::Standing).await?,
            session.ready(Which::Create).await?,
            session.ready(Which::DeleteAll).await?,
        ];
        let begin = begin(self.patience, Some(self.lock));
        let values = [
            Value::Text(self.new.user_id.clone()),
            Value::rows(self.limit.looks_at(self.replacing.len())),
        ];
        let (begun, newest) = tokio::join!(
            biased;
            session.script(&begin),
            session.run(&standing, &values),
        );
        let newest = begun.and(newest).map_err(Fault::from);
        let room = match newest.and_then(|newest| self.room(&newest)) {
            Ok(Some(room)) => room,
            full_or_fault => {
                // If it fails, the connection is lost, and the transaction with it.
                let _ = session.script("ROLLBACK").await;
                return full_or_fault.map(|_| Created::Full);
            }
        };
        let Room { ended, expired, .. } = &room;
        let mut go: Vec<_> = ended.iter().chain(expired).copied().collect();
        if room.crowded {
            committed(session, &delete_all, &[Value::Ids(go)]).await?;
            return Ok(Created::Crowded { ended: room.ended });
        }
        go.extend(self.replacing.iter().chain([&self.new.id]));
        let mut values = columns(&self.new);
        values.extend([Value::Ids(go), Value::number(self.limit.now)]);
        let rows = committed(session, &create, &values).await?;
        Ok(match get(only(&rows)?, 0)? {
            true => Created::Done { ended: room.ended },
            false => Created::Taken,
        })
    }
}

impl Creation {
    fn room(&self, newest: &[Row]) -> Result<Option<Room>, Fault> {
        let newest: Vec<Standing> = newest.iter().map(standing).collect::<Result<_, _>>()?;
        Ok(self.limit.room(&newest, &self.replacing))
    }
}

/// Runs the last statement of a transaction, and ends the transaction even if the statement fails.
async fn committed(
    session: &Session,
    ready: &Ready<'_>,
    values: &[Value],
) -> Result<Vec<Row>, Fault> {
    let (rows, committed) = tokio::join!(
        biased;
        session.run(ready, values),
        session.script("COMMIT"),
    );
    let rows = rows?;
    // Whatever a server says if it ends meanwhile, this may have been carried out, so it must not be tried again.
    committed.map_err(|error| match Fault::from(error) {
        fault if fault.is_of_the_connection() => Fault::Broken(fault.to_string()),
        fault => fault,
    })?;
    Ok(rows)
}

fn only(rows: &[Row]) -> Result<&Row, Fault> {
    let none = || Fault::Broken("an answer has no row".to_owned());
    rows.first().ok_or_else(none)
}

/// The table's layout.
pub(crate) struct Described {
    pub(crate) table: String,
}

impl Question for Described {
    type Answer = Layout;

    async fn ask(&self, session: &Session) -> Result<Layout, Fault> {
        let rows = session
            .typed(LAYOUT, &[Value::Text(self.table.clone())])
            .await?;
        let row = only(&rows)?;
        Ok(Layout {
            encoding: get(row, 0)?,
            kind: get(row, 1)?,
            columns: get(row, 2)?,
            indexes: get(row, 3)?,
        })
    }
}

/// Whether the table reports changed records.
pub(crate) struct SaysChanges {
    pub(crate) table: String,
    pub(crate) body: String,
}

impl Question for SaysChanges {
    type Answer = bool;

    async fn ask(&self, session: &Session) -> Result<bool, Fault> {
        let values = [&self.table, &self.body].map(|text| Value::Text(text.clone()));
        let rows = session.typed(SAYS_CHANGES, &values).await?;
        get(only(&rows)?, 0)
    }
}

/// Whether there is a table with this name.
pub(crate) struct IsThere {
    pub(crate) table: String,
}

impl Question for IsThere {
    type Answer = bool;

    async fn ask(&self, session: &Session) -> Result<bool, Fault> {
        let values = [Value::Text(self.table.clone())];
        let rows = session.typed(IS_THERE, &values).await?;
        get(only(&rows)?, 0)
    }
}

/// Several statements without arguments, all or nothing.
pub(crate) struct Script(pub(crate) String);

impl Question for Script {
    type Answer = ();

    async fn ask(&self, session: &Session) -> Result<(), Fault> {
        Ok(session.script(&self.0).await?)
    }
}

/// How long a transaction may be idle: somewhat longer than an operation may take.
pub(crate) fn patience(limit: Duration) -> i32 {
    Server::milliseconds(limit.saturating_add(Duration::from_secs(1)))
}

/// All columns of a record, in order.
pub(crate) fn columns(record: &LoginRecord) -> Vec<Value> {
    vec![
        Value::Id(record.id),
        Value::Text(record.user_id.clone()),
        Value::number(record.version),
        Value::number(record.created_at),
        Value::number(record.last_seen_at),
        Value::number(record.expires_at),
        Value::Text(record.data.clone()),
    ]
}
