//! What the choices of this crate rest on: the driver, the thread, the layout of the table, and shared transactions.
//!
//! Rounds are interleaved: each asks every contender, in an order that turns, so that whatever else the machine does
//! meets all of them. A table has the median of the rounds, and how many times the first contender's that is.
//!
//! ```text
//! cargo bench --manifest-path crates/housekey-sqlite/beside-sqlx/0.9/Cargo.toml
//! ```

use std::future::Future;
use std::hint::black_box;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use housekey::records::{LoginId, LoginRecord, LoginStore as _, Touch};
use housekey_sqlite::SqliteLoginStore;
use rusqlite::{Connection, params};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

const RECORDS: u64 = 100_000;
const ROUNDS: usize = 15;
const NOW: u64 = 1_700_000_000;
const LOAD: &str = "SELECT id, user_id, version, created_at, last_seen_at, expires_at, data FROM logins \
                    WHERE id = ?1 AND +expires_at > ?2";

type Turn = Box<dyn FnMut(u64) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

struct Contender {
    name: &'static str,
    /// How many turns make a round.
    turns: u64,
    turn: Turn,
}

fn contender<F>(
    name: &'static str,
    turns: u64,
    mut turn: impl FnMut(u64) -> F + Send + 'static,
) -> Contender
where
    F: Future<Output = ()> + Send + 'static,
{
    Contender {
        name,
        turns,
        turn: Box::new(move |number| Box::pin(turn(number))),
    }
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return println!("cargo bench measures");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    // On a thread of the runtime, as a handler runs.
    let measured = runtime.spawn(async move {
        look_ups(folder.path()).await;
        layouts(folder.path()).await;
        writes(folder.path()).await;
    });
    runtime.block_on(measured).expect("it was measured");
}

/// The same look-up through each driver, and on each thread.
async fn look_ups(folder: &Path) {
    let path = folder.join("logins.db");
    let store = SqliteLoginStore::open(&path).expect("the store");
    fill(&path, 400);
    let same = Arc::new(Mutex::new(Connection::open(&path).expect("a connection")));
    let other = Arc::clone(&same);
    let options = SqliteConnectOptions::new().filename(&path);
    let pool = SqlitePool::connect_with(options).await.expect("a pool");

    let contenders = vec![
        contender(
            "rusqlite, cached statement, same thread",
            2000,
            move |number| {
                let connection = Arc::clone(&same);
                async move { load(&connection.lock().expect("no panic"), number) }
            },
        ),
        contender("rusqlite, through blocking::unblock", 2000, move |number| {
            let connection = Arc::clone(&other);
            blocking::unblock(move || load(&connection.lock().expect("no panic"), number))
        }),
        contender("sqlx, a pool", 2000, move |number| {
            let pool = pool.clone();
            async move {
                let load = sqlx::query_as(LOAD)
                    .bind(id(number).to_vec())
                    .bind(NOW as i64);
                let row: (Vec<u8>, String, i64, i64, i64, i64, String) =
                    load.fetch_one(&pool).await.expect("the record");
                black_box(row);
            }
        }),
        contender("this store", 2000, move |number| {
            let store = store.clone();
            async move {
                let id = LoginId::from_bytes(id(number));
                let record = store.load(&id, NOW).await.expect("an answer");
                black_box(record.expect("the record"));
            }
        }),
    ];
    measure("a look-up by id, one of 100,000", contenders).await;
}

/// The table with its rowid and without, for small rows and for large ones.
async fn layouts(folder: &Path) {
    for data in [200, 400, 1000] {
        let mut reads = Vec::new();
        let mut writes = Vec::new();
        for (name, tail) in [("with rowid", ""), ("WITHOUT ROWID", ", WITHOUT ROWID")] {
            let path = folder.join(format!("layout {data} {name}.db"));
            let connection = Connection::open(&path).expect("a connection");
            let create = format!(
                "CREATE TABLE logins (id BLOB NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, version INTEGER NOT NULL, \
                 created_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, \
                 data TEXT NOT NULL) STRICT{tail};
                 CREATE INDEX by_user ON logins (user_id); CREATE INDEX by_expiry ON logins (expires_at)"
            );
            connection.execute_batch(&create).expect("a table");
            fill(&path, data);
            let size = std::fs::metadata(&path).expect("the file").len();
            println!("{name}, {data} bytes of data: {} MiB", size >> 20);
            let connection = Arc::new(Mutex::new(connection));
            let read = Arc::clone(&connection);
            reads.push(contender(name, 2000, move |number| {
                let connection = Arc::clone(&read);
                async move { load(&connection.lock().expect("no panic"), number) }
            }));
            let mut next = RECORDS;
            writes.push(contender(name, 5, move |_| {
                let connection = Arc::clone(&connection);
                let first = next;
                next += 100;
                async move {
                    let connection = connection.lock().expect("no panic");
                    connection.execute_batch("BEGIN").expect("begin");
                    (first..first + 100).for_each(|number| insert(&connection, number, data));
                    connection.execute_batch("COMMIT").expect("commit");
                }
            }));
        }
        measure(&format!("a look-up, {data} bytes of data"), reads).await;
        measure(&format!("100 logins, {data} bytes of data"), writes).await;
    }
}

