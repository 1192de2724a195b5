//! axum with housekey: the safe preset.

use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use housekey_axum::records::{MemoryLoginStore, RecordCache};
use housekey_axum::{
    BoxError, Error, LoginManager, LoginManagerBuilder, LoginManagerExt as _, LoginRequired,
    SecretKeys, User, UserLoader,
};
use housekey_postgres::PostgresLoginStore;
use housekey_redis::RedisLoginStore;
use housekey_sqlite::SqliteLoginStore;

use super::{greeting, with_public_pages};
use crate::requests::LOGIN_PAGE;
use crate::users::{MIA, Member, Users};

/// How logins are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// Only in cookies.
    Stateless,
    /// Only in cookies, which end when the password changes.
    AuthHash,
    /// In a record in a store, with an auth hash too.
    Memory,
    Sqlite,
    Postgres,
    Redis,
    /// The same with records that are kept in the process.
    PostgresCached,
    RedisCached,
}

pub(super) struct Account {
    pub(super) member: Member,
    has_auth_hash: bool,
}

impl User for Account {
    fn id(&self) -> String {
        self.member.id.clone()
    }

    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        self.has_auth_hash.then(|| self.member.stamp.clone())
    }
}

pub(super) struct Accounts {
    users: Users,
    have_auth_hash: bool,
}

impl Accounts {
    pub(super) fn without_auth_hash(users: Users) -> Self {
        Self {
            users,
            have_auth_hash: false,
        }
    }

    pub(super) async fn find(&self, id: &str) -> Result<Option<Account>, BoxError> {
        let member = self.users.find(id).await?;
        Ok(member.map(|member| Account {
            member,
            has_auth_hash: self.have_auth_hash,
        }))
    }
}

impl UserLoader<Account> for Accounts {
    async fn load_user(&self, id: &str) -> Result<Option<Account>, BoxError> {
        self.find(id).await
    }

    fn finds_by_request(&self) -> bool {
        false
    }
}

/// The manager of logins that are only in cookies, for the site on another framework.
pub(super) fn manager(users: Users) -> Result<LoginManager<Account>, BoxError> {
    Ok(builder(Accounts::without_auth_hash(users))?.build()?)
}

fn builder(accounts: Accounts) -> Result<LoginManagerBuilder<Account>, BoxError> {
    let keys = SecretKeys::new("b1946ac92492d2347c6235b4d2611184")?;
    Ok(LoginManager::new(keys, accounts).login_view(LOGIN_PAGE))
}

pub(super) async fn site(users: Users, login: Login, folder: &Path) -> Result<Router, BoxError> {
    let have_auth_hash = login != Login::Stateless;
    let accounts = Accounts {
        users: users.clone(),
        have_auth_hash,
    };
    let manager = builder(accounts)?;
    let manager = match login {
        Login::Stateless | Login::AuthHash => manager,
        Login::Memory => manager.login_store(MemoryLoginStore::new()),
        Login::Sqlite => manager.login_store(SqliteLoginStore::open(folder.join("logins.db"))?),
        Login::Postgres => manager.login_store(postgres(None).await?),
        Login::PostgresCached => manager.login_store(postgres(Some(RecordCache::new())).await?),
        Login::Redis => manager.login_store(redis()?),
        Login::RedisCached => manager.login_store(redis()?.cache_records(RecordCache::new())?),
    };
    let sign_in = async move |login: housekey_axum::Login<Account>| {
        let accounts = Accounts {
            users: users.clone(),
            have_auth_hash,
        };
        sign_in(&accounts, login).await
    };
    let own = Router::new()
        .route("/dashboard", get(dashboard))
        .route("/sign-in", post(sign_in));
    Ok(with_public_pages(own).layer(manager.build()?.layer()))
}

async fn postgres(cache: Option<RecordCache>) -> Result<PostgresLoginStore, BoxError> {
    let mut store = PostgresLoginStore::connect(&std::env::var("DATABASE_URL")?)?;
    if let Some(cache) = cache {
        store = store.cache_records(cache)?;
    }
    store.create_table().await?;
    Ok(store)
}

fn redis() -> Result<RedisLoginStore, BoxError> {
    let client = redis::Client::open(std::env::var("REDIS_URL")?)?;
    Ok(RedisLoginStore::new(client))
}

async fn dashboard(LoginRequired(account): LoginRequired<Account>) -> String {
    greeting(&account.member.name)
}

async fn sign_in(
    accounts: &Accounts,
    login: housekey_axum::Login<Account>,
) -> Result<StatusCode, Error> {
    match accounts.find(MIA).await {
        Ok(Some(mia)) => login.login_user(&mia).await?,
        _ => return Ok(StatusCode::INTERNAL_SERVER_ERROR),
    }
    Ok(StatusCode::NO_CONTENT)
}
