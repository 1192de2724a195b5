//! Stores, and keys that are deleted after their test.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use housekey_redis::RedisLoginStore;
use redis::{Client, Commands as _, Connection, FromRedisValue};
use store_tests::{Kind, shared_url, unique_name};

/// Separate keys on the server for all tests.
pub(crate) struct OwnKeys {
    pub(crate) prefix: String,
    client: Client,
    /// For the questions of the test itself.
    connection: Mutex<Connection>,
}

impl OwnKeys {
    pub(crate) fn new() -> Self {
        let url = shared_url(Kind::Redis);
        let client = Client::open(url).expect("REDIS_URL is the URL of a server");
        let connection = client.get_connection().expect("the server answers");
        Self {
            prefix: format!("{}:", unique_name()),
            client,
            connection: Mutex::new(connection),
        }
    }

    /// A store with its own connection.
    pub(crate) fn store(&self) -> Arc<RedisLoginStore> {
        Arc::new(RedisLoginStore::new(self.client.clone()).prefix(&*self.prefix))
    }

    /// The server's answer to another client's command.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &str, arguments: &[&str]) -> T {
        let answer = redis::cmd(command)
            .arg(arguments)
            .query(&mut *self.connection());
        answer.expect("the server answers")
    }

    /// All of these keys.
    pub(crate) fn all(&self) -> Vec<String> {
        let mut connection = self.connection();
        let keys = connection.scan_match(format!("{}*", self.prefix));
        let keys: Result<Vec<String>, _> = keys.expect("the server answers").collect();
        let mut keys = keys.expect("the server answers");
        keys.sort();
        keys
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OwnKeys {
    fn drop(&mut self) {
        let left = self.all();
        if !left.is_empty() {
            let _: () = self.connection().del(left).expect("the server answers");
        }
    }
}