/// What it is worth that writes share a transaction.
async fn writes(folder: &Path) {
    let path = folder.join("writes.db");
    let store = SqliteLoginStore::open(&path).expect("the store");
    fill(&path, 400);
    let mut now = NOW;
    let mut contenders = Vec::new();
    for (name, at_once) in [("64 touches at once", 64), ("64 touches, one by one", 1)] {
        let store = store.clone();
        contenders.push(contender(name, 5, move |number| {
            now += 1000;
            let store = store.clone();
            let touch = Touch {
                now,
                unless_since: now,
                expires_at: now,
            };
            async move {
                for first in (0..64).step_by(at_once) {
                    let touches: Vec<_> = (first..first + at_once as u64)
                        .map(|offset| {
                            let store = store.clone();
                            let id = LoginId::from_bytes(id((number + offset) % RECORDS));
                            tokio::spawn(async move { store.touch(&id, touch).await })
                        })
                        .collect();
                    for touch in touches {
                        touch.await.expect("no panic").expect("an answer");
                    }
                }
            }
        }));
    }
    measure("writes, each on the disk when it is answered", contenders).await;
}

async fn measure(what: &str, mut contenders: Vec<Contender>) {
    let mut costs = vec![Vec::new(); contenders.len()];
    let mut number = 0_u64;
    // The first round is not counted.
    for round in 0..=ROUNDS {
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            let Contender { turns, turn, .. } = &mut contenders[index];
            let start = Instant::now();
            for _ in 0..*turns {
                number += 7919;
                turn(number % RECORDS).await;
            }
            let cost = start.elapsed().as_nanos() as f64 / *turns as f64 / 1000.0;
            if round > 0 {
                costs[index].push(cost);
            }
        }
    }
    let medians: Vec<_> = costs
        .into_iter()
        .map(|mut costs| {
            costs.sort_by(f64::total_cmp);
            costs[ROUNDS / 2]
        })
        .collect();
    println!("\n{what}");
    for (contender, median) in contenders.iter().zip(&medians) {
        let times = median / medians[0];
        println!("  {:40} {median:9.1} µs  {times:6.2} x", contender.name);
    }
}

/// Ids that lie as random ones do.
fn id(number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (half, bytes) in (0..2).zip(bytes.chunks_mut(8)) {
        let mut mixed = (2 * number + half + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bytes.copy_from_slice(&(mixed ^ (mixed >> 27)).to_be_bytes());
    }
    bytes
}

fn fill(path: &Path, data: usize) {
    let connection = Connection::open(path).expect("a connection");
    connection
        .pragma_update(None, "journal_mode", "wal")
        .expect("the log");
    connection.execute_batch("BEGIN").expect("begin");
    (0..RECORDS).for_each(|number| insert(&connection, number, data));
    connection
        .execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("commit");
}

fn insert(connection: &Connection, number: u64, data: usize) {
    let expires_at = NOW + 1000 + u64::from(id(number)[0]) * 1000;
    let record = LoginRecord {
        id: LoginId::from_bytes(id(number)),
        user_id: (number / 3).to_string(),
        version: 0,
        created_at: NOW,
        last_seen_at: NOW,
        expires_at,
        data: "x".repeat(data),
    };
    connection
        .prepare_cached("INSERT INTO logins VALUES (?, ?, 0, ?, ?, ?, ?)")
        .and_then(|mut insert| {
            let (id, now) = (record.id.as_bytes(), NOW as i64);
            insert.execute(params![
                id,
                record.user_id,
                now,
                now,
                expires_at as i64,
                record.data
            ])
        })
        .expect("insert");
}

fn load(connection: &Connection, number: u64) {
    let mut load = connection.prepare_cached(LOAD).expect("the statement");
    let row: (Vec<u8>, String, i64, i64, i64, i64, String) = load
        .query_row(params![id(number), NOW as i64], |row| row.try_into())
        .expect("the record");
    black_box(row);
}
