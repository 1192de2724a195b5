//! The store at an address, opened without creating anything.

#[cfg(not(any(feature = "postgres", feature = "redis", feature = "sqlite")))]
compile_error!("housekey needs a store: one of the features sqlite, postgres and redis");

use housekey::LoginManagerBuilder;
use housekey::attempts::Attempts;
#[cfg(feature = "postgres")]
use housekey_postgres::PostgresLoginStore;
#[cfg(feature = "redis")]
use housekey_redis::RedisLoginStore;
#[cfg(feature = "sqlite")]
use housekey_sqlite::SqliteLoginStore;

use crate::address::Address;
use crate::arguments::StoreOptions;
use crate::output::Failure;
use crate::site::Nobody;

/// A store of any kind. Clones are the same store.
#[derive(Clone)]
pub(crate) enum Store {
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteLoginStore),
    #[cfg(feature = "postgres")]
    Postgres(PostgresLoginStore),
    #[cfg(feature = "redis")]
    Redis(RedisLoginStore),
}

impl Store {
    /// `None` if neither the options nor the environment name one.
    pub(crate) fn open(options: &StoreOptions) -> Result<Option<Self>, Failure> {
        let Some(text) = options.store.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let address = Address::parse(text)
            .map_err(|why| Failure::Usage(format!("the address of the store: {why}")))?;
        let is_redis = !matches!(address, Address::Sqlite(_) | Address::Postgres(_));
        let misplaced = match is_redis {
            true => options
                .table
                .as_ref()
                .map(|_| "--table is for SQLite and PostgreSQL; Redis has --prefix"),
            false => {
                let prefix = options
                    .prefix
                    .as_ref()
                    .map(|_| "--prefix is for Redis; a database has --table");
                prefix.or(options.replicas.map(|_| "--replicas is for Redis"))
            }
        };
        if let Some(misplaced) = misplaced {
            return Err(Failure::Usage(misplaced.to_owned()));
        }
        match address {
            Address::Sqlite(path) => sqlite(path, options),
            Address::Postgres(url) => postgres(&url, options),
            Address::Redis(url) => redis(Servers::One(url), options),
            Address::RedisCluster(nodes) => redis(Servers::Cluster(nodes), options),
            Address::RedisSentinel { sentinels, master } => {
                redis(Servers::Sentinel(sentinels, master), options)
            }
        }
        .map(Some)
    }

    /// For what is kept of attempts, which is in the same store.
    pub(crate) fn give_attempts_to(
        &self,
        manager: LoginManagerBuilder<Nobody>,
    ) -> LoginManagerBuilder<Nobody> {
        manager.limit_attempts(match self.clone() {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(store) => Attempts::new(store),
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => Attempts::new(store),
            #[cfg(feature = "redis")]
            Self::Redis(store) => Attempts::new(store),
        })
    }

    pub(crate) fn give_to(
        self,
        manager: LoginManagerBuilder<Nobody>,
    ) -> LoginManagerBuilder<Nobody> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(store) => manager.login_store(store),
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => manager.login_store(store),
            #[cfg(feature = "redis")]
            Self::Redis(store) => manager.login_store(store),
        }
    }
}

#[cfg_attr(not(feature = "redis"), allow(dead_code))]
enum Servers {
    One(String),
    Cluster(Vec<String>),
    Sentinel(Vec<String>, String),
}

#[cfg(feature = "sqlite")]
fn sqlite(path: std::path::PathBuf, options: &StoreOptions) -> Result<Store, Failure> {
    if let Err(error) = path.metadata() {
        return Err(Failure::Failed(format!(
            "the SQLite file {}: {error}; say which file it is, from the root or from this folder",
            path.display()
        )));
    }
    let mut builder = SqliteLoginStore::builder(path)
        .makes_nothing()
        .on_calling_thread()
        .busy_timeout(options.timeout);
    if let Some(table) = &options.table {
        builder = builder.table(table);
    }
    let store = builder.open().map_err(|error| Failure::of(&error))?;
    Ok(Store::Sqlite(store))
}

#[cfg(feature = "postgres")]
fn postgres(url: &str, options: &StoreOptions) -> Result<Store, Failure> {
    let failed = |error| Failure::of(&error);
    let mut store = PostgresLoginStore::connect(url)
        .map_err(failed)?
        .timeout(options.timeout)
        .max_connections(1);
    if let Some(table) = &options.table {
        store = store.table(table).map_err(failed)?;
    }
    Ok(Store::Postgres(store))
}

#[cfg(feature = "redis")]
fn redis(servers: Servers, options: &StoreOptions) -> Result<Store, Failure> {
    let client = |url: String| {
        redis::Client::open(url).map_err(|error| {
            // Its text is about the address, which may contain a password. Its kind is not.
            Failure::Usage(format!(
                "the address of the store cannot be read as one of Redis ({:?})",
                error.kind()
            ))
        })
    };
    let clients = |urls: Vec<String>| urls.into_iter().map(client).collect::<Result<Vec<_>, _>>();
    let mut store = match servers {
        Servers::One(url) => RedisLoginStore::new(client(url)?),
        Servers::Cluster(nodes) => RedisLoginStore::cluster(clients(nodes)?),
        Servers::Sentinel(sentinels, master) => {
            RedisLoginStore::sentinel(clients(sentinels)?, client(master)?)
        }
    };
    store = store.timeout(options.timeout);
    if let Some(prefix) = &options.prefix {
        store = store.prefix(prefix);
    }
    if let Some(replicas) = options.replicas {
        store = store.replicas(replicas);
    }
    Ok(Store::Redis(store))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: std::path::PathBuf, _: &StoreOptions) -> Result<Store, Failure> {
    Err(not_built_with("sqlite"))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str, _: &StoreOptions) -> Result<Store, Failure> {
    Err(not_built_with("postgres"))
}

#[cfg(not(feature = "redis"))]
fn redis(_: Servers, _: &StoreOptions) -> Result<Store, Failure> {
    Err(not_built_with("redis"))
}

#[cfg(not(all(feature = "postgres", feature = "redis", feature = "sqlite")))]
fn not_built_with(feature: &str) -> Failure {
    Failure::Usage(format!(
        "this housekey was built without {feature}: cargo install housekey-cli --features {feature}"
    ))
}
